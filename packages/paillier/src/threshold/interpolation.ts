/**
 * Lagrange interpolation without division, for exponents of a group whose order nobody may know:
 * Δ = l! clears every denominator (Shoup, "Practical Threshold Signatures", Eurocrypt 2000,
 * section 3.1). Public numbers only.
 */

/** Trustees of a key, at most: Δ and all coefficients stay small, and a ceremony has few people. */
export const trusteesMax = 16;

/** Δ = l! for l trustees. */
export function clearingFactor(trustees: number): bigint {
  let factor = 1n;
  for (let i = 2n; i <= trustees; i++) factor *= i;
  return factor;
}

/**
 * λ_j = Δ · Π (at − k)/(j − k) over the other indices k, for each index j: Σ λ_j·f(j) = Δ·f(at) for
 * every polynomial f of a lower degree than there are indices. Integers, of either sign.
 */
export function interpolationWeights(
  trustees: number,
  indices: readonly number[],
  at: number,
): bigint[] {
  return indices.map((j) => {
    let numerator = clearingFactor(trustees);
    let denominator = 1n;
    for (const k of indices) {
      if (k === j) continue;
      numerator *= BigInt(at - k);
      denominator *= BigInt(j - k);
    }
    return numerator / denominator; // exact: the denominator divides (j−1)!·(l−j)!, which divides l!
  });
}
