// Matthews correlation of two binary sequences: 1 agreement, 0 chance, −1 contradiction.
import { strict as assert } from "node:assert";

/**
 * Matthews correlation coefficient (Matthews 1975). Undefined when `truth` has only one class; 0
 * when `guess` has: who always says the same has learnt nothing.
 */
export function matthewsCorrelation(truth: Uint8Array, guess: Uint8Array): number | undefined {
  assert(truth.length === guess.length, "one guess a truth");
  let [positives, guessed, both] = [0, 0, 0];
  for (const [index, actual] of truth.entries()) {
    const said = guess[index] ?? 0;
    positives += actual;
    guessed += said;
    both += actual & said;
  }
  const count = truth.length;
  if (positives === 0 || positives === count) return undefined;
  if (guessed === 0 || guessed === count) return 0;
  const covariance = both * count - positives * guessed;
  return (
    covariance / Math.sqrt(positives * (count - positives)) / Math.sqrt(guessed * (count - guessed))
  );
}
