/**
 * What one kWh costs at an instant, and one interval of own readings (docs/protocol.md §11): the same prices as `spanCost`, so that rows of
 * a file add up to what a chart shows. Pure; runs at the customer.
 */
import {
  bandAt,
  bandsOf,
  priceAt,
  type CostTerms as SeriesTerms,
  type DynamicPrices,
} from "@smarter-metering/tariff";
import type { Reading } from "../readings.ts";
import { tariffOrUndefined } from "../tariff-errors.ts";
import type { CostPlan, PricedStretch } from "./cost-plan.ts";

/** Exact, in 10⁻¹⁶ of the currency; levies and taxes included. */
export interface IntervalCost {
  /** Undefined where no price is known, or it changes inside the interval. */
  readonly importE16: bigint | undefined;
  /** What export is paid: 0 or less. */
  readonly exportE16: bigint;
}

/**
 * By the plan in whose window the interval begins; undefined outside all of them. Over the intervals that begin in a span these add up to
 * `spanCost`'s `importE16` and `exportE16`; where a price changes inside an interval, that throws and this is undefined.
 */
export function intervalCost(
  plans: readonly CostPlan[],
  reading: Omit<Reading, "quality">,
): IntervalCost | undefined {
  const { startSeconds, importMilliwattHours, exportMilliwattHours } = reading;
  const plan = plans.find(({ window }) => window.from <= startSeconds && startSeconds < window.to);
  const stretch = plan && stretchAt(plan, startSeconds);
  if (plan === undefined || stretch === undefined) return undefined;
  const unitE16 = importUnitE16(plan, stretch, reading);
  return {
    importE16: unitE16 === undefined ? undefined : BigInt(importMilliwattHours) * unitE16,
    exportE16: BigInt(exportMilliwattHours) * stretch.exportE16,
  };
}

type Interval = Pick<Reading, "startSeconds" | "intervalSeconds">;

/** Of one mWh all through an interval; undefined if there is no such price. */
function importUnitE16(
  { tariff: { calendar }, zone, prices = [] }: CostPlan,
  stretch: PricedStretch,
  interval: Interval,
): bigint | undefined {
  const { startSeconds, intervalSeconds } = interval;
  const { cost } = calendar;
  if (cost !== undefined) {
    if (!isWithinStep(cost, interval)) return undefined;
    return seriesUnitE16(prices, cost, stretch, startSeconds);
  }
  const bands = tariffOrUndefined(() => bandsOf(calendar, startSeconds, intervalSeconds, 1, zone));
  return bands && stretch.bandE16[bands[0] ?? 0];
}

/** An interval, and those of its length around it, lie each in one step of the prices. */
export const isWithinStep = (
  { stepSeconds }: SeriesTerms,
  { startSeconds, intervalSeconds }: Interval,
): boolean => stepSeconds % intervalSeconds === 0 && startSeconds % intervalSeconds === 0;

/** Of one mWh; undefined where the price is not known. */
export function seriesUnitE16(
  prices: readonly DynamicPrices[],
  { priceStepMicro, floorMicroPerKilowattHour: floor }: SeriesTerms,
  { bandE16, costUnitE16 }: PricedStretch,
  instant: number,
): bigint | undefined {
  const price = priceAt(prices, instant);
  if (price === undefined) return undefined;
  return (bandE16[0] ?? 0n) + BigInt((price - floor) / priceStepMicro) * costUnitE16;
}

const stretchAt = ({ stretches }: CostPlan, instant: number): PricedStretch | undefined =>
  stretches.find(({ from, to }) => from <= instant && instant < to);

/**
 * What one mWh of import costs at an instant, levies and taxes included, in 10⁻¹⁶ of the currency: times 10⁶, a kWh. Undefined outside the
 * plan's window, and where the price is not known. Tiers are beside it.
 */
export function importPriceE16(plan: CostPlan, instant: number): bigint | undefined {
  const { tariff, zone, prices = [] } = plan;
  const stretch = stretchAt(plan, instant);
  if (stretch === undefined) return undefined;
  const { cost } = tariff.calendar;
  if (cost !== undefined) return seriesUnitE16(prices, cost, stretch, instant);
  return stretch.bandE16[bandAt(tariff.calendar, instant, zone)];
}
