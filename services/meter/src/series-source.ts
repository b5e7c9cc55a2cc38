/** A meter whose readings are a series read from a file or made up (packages/readings). */
import { seriesEndSeconds, type Series } from "@smarter-metering/readings";
import type { MeterSource, Readings } from "./source.ts";

/**
 * Time before the series begins counts as missing, so that a contract may start first; after its
 * end there is no data yet.
 */
export function seriesSource(series: Series): MeterSource {
  const between = (fromSeconds: number, toSeconds: number): Readings | undefined => {
    if (toSeconds > seriesEndSeconds(series)) return undefined;
    const { intervalSeconds, startSeconds } = series;
    const first = (fromSeconds - startSeconds) / intervalSeconds;
    const count = (toSeconds - fromSeconds) / intervalSeconds;
    if (!Number.isInteger(first) || !Number.isInteger(count)) return undefined;
    const take = (values: ArrayLike<number>, absent: number): number[] =>
      Array.from({ length: count }, (_, index) => values[first + index] ?? absent);
    return {
      importMilliwattHours: take(series.importMilliwattHours, 0),
      exportMilliwattHours: take(series.exportMilliwattHours, 0),
      quality: take(series.quality, MISSING),
    };
  };
  return { day: between, live: between };
}

const MISSING = 1;
