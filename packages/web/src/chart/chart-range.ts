/** The part of time that a chart shows, moved and zoomed; pure. */

/** Epoch seconds, from below to. */
export type ChartRange = readonly [from: number, to: number];

/** Moved by seconds, as far as the extent reaches; the span stays. */
export function panRange(range: ChartRange, bySeconds: number, extent: ChartRange): ChartRange {
  return within([range[0] + bySeconds, range[1] + bySeconds], extent);
}

/** `factor` times as long, with the instant `at` staying where it is; never longer than the extent nor shorter than `spanSecondsMin`. */
export function zoomRange(
  range: ChartRange,
  factor: number,
  at: number,
  extent: ChartRange,
  spanSecondsMin: number,
): ChartRange {
  const span = range[1] - range[0];
  const wanted = Math.max(spanSecondsMin, Math.min(span * factor, extent[1] - extent[0]));
  const share = span > 0 ? (at - range[0]) / span : 0.5;
  const from = at - wanted * share;
  return within([from, from + wanted], extent);
}

/** Shifted into the extent, cut when it is longer. */
export function within([from, to]: ChartRange, extent: ChartRange): ChartRange {
  const span = Math.min(to - from, extent[1] - extent[0]);
  const start = Math.min(Math.max(from, extent[0]), extent[1] - span);
  return [start, start + span];
}
