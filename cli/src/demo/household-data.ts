/**
 * The readings behind a simulated meter: a file's series, or a synthetic household that goes on for ever. Plaintext of the customer's
 * own; in a demonstration it is also the truth that statements and releases are checked against.
 */
import { seriesSource, type Readings } from "@smarter-metering/meter";
import { syntheticHousehold, type Series } from "@smarter-metering/readings";
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
}

/** A synthetic household whose days are generated when they are asked for, and kept. */
export function syntheticData(options: SyntheticData): HouseholdData {
  const { seed, index, zone, intervalSeconds } = options;
  const days = new Map<number, Series>();
  const seriesOf = (dayStart: number): Series => {
    const known = days.get(dayStart);
    if (known !== undefined) return known;
    const range = { startSeconds: dayStart, days: 1, intervalSeconds, zone };
    const { series } = syntheticHousehold({ seed, index, ...range });
    days.set(dayStart, series);
    return series;
  };
  return {
    label: `s${String(index + 1).padStart(3, "0")}`,
    intervalSeconds,
    window(from, to) {
      const parts: Readings[] = [];
      for (let start = from; start < to;) {
        const dayStart = localDayStart(start, zone);
        const end = Math.min(to, addLocalDays(dayStart, 1, zone));
        const part = seriesSource(seriesOf(dayStart)).day(start, end);
        if (part === undefined) return undefined;
        parts.push(part);
        start = end;
      }
      const [only] = parts;
      if (only !== undefined && parts.length === 1) return only;
      const join = (pick: (part: Readings) => ArrayLike<number>): number[] =>
        parts.flatMap((part) => Array.from(pick(part)));
      return {
        importMilliwattHours: join((part) => part.importMilliwattHours),
        exportMilliwattHours: join((part) => part.exportMilliwattHours),
        quality: join((part) => part.quality),
      };
    },
  };
}
