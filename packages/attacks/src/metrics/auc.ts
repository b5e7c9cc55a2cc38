// Rank AUC: the probability that a positive scores higher than a negative, ties counting half.
import { strict as assert } from "node:assert";

/**
 * Area under the ROC curve (Mann and Whitney 1947; mid-ranks for ties). `labels` are 0 and 1,
 * `scores` finite, of the same length. Undefined when there is only one class. O(n log n).
 */
export function rankAuc(labels: Uint8Array, scores: Float64Array): number | undefined {
  assert(labels.length === scores.length, "one score a label");
  // A typed array sorts natively by value: much faster than indices through a comparator.
  const all = scores.slice().sort();
  const chosen = scores.filter((_, index) => labels[index] === 1).sort();
  const negatives = all.length - chosen.length;
  if (chosen.length === 0 || negatives === 0) return undefined;
  let [ranks, below, upTo] = [0, 0, 0];
  for (const score of chosen) {
    while ((all[below] ?? Infinity) < score) below += 1;
    upTo = Math.max(upTo, below);
    while ((all[upTo] ?? Infinity) <= score) upTo += 1;
    ranks += (below + upTo + 1) / 2;
  }
  const lowest = (chosen.length * (chosen.length + 1)) / 2;
  return (ranks - lowest) / (chosen.length * negatives);
}
