// Figures that say whether synthetic households resemble real ones: level, peak, memory, spread.
// docs: calibration in this package's README.md; run by benchmarks/calibration.ts and the tests.
import type { Series } from "../series.ts";

/** Means over households; each household weighs the same. */
export interface Figures {
  readonly households: number;
  /** Imported energy a day, in kWh. */
  readonly meanKilowattHoursPerDay: number;
  /** Standard deviation of the households' daily means over their mean. */
  readonly coefficientOfVariation: number;
  /** Largest mean power of one interval, in kW. */
  readonly peakKilowatts: number;
  /** Autocorrelation of neighbouring intervals. */
  readonly lagOneAutocorrelation: number;
  /** Autocorrelation at 24 hours. */
  readonly lagDayAutocorrelation: number;
  /** Power exceeded in 95 % of the intervals, in kW: the base load. */
  readonly baseKilowatts: number;
}

const DAY_SECONDS = 86_400;

/** Figures of the import of `series`; constant series (an empty home) have no autocorrelation. */
export function figuresOf(series: readonly Series[]): Figures {
  const homes = series.map(figuresOfHome);
  const mean = average(homes.map((home) => home.mean));
  const variance = average(homes.map((home) => (home.mean - mean) * (home.mean - mean)));
  return {
    households: homes.length,
    meanKilowattHoursPerDay: mean * 24,
    coefficientOfVariation: Math.sqrt(variance) / mean,
    peakKilowatts: average(homes.map((home) => home.peak)),
    lagOneAutocorrelation: average(homes.map((home) => home.lagOne).filter(Number.isFinite)),
    lagDayAutocorrelation: average(homes.map((home) => home.lagDay).filter(Number.isFinite)),
    baseKilowatts: average(homes.map((home) => home.base)),
  };
}

function figuresOfHome({ importMilliwattHours, intervalSeconds }: Series) {
  const kilowatts = importMilliwattHours.map((energy) => (energy * 3600) / intervalSeconds / 1e6);
  const mean = average(kilowatts);
  const residuals = kilowatts.map((power) => power - mean);
  const power = autocovariance(residuals, 0);
  const sorted = kilowatts.toSorted();
  return {
    mean,
    peak: sorted.at(-1) ?? 0,
    base: sorted[Math.floor(sorted.length / 20)] ?? 0,
    lagOne: autocovariance(residuals, 1) / power,
    lagDay: autocovariance(residuals, DAY_SECONDS / intervalSeconds) / power,
  };
}

function autocovariance(residuals: Float64Array, lag: number): number {
  let sum = 0;
  for (let index = lag; index < residuals.length; index += 1) {
    sum += (residuals[index] ?? 0) * (residuals[index - lag] ?? 0);
  }
  return sum / (residuals.length - lag);
}

function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index] ?? 0;
  return sum / values.length;
}
