/**
 * Years of a household's readings in typed arrays, without an object for each (docs/protocol.md §1.4, §2.2): what charts, figures and costs
 * are made from. Pure; runs at the customer, in a worker, and nowhere else.
 */
import type { Span } from "../bill-window.ts";
import { qualityOf, type Reading } from "../readings.ts";

/** The code of a reading that is not there (docs/protocol.md §1.4). */
export const MISSING = 1;
export const ESTIMATED = 2;

/** Neighbouring intervals of one length. The arrays are equally long, and may be views of others: nobody writes to them. */
export interface ReadingRun {
  readonly startSeconds: number;
  readonly intervalSeconds: number;
  readonly importMilliwattHours: Uint32Array;
  readonly exportMilliwattHours: Uint32Array;
  /** Quality code of each interval. */
  readonly quality: Uint8Array;
}

/** Ascending, never overlapping. Where one run does not begin at the other's end, there is a gap. */
export type ReadingSeries = readonly ReadingRun[];

export const runEndSeconds = ({ startSeconds, intervalSeconds, quality }: ReadingRun): number =>
  startSeconds + intervalSeconds * quality.length;

/** Mean power of an energy over a time: 1 mWh in 1 s is 3.6 W. */
export const wattsOf = (milliwattHours: number, seconds: number): number =>
  (milliwattHours * 3.6) / seconds;

/** Intervals `first` up to `end` of a run, as a view. */
export const sliceRun = (run: ReadingRun, first: number, end: number): ReadingRun => ({
  startSeconds: run.startSeconds + run.intervalSeconds * first,
  intervalSeconds: run.intervalSeconds,
  importMilliwattHours: run.importMilliwattHours.subarray(first, end),
  exportMilliwattHours: run.exportMilliwattHours.subarray(first, end),
  quality: run.quality.subarray(first, end),
});

/** Place of the first run that ends after an instant; the number of runs when none does. */
function firstEndingAfter(series: ReadingSeries, instant: number): number {
  let [low, high] = [0, series.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const run = series[middle];
    if (run !== undefined && runEndSeconds(run) <= instant) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The readings that begin in a span, as views: a reading belongs to the span in which it begins, so neighbouring spans share none and
 * lose none.
 */
export function runsIn(series: ReadingSeries, { from, to }: Span): ReadingRun[] {
  const runs: ReadingRun[] = [];
  for (let place = firstEndingAfter(series, from); place < series.length; place++) {
    const run = series[place];
    if (run === undefined || run.startSeconds >= to) break;
    const { startSeconds, intervalSeconds, quality } = run;
    const first = Math.max(0, Math.ceil((from - startSeconds) / intervalSeconds));
    const end = Math.min(quality.length, Math.ceil((to - startSeconds) / intervalSeconds));
    if (first < end) runs.push(sliceRun(run, first, end));
  }
  return runs;
}

/** As objects, for what lists or compares single readings (`csvOf`, `compareStatement`). */
export function listReadings(series: ReadingSeries): Reading[] {
  return series.flatMap((run) =>
    Array.from(run.quality, (code, index) => ({
      startSeconds: run.startSeconds + run.intervalSeconds * index,
      intervalSeconds: run.intervalSeconds,
      importMilliwattHours: run.importMilliwattHours[index] ?? 0,
      exportMilliwattHours: run.exportMilliwattHours[index] ?? 0,
      quality: qualityOf(code),
    })),
  );
}
