// Normalised mutual information: the share of the truth's entropy that a score gives away.
import { strict as assert } from "node:assert";

export const NMI_BINS = 16;

/**
 * I(Y;S) / H(Y) with S in 16 quantile bins (equal scores share a bin) and each entropy corrected
 * after Miller and Madow (1955): + (occupied cells − 1) / 2n. About 0 for an independent score (the
 * correction lets it fall slightly below), 1 where S determines Y. Undefined for one class.
 */
export function normalizedMutualInformation(
  labels: Uint8Array,
  scores: Float64Array,
): number | undefined {
  assert(labels.length === scores.length, "one score a label");
  const bins = quantileBins(scores, NMI_BINS);
  const [byLabel, byBin] = [new Float64Array(2), new Float64Array(NMI_BINS)];
  const joint = new Float64Array(2 * NMI_BINS);
  for (const [index, bin] of bins.entries()) {
    const label = labels[index] ?? 0;
    const cell = label * NMI_BINS + bin;
    byLabel[label] = (byLabel[label] ?? 0) + 1;
    byBin[bin] = (byBin[bin] ?? 0) + 1;
    joint[cell] = (joint[cell] ?? 0) + 1;
  }
  if (byLabel.includes(0)) return undefined;
  return (entropy(byLabel) + entropy(byBin) - entropy(joint)) / entropy(byLabel);
}

/** Miller-Madow entropy of a histogram, in nats. */
function entropy(counts: Float64Array): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let [bits, occupied] = [0, 0];
  for (const count of counts) {
    if (count === 0) continue;
    occupied += 1;
    bits -= (count / total) * Math.log(count / total);
  }
  return bits + (occupied - 1) / (2 * total);
}

/** Bin of each score: the number of inner quantiles that it is above. */
function quantileBins(scores: Float64Array, bins: number): Uint8Array {
  const sorted = scores.slice().sort();
  const borders = Array.from(
    { length: bins - 1 },
    (_, index) => sorted[Math.ceil(((index + 1) * sorted.length) / bins) - 1] ?? Infinity,
  );
  const result = new Uint8Array(scores.length);
  for (const [index, score] of scores.entries()) {
    let bin = 0;
    while (bin < borders.length && score > (borders[bin] ?? Infinity)) bin += 1;
    result[index] = bin;
  }
  return result;
}
