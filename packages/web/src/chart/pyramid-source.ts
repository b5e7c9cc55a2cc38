/** Where a profile chart gets its numbers: the least, greatest and mean value of each column of pixels. */

export interface PyramidColumns {
  /** Starts of the columns, epoch seconds, ascending. */
  readonly x: Float64Array;
  /** NaN: a gap. */
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly mean: Float64Array;
}

export interface PyramidSource {
  /** What there is, epoch seconds. */
  readonly from: number;
  readonly to: number;
  /** At most about `columns` columns over [from, to); fewer where the data is no finer. Called once a frame: within 4 ms. */
  query(from: number, to: number, columns: number): PyramidColumns;
}

/** The same numbers `seconds` later: last week's source, shifted by a week, lies behind this week. */
export function shiftedSource(source: PyramidSource, seconds: number): PyramidSource {
  return {
    from: source.from + seconds,
    to: source.to + seconds,
    query: (from, to, columns) => {
      const found = source.query(from - seconds, to - seconds, columns);
      return { ...found, x: found.x.map((at) => at + seconds) };
    },
  };
}

/** A source over plain samples, each holding until the next one: for tests, demos and series short enough to be walked at each frame. */
export function sampleSource(
  x: Float64Array,
  values: Float64Array,
  sampleSeconds: number,
): PyramidSource {
  const first = x[0] ?? 0;
  const last = (x.at(-1) ?? first) + sampleSeconds;
  return {
    from: first,
    to: last,
    query: (from, to, columns) => {
      const size = Math.max(sampleSeconds, (to - from) / Math.max(1, columns));
      const start = Math.floor(from / size) * size;
      const count = Math.max(1, Math.ceil((to - start) / size));
      const at = Float64Array.from({ length: count }, (_, index) => start + index * size);
      const [min, max, mean] = [at.map(() => NaN), at.map(() => NaN), at.map(() => NaN)];
      const counts = new Uint32Array(count);
      for (let index = lowerBound(x, start); index < x.length; index++) {
        const column = Math.floor(((x[index] ?? 0) - start) / size);
        const value = values[index] ?? NaN;
        if (column >= count) break;
        if (Number.isNaN(value)) continue;
        const seen = counts[column] ?? 0;
        min[column] = seen === 0 ? value : Math.min(min[column] ?? value, value);
        max[column] = seen === 0 ? value : Math.max(max[column] ?? value, value);
        mean[column] = ((seen === 0 ? 0 : (mean[column] ?? 0)) * seen + value) / (seen + 1);
        counts[column] = seen + 1;
      }
      return { x: at, min, max, mean };
    },
  };
}

/** The first index whose value is not below `wanted`; the array's length when there is none. */
export function lowerBound(sorted: Float64Array | readonly number[], wanted: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
