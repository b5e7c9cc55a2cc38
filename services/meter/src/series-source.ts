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
    const absent = Math.min(count, Math.max(0, -first));
    const take = <T extends Float64Array | Uint8Array>(values: T, into: T): T => {
      into.set(values.subarray(first + absent, first + count), absent);
      return into;
    };
    return {
      importMilliwattHours: take(series.importMilliwattHours, new Float64Array(count)),
      exportMilliwattHours: take(series.exportMilliwattHours, new Float64Array(count)),
      quality: take(series.quality, new Uint8Array(count).fill(MISSING, 0, absent)),
    };
  };
  return { day: between, live: between };
}

const MISSING = 1;
