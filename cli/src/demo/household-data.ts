/**
 * The readings behind a simulated meter: a file's series, or a synthetic household that goes on for ever. Plaintext of the customer's
 * own; in a demonstration it is also the truth that statements and releases are checked against.
 */
import { seriesSource, type Readings } from "@smarter-metering/meter";
import { seriesEndSeconds, syntheticHousehold, type Series } from "@smarter-metering/readings";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";

const MISSING = 1;

export interface HouseholdData {
  readonly label: string;
  readonly intervalSeconds: number;
  /** Readings of [from, to), on the grid; undefined when the source ends before `to`. */
  window(fromSeconds: number, toSeconds: number): Readings | undefined;
}

/** A file's series; before its start and after its end, to the end of the last local day, intervals are missing. */
export function seriesData(series: Series, zone: string): HouseholdData {
  const source = seriesSource(padToDayEnd(series, zone));
  const { label, intervalSeconds } = series;
  return { label, intervalSeconds, window: (from, to) => source.day(from, to) };
}

function padToDayEnd(series: Series, zone: string): Series {
  const { startSeconds, intervalSeconds } = series;
  const end = startSeconds + series.quality.length * intervalSeconds;
  const dayEnd = addLocalDays(localDayStart(end - 1, zone), 1, zone);
  const length = (dayEnd - startSeconds) / intervalSeconds;
  const padded = <T extends Float64Array | Uint8Array>(values: T, into: T): T => {
    into.set(values);
    return into;
  };
  return {
    ...series,
    importMilliwattHours: padded(series.importMilliwattHours, new Float64Array(length)),
    exportMilliwattHours: padded(series.exportMilliwattHours, new Float64Array(length)),
    quality: padded(series.quality, new Uint8Array(length).fill(MISSING)),
  };
}

export interface SyntheticData {
  readonly seed: string;
  readonly index: number;
  readonly zone: string;
  readonly intervalSeconds: number;
  /** A local midnight, epoch seconds: there are readings from here on. */
  readonly contractStart: number;
}

/** Days that are made at once: a day alone needs the plan of the day before as well. */
const WEEK_DAYS = 7;

/** A synthetic household whose weeks are generated when they are asked for, and kept. */
export function syntheticData(options: SyntheticData): HouseholdData {
  const { seed, index, zone, intervalSeconds, contractStart } = options;
  const weeks: Series[] = [];
  const weekStart = (week: number): number => addLocalDays(contractStart, WEEK_DAYS * week, zone);
  const makeUntil = (toSeconds: number): void => {
    for (let start = weekStart(weeks.length); start < toSeconds; start = weekStart(weeks.length)) {
      const range = { startSeconds: start, days: WEEK_DAYS, intervalSeconds, zone };
      weeks.push(syntheticHousehold({ seed, index, ...range }).series);
    }
  };
  return {
    label: `s${String(index + 1).padStart(3, "0")}`,
    intervalSeconds,
    window(from, to) {
      makeUntil(to);
      const count = (to - from) / intervalSeconds;
      if (from < contractStart || !Number.isInteger(count)) return undefined;
      const readings = {
        importMilliwattHours: new Float64Array(count),
        exportMilliwattHours: new Float64Array(count),
        quality: new Uint8Array(count),
      };
      for (const week of weeks) {
        const start = Math.max(from, week.startSeconds);
        const end = Math.min(to, seriesEndSeconds(week));
        if (start >= end) continue;
        const part = seriesSource(week).day(start, end);
        if (part === undefined) return undefined; // Off the grid of the meter.
        const at = (start - from) / intervalSeconds;
        readings.importMilliwattHours.set(part.importMilliwattHours, at);
        readings.exportMilliwattHours.set(part.exportMilliwattHours, at);
        readings.quality.set(part.quality, at);
      }
      return readings;
    },
  };
}
