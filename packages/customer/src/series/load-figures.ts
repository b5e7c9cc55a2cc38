/**
 * What a household used and fed in over a span, and how much of the span that rests on. Terms as the field has them: peak, mean load, load
 * factor. Pure; runs at the customer.
 */
import type { Calendar } from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";
import { bandEnergies } from "./band-energies.ts";
import { baseLoad, type BaseLoad } from "./base-load.ts";
import {
  ESTIMATED,
  MISSING,
  runsIn,
  wattsOf,
  type ReadingRun,
  type ReadingSeries,
} from "./reading-series.ts";

/** How much of a span is measured, estimated, or without a reading; an interval counts where it begins. */
export interface Coverage {
  /** Whatever the meter did not estimate: edited and questionable readings too. */
  readonly measuredSeconds: number;
  readonly estimatedSeconds: number;
  readonly missingSeconds: number;
}

/** Of one interval of the meter's own: over a quarter of an hour a kettle is less of a peak than over a minute. */
export interface Peak {
  readonly watts: number;
  readonly startSeconds: number;
  readonly intervalSeconds: number;
}

/** Of the readings that begin in [from, to). Energies are exact below 2^53 mWh, 9 GWh. */
export interface LoadFigures extends Span {
  readonly importMilliwattHours: number;
  readonly exportMilliwattHours: number;
  readonly coverage: Coverage;
  /** Mean import over the time that has readings; undefined when none has. */
  readonly meanWatts: number | undefined;
  /** The first of the greatest. */
  readonly importPeak: Peak | undefined;
  readonly exportPeak: Peak | undefined;
}

export function loadFigures(series: ReadingSeries, span: Span): LoadFigures {
  const runs = runsIn(series, span);
  const imported = registerFigures(runs, ({ importMilliwattHours }) => importMilliwattHours);
  const exported = registerFigures(runs, ({ exportMilliwattHours }) => exportMilliwattHours);
  const coverage = coverageOf(runs, span);
  const coveredSeconds = coverage.measuredSeconds + coverage.estimatedSeconds;
  return {
    from: span.from,
    to: span.to,
    importMilliwattHours: imported.sum,
    exportMilliwattHours: exported.sum,
    coverage,
    meanWatts: coveredSeconds === 0 ? undefined : wattsOf(imported.sum, coveredSeconds),
    importPeak: imported.peak,
    exportPeak: exported.peak,
  };
}

function coverageOf(runs: readonly ReadingRun[], { from, to }: Span): Coverage {
  let measuredSeconds = 0;
  let estimatedSeconds = 0;
  for (const { quality, intervalSeconds } of runs) {
    let measured = 0;
    let estimated = 0;
    for (const code of quality) {
      if (code === ESTIMATED) estimated++;
      else if (code !== MISSING) measured++;
    }
    measuredSeconds += measured * intervalSeconds;
    estimatedSeconds += estimated * intervalSeconds;
  }
  // An interval may be longer than the hour that it begins in, where the clocks cut that short.
  const missingSeconds = Math.max(0, to - from - measuredSeconds - estimatedSeconds);
  return { measuredSeconds, estimatedSeconds, missingSeconds };
}

function registerFigures(
  runs: readonly ReadingRun[],
  energiesOf: (run: ReadingRun) => Uint32Array,
): { readonly sum: number; readonly peak: Peak | undefined } {
  let sum = 0;
  let peak: Peak | undefined;
  for (const run of runs) {
    const { startSeconds, intervalSeconds, quality } = run;
    let greatest = -1;
    let place = 0;
    const energies = energiesOf(run);
    for (let index = 0; index < energies.length; index++) {
      const energy = energies[index] ?? 0;
      sum += energy;
      if (energy > greatest && quality[index] !== MISSING) {
        greatest = energy;
        place = index;
      }
    }
    const watts = wattsOf(greatest, intervalSeconds);
    if (greatest < 0 || (peak !== undefined && watts <= peak.watts)) continue;
    peak = { watts, startSeconds: startSeconds + place * intervalSeconds, intervalSeconds };
  }
  return { sum, peak };
}

/** Import in one band of the tariff. */
export interface BandShare {
  readonly band: string;
  readonly importMilliwattHours: number;
  /** Of the import of all bands, 0 to 1; undefined when nothing was imported. */
  readonly share: number | undefined;
}

/** Figures of a span with what needs whole days or a tariff. Each rests on what its own `coverage` or `days` says. */
export interface KeyFigures extends LoadFigures {
  /** Mean over peak, 0 to 1: how evenly power was drawn. Undefined without readings, or when nothing was drawn. */
  readonly loadFactor: number | undefined;
  readonly baseLoad: BaseLoad | undefined;
  /** What the base load makes of the import, were it drawn all the time that has readings; at most 1. */
  readonly baseLoadShare: number | undefined;
  readonly bands: readonly BandShare[];
}

/** Throws ZONE_UNKNOWN, and TARIFF_BOUNDARY_INSIDE_INTERVAL where a band changes inside a reading. */
export function keyFigures(
  series: ReadingSeries,
  span: Span,
  { zone, calendar }: { readonly zone: string; readonly calendar?: Calendar },
): KeyFigures {
  const figures = loadFigures(series, span);
  const { meanWatts, importPeak, importMilliwattHours: total } = figures;
  const base = baseLoad(series, span, zone);
  const energies = calendar === undefined ? [] : bandEnergies(series, span, calendar, zone);
  return {
    ...figures,
    loadFactor:
      importPeak && importPeak.watts > 0 ? (meanWatts ?? 0) / importPeak.watts : undefined,
    baseLoad: base,
    baseLoadShare: base && meanWatts ? Math.min(1, base.watts / meanWatts) : undefined,
    bands: energies.map((importMilliwattHours, index) => ({
      band: calendar?.bands[index] ?? "",
      importMilliwattHours,
      share: total === 0 ? undefined : importMilliwattHours / total,
    })),
  };
}
