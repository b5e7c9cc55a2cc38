// Repeatable randomness for the synthetic household: the same words give the same numbers for ever.
// Not for keys. xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number
// generators", ACM TOMS 47, 2021), its state the SHA-256 of the words that name the stream.
import { createHash } from "node:crypto";

export class Random {
  readonly #state: Uint32Array;

  /** The stream named by `words`, for instance (seed, "day", household, day). */
  constructor(...words: readonly (string | number)[]) {
    const digest = createHash("sha256").update(JSON.stringify(words)).digest();
    this.#state = Uint32Array.from({ length: 4 }, (_, word) => digest.readUInt32LE(4 * word));
  }

  /** Uniform in [0, 1), a multiple of 2^−32. */
  uniform(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const third = c ^ a;
    const fourth = d ^ b;
    state[0] = a ^ fourth;
    state[1] = b ^ third;
    state[2] = third ^ (b << 9);
    state[3] = rotateLeft(fourth, 11);
    return result / 2 ** 32;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.uniform() < p;
  }

  /**
   * Approximately normal (the sum of twelve uniforms): made of exact operations only, so that every
   * engine gives the same number, which Math.log and Math.cos do not promise.
   */
  normal(mean: number, deviation: number): number {
    let sum = -6;
    for (let term = 0; term < 12; term += 1) sum += this.uniform();
    return mean + deviation * sum;
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
