/**
 * Quantiles of a running process in bounded memory: counts in logarithmic buckets one percent wide.
 * The opener uses it to show for how long a frame is open (maximum and 99th percentile).
 */
import assert from "node:assert/strict";

export interface Recorder {
  /** Takes a value ≥ 0; values below 1e-6 count as 1e-6. */
  record(value: number): void;
  readonly count: number;
  /** Exact; 0 before the first value. */
  readonly max: number;
  /**
   * The smallest bucket bound that at least `fraction` (0 < fraction ≤ 1) of the values do not
   * pass: never below the true quantile, at most 1 % above it. 0 before the first value.
   */
  quantile(fraction: number): number;
}

const smallest = 1e-6;
const growth = 1.01;

/** At most about 5,000 buckets for values up to 1e15. */
export function createRecorder(): Recorder {
  const buckets = new Map<number, number>();
  let count = 0;
  let max = 0;
  return {
    record(value) {
      assert(value >= 0 && value <= 1e15, "a recorder takes values from 0 to 1e15");
      const index = Math.ceil(Math.log(Math.max(value, smallest) / smallest) / Math.log(growth));
      buckets.set(index, (buckets.get(index) ?? 0) + 1);
      count += 1;
      max = Math.max(max, value);
    },
    get count() {
      return count;
    },
    get max() {
      return max;
    },
    quantile(fraction) {
      assert(fraction > 0 && fraction <= 1, "a fraction is in (0, 1]");
      const needed = Math.ceil(count * fraction);
      let seen = 0;
      for (const index of [...buckets.keys()].sort((a, b) => a - b)) {
        seen += buckets.get(index) ?? 0;
        if (seen >= needed) return Math.min(max, smallest * growth ** index);
      }
      return max;
    },
  };
}
