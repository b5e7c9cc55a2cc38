/** What own readings cost by the tariff of the newest bill (docs/protocol.md §11): energy for each bar, and the bill so far. Pure. */
import {
  planCosts,
  runningBill,
  spanCost,
  type CostPlan,
  type ReadingSeries,
} from "@smarter-metering/customer";
import {
  addLocalDays,
  formatMinor,
  localDayStart,
  roundExact,
  TariffError,
  type Calendar,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import type { Cost, Range } from "./messages.ts";

/** A thousandth of a cent is nothing that a person reads; a tenth of one is a light that was left on. */
const DIGITS = 3;

export interface Terms {
  readonly tariff: Tariff;
  readonly zone: string;
  readonly prices: readonly DynamicPrices[];
}

export interface Costs {
  readonly calendar: Calendar;
  /** Exact to a thousandth of the currency; undefined where no price is known. */
  energy(span: Range): string | null;
  of(span: Range): Cost;
}

/** `window`: local midnights around all that is asked. Undefined where the tariff is not in force. */
export function costsOf(terms: Terms, series: ReadingSeries, window: Range): Costs | undefined {
  const { tariff, zone } = terms;
  const billing = { ...terms, window };
  const plan = known(() => planCosts(billing));
  if (plan === undefined) return undefined;
  const energy = (span: Range): string | null =>
    known(() => energyText(plan, series, span)) ?? null;
  return {
    calendar: tariff.calendar,
    energy,
    of(span) {
      // A day that has begun has its standing charge.
      const until = Math.min(window.to, addLocalDays(localDayStart(span.to - 1, zone), 1, zone));
      const bill = known(() => runningBill(billing, series, until));
      return { currency: tariff.currency, energy: energy(span), total: bill?.bill.amount ?? null };
    },
  };
}

function energyText(plan: CostPlan, series: ReadingSeries, span: Range): string | undefined {
  const cost = spanCost(plan, series, span);
  if (cost.unpricedMilliwattHours > 0) return undefined;
  return formatMinor(roundExact(cost.importE16 + cost.exportE16, DIGITS), DIGITS);
}

/** A tariff that cannot price this is no fault: there is no cost to show. */
function known<Result>(price: () => Result): Result | undefined {
  try {
    return price();
  } catch (error) {
    if (error instanceof TariffError) return undefined;
    throw error;
  }
}
