/**
 * The readings behind a simulated meter: a file's series, or a synthetic household that goes on for ever. Plaintext of the customer's own;
 * in a demonstration it is also the truth that statements and releases are checked against.
 */
import { syntheticHousehold, type Series } from "@smarter-metering/readings";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";

const MISSING = 1;

/** Readings of consecutive intervals, mWh, with quality codes. */
export interface Readings {
  readonly importMilliwattHours: readonly number[];
  readonly exportMilliwattHours: readonly number[];
  readonly quality: readonly number[];
}

export interface HouseholdData {
  readonly label: string;
  readonly intervalSeconds: number;
  /** Readings of [from, to), on the grid; undefined when the source ends before `to`. */
  window(fromSeconds: number, toSeconds: number): Readings | undefined;
}

/**
 * A file's series; before its start and after its end, to the end of the last local day, intervals are missing.
 */
export function seriesData(series: Series, zone: string): HouseholdData {
  const { label, intervalSeconds, startSeconds, quality } = series;
  const end = startSeconds + quality.length * intervalSeconds;
  const lastDayEnd = addLocalDays(localDayStart(end - 1, zone), 1, zone);
  return {
    label,
    intervalSeconds,
    window: (from, to) => (to > lastDayEnd ? undefined : cut(series, from, to)),
  };
}

function cut(series: Series, fromSeconds: number, toSeconds: number): Readings {
  const { startSeconds, intervalSeconds } = series;
  const first = (fromSeconds - startSeconds) / intervalSeconds;
  const count = (toSeconds - fromSeconds) / intervalSeconds;
  const indices = Array.from({ length: count }, (_, offset) => first + offset);
  return {
    importMilliwattHours: indices.map((index) => series.importMilliwattHours[index] ?? 0),
    exportMilliwattHours: indices.map((index) => series.exportMilliwattHours[index] ?? 0),
    quality: indices.map((index) => series.quality[index] ?? MISSING),
  };
}

export interface SyntheticData {
  readonly seed: string;
  readonly index: number;
  readonly zone: string;
  readonly intervalSeconds: number;
}

/** A synthetic household whose days are generated when they are asked for, and kept. */
export function syntheticData(options: SyntheticData): HouseholdData {
  const { seed, index, zone, intervalSeconds } = options;
  const days = new Map<number, Series>();
  const day = (dayStart: number): Series => {
    const known = days.get(dayStart);
    if (known !== undefined) return known;
    const range = { startSeconds: dayStart, days: 1, intervalSeconds, zone };
    const { series } = syntheticHousehold({ seed, index, ...range });
    days.set(dayStart, series);
    return series;
  };
  const { label } = day(localDayStart(0, zone));
  days.clear();
  return {
    label,
    intervalSeconds,
    window(from, to) {
      const parts: Readings[] = [];
      for (let start = from; start < to; ) {
        const dayStart = localDayStart(start, zone);
        const end = Math.min(to, addLocalDays(dayStart, 1, zone));
        parts.push(cut(day(dayStart), start, end));
        start = end;
      }
      return {
        importMilliwattHours: parts.flatMap((part) => part.importMilliwattHours),
        exportMilliwattHours: parts.flatMap((part) => part.exportMilliwattHours),
        quality: parts.flatMap((part) => part.quality),
      };
    },
  };
}
