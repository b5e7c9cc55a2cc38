/**
 * What own readings cost (docs/protocol.md §11): energy for each bar, by the tariff of the bill of its time; and the bill so far, by that of
 * the newest. Pure.
 */
import {
  billedPlans,
  importPriceE16,
  runningBill,
  spanCost,
  type BillingTerms,
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
const PRICE_DIGITS = 5;
const MILLIWATT_HOURS_OF_KILOWATT_HOUR = 1_000_000n;
/** A month. Of a year there is no one bill, but several, each with its own tariff. */
const BILL_SECONDS_MAX = 32 * 86_400;

export interface Terms {
  readonly tariff: Tariff;
  readonly zone: string;
  readonly prices: readonly DynamicPrices[];
  /** Of each bill, in order of time. */
  readonly billed: readonly BillingTerms[];
}

export interface Costs {
  readonly calendar: Calendar;
  /** Exact to a thousandth of the currency; undefined where no price is known. */
  energy(span: Range): string | null;
  of(span: Range): Cost;
  /** Of a kWh at an instant, levies and taxes included; null where it is not known. */
  price(instant: number): string | null;
}

/** `window`: local midnights around all that is asked. Undefined where the tariff is not in force. */
export function costsOf(terms: Terms, series: ReadingSeries, window: Range): Costs | undefined {
  const { tariff, zone, prices } = terms;
  // Nothing stands before the contract: its first bill begins with it.
  const from = Math.max(window.from, terms.billed[0]?.window.from ?? window.from);
  const billing = { tariff, zone, prices, window: { from, to: window.to } };
  const isOneBill = window.to - window.from <= BILL_SECONDS_MAX && from < window.to;
  const plans = billedPlans(terms.billed, window);
  if (plans.length === 0) return undefined;
  const energy = (span: Range): string | null =>
    known(() => energyText(plans, series, span)) ?? null;
  return {
    calendar: tariff.calendar,
    energy,
    price(instant) {
      const plan = plans.find(({ window }) => window.from <= instant && instant < window.to);
      const price = plan && known(() => importPriceE16(plan, instant));
      if (price === undefined) return null;
      const exact = price * MILLIWATT_HOURS_OF_KILOWATT_HOUR;
      return formatMinor(roundExact(exact, PRICE_DIGITS), PRICE_DIGITS);
    },
    of(span) {
      // A day that has begun has its standing charge.
      const until = Math.min(window.to, addLocalDays(localDayStart(span.to - 1, zone), 1, zone));
      const bill = isOneBill ? known(() => runningBill(billing, series, until)) : undefined;
      return { currency: tariff.currency, energy: energy(span), total: bill?.bill.amount ?? null };
    },
  };
}

function energyText(
  plans: readonly CostPlan[],
  series: ReadingSeries,
  { from, to }: Range,
): string | undefined {
  const inside = plans.filter(({ window }) => window.from < to && window.to > from);
  const planned = inside.reduce(
    (sum, { window }) => sum + Math.min(to, window.to) - Math.max(from, window.from),
    0,
  );
  const costs = inside.map((plan) => spanCost(plan, series, { from, to }));
  const isUnknown = costs.some(({ unpricedMilliwattHours }) => unpricedMilliwattHours > 0);
  if (planned < to - from || isUnknown) return undefined;
  const sumE16 = costs.reduce((sum, cost) => sum + cost.importE16 + cost.exportE16, 0n);
  return formatMinor(roundExact(sumE16, DIGITS), DIGITS);
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
