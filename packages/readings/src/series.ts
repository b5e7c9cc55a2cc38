// One household's readings on a regular grid (docs/protocol.md §2.1): what every source ends as.
// Plaintext readings: held by the meter and by tools that read a customer's own file, by nobody
// else.

/** How much an interval's value can be relied on, kept end to end. */
export type Quality = "valid" | "missing" | "estimated" | "edited" | "questionable";

/**
 * The code of each quality in `Series.quality`, in the order of this table: 0 valid … 4
 * questionable.
 */
export const QUALITIES = [
  "valid",
  "missing",
  "estimated",
  "edited",
  "questionable",
] as const satisfies readonly Quality[];

/** Code of `quality`: its place in QUALITIES. */
export function qualityCode(quality: Quality): number {
  return QUALITIES.indexOf(quality);
}

export const VALID = 0;
export const MISSING = 1;

/** One household's series on a regular UTC grid of half-open intervals. */
export interface Series {
  /** Household or apartment as the source names it. */
  readonly label: string;
  /** Epoch seconds of the start of the first interval. */
  readonly startSeconds: number;
  /** 60, 900, … */
  readonly intervalSeconds: number;
  /** Imported energy per interval: non-negative safe integers, 0 where missing. */
  readonly importMilliwattHours: Float64Array;
  /** Exported energy per interval: as above, never netted against import. */
  readonly exportMilliwattHours: Float64Array;
  /** Code of each interval's quality, see QUALITIES. */
  readonly quality: Uint8Array;
}

/** Epoch seconds of the end of the last interval. */
export function seriesEndSeconds(series: Series): number {
  return series.startSeconds + series.quality.length * series.intervalSeconds;
}
