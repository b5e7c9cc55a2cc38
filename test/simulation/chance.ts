/**
 * Chance that follows from a seed. Every place that rolls dice has a name and its own sequence, so that what happens at one place does not
 * depend on how threads interleave at another: a replay meets the same faults.
 */
import { createHash } from "node:crypto";

/** A fault does not strike the same place more often in a row: everything gets through in the end. */
const STRIKES_IN_A_ROW_MAX = 2;

export class Chance {
  /** Faults strike only while it is true. */
  faulty = true;
  readonly #seed: string;
  readonly #rolls = new Map<string, number>();
  readonly #struck = new Map<string, number>();

  constructor(seed: number | string) {
    this.#seed = String(seed);
  }

  /** Uniform in [0, 1). */
  roll(place: string): number {
    return this.bytes(place, 6).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 48;
  }

  /** Uniform integer in [from, to]. */
  integer(place: string, from: number, to: number): number {
    return from + Math.floor(this.roll(place) * (to - from + 1));
  }

  isTrue(place: string, probability: number): boolean {
    return this.roll(place) < probability;
  }

  pick<T>(place: string, list: readonly T[]): T {
    const picked = list[this.integer(place, 0, list.length - 1)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }

  /** A permutation of the list. */
  shuffled<T>(place: string, list: readonly T[]): T[] {
    return list
      .map((entry) => ({ entry, key: this.roll(place) }))
      .toSorted((a, b) => a.key - b.key)
      .map(({ entry }) => entry);
  }

  /** Whether a fault strikes here and now. */
  strikes(place: string, probability: number): boolean {
    const before = this.#struck.get(place) ?? 0;
    const hit = this.isTrue(place, probability) && before < STRIKES_IN_A_ROW_MAX && this.faulty;
    this.#struck.set(place, hit ? before + 1 : 0);
    return hit;
  }

  bytes(place: string, length: number): Uint8Array {
    const count = this.#rolls.get(place) ?? 0;
    this.#rolls.set(place, count + 1);
    const text = `${this.#seed}/${place}/${count}`;
    return new Uint8Array(createHash("shake256", { outputLength: length }).update(text).digest());
  }
}
