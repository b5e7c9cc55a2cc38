/**
 * Columns that the worker has sent, as the source of a chart that asks at each frame: the finest that cover what is shown. What is finer comes
 * from the worker when a gesture has come to rest; until then the coarser ones stand in. Pure.
 */
import type { PyramidColumns, PyramidSource } from "@smarter-metering/web";
import type { Columns } from "./device/messages.ts";

export class ColumnSource implements PyramidSource {
  readonly from: number;
  readonly to: number;
  /** The finest first. */
  readonly #layers: readonly Columns[];

  /** `layers`: the last covers all of [from, to). */
  constructor(range: { readonly from: number; readonly to: number }, layers: readonly Columns[]) {
    this.from = range.from;
    this.to = range.to;
    this.#layers = layers;
  }

  query(from: number, to: number, columns: number): PyramidColumns {
    const [low, high] = [Math.max(from, this.from), Math.min(to, this.to)];
    const covering = this.#layers.find((layer) => layer.from <= low && high <= layer.to);
    const layer = covering ?? this.#layers.at(-1);
    return layer === undefined ? NOTHING : resampled(layer, from, to, columns);
  }
}

const NOTHING: PyramidColumns = {
  x: new Float64Array(0),
  min: new Float64Array(0),
  max: new Float64Array(0),
  mean: new Float64Array(0),
};

/** Columns lie at equal distances; where there are more than asked for, some are put together, always the same ones. */
function resampled(layer: Columns, from: number, to: number, columns: number): PyramidColumns {
  const { x, min, max, mean } = layer;
  const step = (x[1] ?? 0) - (x[0] ?? 0) || 1;
  const first = Math.max(0, Math.floor((from - (x[0] ?? 0)) / step));
  const end = Math.min(x.length, Math.ceil((to - (x[0] ?? 0)) / step));
  if (first >= end) return NOTHING;
  const group = Math.max(1, Math.ceil((end - first) / Math.max(1, columns)));
  if (group === 1) {
    const part = (values: Float64Array): Float64Array => values.subarray(first, end);
    return { x: part(x), min: part(min), max: part(max), mean: part(mean) };
  }
  const start = Math.floor(first / group);
  const count = Math.ceil(end / group) - start;
  const filled = (): Float64Array => new Float64Array(count).fill(NaN);
  const found = { x: filled(), min: filled(), max: filled(), mean: filled() };
  for (let place = 0; place < count; place++) {
    const begin = (start + place) * group;
    found.x[place] = x[begin] ?? NaN;
    let [least, greatest, sum, valid] = [Infinity, -Infinity, 0, 0];
    for (let index = begin; index < Math.min(begin + group, x.length); index++) {
      const value = mean[index] ?? NaN;
      if (Number.isNaN(value)) continue;
      least = Math.min(least, min[index] ?? value);
      greatest = Math.max(greatest, max[index] ?? value);
      sum += value;
      valid += 1;
    }
    if (valid === 0) continue;
    found.min[place] = least;
    found.max[place] = greatest;
    found.mean[place] = sum / valid;
  }
  return found;
}
