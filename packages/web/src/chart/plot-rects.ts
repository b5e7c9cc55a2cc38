/**
 * The shapes of a plot as rectangles of whole pixels: without a GPU a browser fills a thousand of them in the time in which it strokes a few
 * dozen slanted lines. Pure. A shape is one flat list: left, top, width and height of each rectangle.
 */

export type Rects = readonly number[];

/** What lies between two heights, column by column; nothing where one of them is a gap (NaN). */
export function bandRects(
  borders: readonly number[],
  upper: readonly number[],
  lower: readonly number[],
): Rects {
  const rects: number[] = [];
  for (const [index, top] of upper.entries()) {
    const left = borders[index] ?? 0;
    const width = (borders[index + 1] ?? left) - left;
    const height = (lower[index] ?? NaN) - top;
    if (width > 0 && height > 0) rects.push(left, top, width, height);
  }
  return rects;
}

/** A line that holds its height over each column and jumps at the borders; a gap (NaN) lifts the pen. */
export function stepRects(
  borders: readonly number[],
  heights: readonly number[],
  thickness: number,
): Rects {
  const rects: number[] = [];
  const above = Math.floor(thickness / 2);
  let before = NaN;
  let jump = -1; // Where the last jump is in `rects`: many columns within one pixel share it.
  for (const [index, height] of heights.entries()) {
    if (Number.isNaN(height)) {
      before = NaN;
      continue;
    }
    const left = borders[index] ?? 0;
    const width = (borders[index + 1] ?? left) - left;
    if (Math.abs(height - before) > 0) {
      const [top, bottom] = [Math.min(before, height) - above, Math.max(before, height) - above];
      const known = rects[jump] === left ? (rects[jump + 1] ?? top) : top;
      const foot = rects[jump] === left ? known + (rects[jump + 3] ?? 0) : bottom + thickness;
      if (rects[jump] !== left) jump = rects.push(left, 0, thickness, 0) - 4;
      rects[jump + 1] = Math.min(known, top);
      rects[jump + 3] = Math.max(foot, bottom + thickness) - Math.min(known, top);
    }
    // A lone value within one pixel is a dot.
    if (width > 0 || Number.isNaN(before)) {
      rects.push(left, height - above, Math.max(width, 1), thickness);
    }
    before = height;
  }
  return rects;
}

/** The same shape seen through stripes: of each `period` pixels from the left the first `shown`. */
export function dashed(rects: Rects, shown: number, period: number): Rects {
  const dashes: number[] = [];
  for (let index = 0; index < rects.length; index += 4) {
    const [left = 0, top = 0, width = 0, height = 0] = rects.slice(index, index + 4);
    for (let from = left; from < left + width; from += period - (from % period)) {
      const until = Math.min(left + width, from - (from % period) + shown);
      if (until > from) dashes.push(from, top, until - from, height);
    }
  }
  return dashes;
}
