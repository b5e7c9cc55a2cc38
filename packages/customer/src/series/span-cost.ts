/**
 * What a span of a billing window cost, by the household's own readings (docs/protocol.md §11): for charts and for checking a bill by hand.
 * Over a whole window the parts add up to the bill, less what is not attributable. Pure; runs at the customer.
 */
import {
  localDayStart,
  TariffError,
  type CostTerms as SeriesTerms,
  type DynamicPrices,
} from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";
import { bandEnergies } from "./band-energies.ts";
import { emptyBill, exactAmount, type CostPlan, type PricedStretch } from "./cost-plan.ts";
import { isWithinStep, seriesUnitE16 } from "./interval-cost.ts";
import { runsIn, type ReadingRun, type ReadingSeries } from "./reading-series.ts";

/** Exact, in 10⁻¹⁶ of the currency (`roundExact` makes minor units of it). */
export interface SpanCost extends Span {
  /** Import by its prices, with the levies and taxes on it. */
  readonly importE16: bigint;
  /** What export is paid: 0 or less. */
  readonly exportE16: bigint;
  /** Standing and monthly charges with their taxes, less daily credits; undefined for a span that is not of whole local days. */
  readonly standingE16: bigint | undefined;
  /** Import at an instant whose price is not known (yet): it is not in `importE16`. */
  readonly unpricedMilliwattHours: number;
}

/**
 * Readings belong to the span in which they begin. What of the span is outside the plan's window costs nothing. Throws
 * TARIFF_BOUNDARY_INSIDE_INTERVAL where a band or a price changes inside a reading.
 */
export function spanCost(plan: CostPlan, series: ReadingSeries, span: Span): SpanCost {
  let importE16 = 0n;
  let exportE16 = 0n;
  let standingE16: bigint | undefined = isWholeDays(plan, span) ? 0n : undefined;
  let unpricedMilliwattHours = 0;
  for (const stretch of plan.stretches) {
    const part = { from: Math.max(span.from, stretch.from), to: Math.min(span.to, stretch.to) };
    if (part.from >= part.to) continue;
    const priced = importCost(plan, stretch, series, part);
    importE16 += priced.importE16;
    unpricedMilliwattHours += priced.unpricedMilliwattHours;
    exportE16 += BigInt(exportOf(series, part)) * stretch.exportE16;
    if (standingE16 !== undefined) standingE16 += standingOf(plan, stretch, part);
  }
  const { from, to } = span;
  return { from, to, importE16, exportE16, standingE16, unpricedMilliwattHours };
}

const isWholeDays = ({ zone }: CostPlan, span: Span): boolean =>
  [span.from, span.to].every((instant) => localDayStart(instant, zone) === instant);

const standingOf = ({ zone }: CostPlan, { tariff }: PricedStretch, part: Span): bigint =>
  exactAmount(emptyBill(tariff, zone, part, tariff.calendar.cost && { cost: 0n }));

type ImportCost = Pick<SpanCost, "importE16" | "unpricedMilliwattHours">;

/** Energies are added up as integers for each price, so that money is multiplied once for each. */
function importCost(
  { tariff: { calendar }, zone, prices = [] }: CostPlan,
  stretch: PricedStretch,
  series: ReadingSeries,
  part: Span,
): ImportCost {
  const terms = calendar.cost;
  if (terms !== undefined) {
    const costs = runsIn(series, part).map((run) => seriesCost(prices, terms, stretch, run));
    return {
      importE16: costs.reduce((sum, cost) => sum + cost.importE16, 0n),
      unpricedMilliwattHours: costs.reduce((sum, cost) => sum + cost.unpricedMilliwattHours, 0),
    };
  }
  const importE16 = bandEnergies(series, part, calendar, zone).reduce(
    (sum, energy, band) => sum + BigInt(energy) * (stretch.bandE16[band] ?? 0n),
    0n,
  );
  return { importE16, unpricedMilliwattHours: 0 };
}

const exportOf = (series: ReadingSeries, part: Span): number =>
  runsIn(series, part)
    .map(({ exportMilliwattHours }) =>
      exportMilliwattHours.reduce((sum, energy) => sum + energy, 0),
    )
    .reduce((sum, energy) => sum + energy, 0);

/** By the prices of a series, step by step; the band's own price is beside it. */
function seriesCost(
  prices: readonly DynamicPrices[],
  terms: SeriesTerms,
  stretch: PricedStretch,
  run: ReadingRun,
): ImportCost {
  const { startSeconds, intervalSeconds, importMilliwattHours: energies } = run;
  const { stepSeconds } = terms;
  if (!isWithinStep(terms, run)) {
    const message = `prices change every ${stepSeconds} s, inside intervals of ${intervalSeconds} s`;
    throw new TariffError("TARIFF_BOUNDARY_INSIDE_INTERVAL", message);
  }
  let importE16 = 0n;
  let unpricedMilliwattHours = 0;
  for (let index = 0; index < energies.length;) {
    const at = startSeconds + index * intervalSeconds;
    const stepEnd = (Math.floor(at / stepSeconds) + 1) * stepSeconds;
    let sum = 0;
    for (; index < energies.length && startSeconds + index * intervalSeconds < stepEnd; index++) {
      sum += energies[index] ?? 0;
    }
    const unitE16 = seriesUnitE16(prices, terms, stretch, at);
    if (unitE16 === undefined) unpricedMilliwattHours += sum;
    else importE16 += BigInt(sum) * unitE16;
  }
  return { importE16, unpricedMilliwattHours };
}
