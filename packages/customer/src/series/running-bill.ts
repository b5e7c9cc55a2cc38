/**
 * The bill so far (docs/protocol.md §11): what a billing window's elapsed days would be billed, by the household's own readings and the code
 * that bills. Not a forecast. Pure; runs at the customer.
 */
import { arePricesKnown, costOf, priceBill, wrapCost, type Bill } from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";
import { bandEnergies } from "./band-energies.ts";
import { tariffInWindow, type BillingTerms } from "./cost-plan.ts";
import { loadFigures, type Coverage } from "./load-figures.ts";
import { runsIn, type ReadingSeries } from "./reading-series.ts";

export interface RunningBill {
  /** With standing charges for the days up to `until`; tiers and minimums are those of as many days. */
  readonly bill: Bill;
  /** Of the elapsed days, how much it rests on. */
  readonly coverage: Coverage;
}

/**
 * The bill of [window.from, until), where `until` is a local midnight in the window: tomorrow's, if today is to count. Where a cost is billed
 * and not every price is known yet, the tariff's fallback price holds, and the bill says so with a line of its own. Throws
 * TARIFF_WINDOW_INVALID, TARIFF_NOT_IN_FORCE, TARIFF_BOUNDARY_INSIDE_INTERVAL, ZONE_UNKNOWN.
 */
export function runningBill(
  terms: BillingTerms,
  series: ReadingSeries,
  until: number,
): RunningBill {
  const { zone, window } = terms;
  // What takes effect inside is decided by the whole window, not by what of it has elapsed.
  const tariff = tariffInWindow(terms);
  const elapsed = { from: window.from, to: until };
  const { exportMilliwattHours, coverage } = loadFigures(series, elapsed);
  const cost = countedCost(terms, series, elapsed);
  const bill = priceBill({
    tariff,
    zone,
    fromSeconds: elapsed.from,
    toSeconds: elapsed.to,
    registersMilliwattHours: bandEnergies(series, elapsed, tariff.calendar, zone).map(BigInt),
    exportMilliwattHours: BigInt(exportMilliwattHours),
    ...(cost !== undefined && { cost }),
  });
  return { bill, coverage };
}

/** What a cost register would have counted; undefined without one, or while a price is not known. */
function countedCost(
  { tariff, prices = [] }: BillingTerms,
  series: ReadingSeries,
  span: Span,
): bigint | undefined {
  if (tariff.calendar.cost === undefined) return undefined;
  const { stepSeconds } = tariff.calendar.cost;
  let counted = 0n;
  for (const run of runsIn(series, span)) {
    const { startSeconds: fromSeconds, intervalSeconds, importMilliwattHours } = run;
    const toSeconds = fromSeconds + intervalSeconds * importMilliwattHours.length;
    const first = Math.floor(fromSeconds / stepSeconds) * stepSeconds;
    if (!arePricesKnown(prices, { fromSeconds: first, toSeconds })) return undefined;
    const energiesMilliwattHours = importMilliwattHours;
    counted += costOf(prices, { energiesMilliwattHours, fromSeconds, intervalSeconds });
  }
  return wrapCost(counted);
}
