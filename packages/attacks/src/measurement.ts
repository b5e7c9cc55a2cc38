// What an attack got out of a view, always as in − out: with the target's data in it, and without.
import { estimate } from "./metrics/estimate.ts";
import type { Estimate, Sample } from "./metrics/estimate.ts";

/** Which number this is. */
export interface Measure {
  readonly attack:
    "niom" | "geoma" | "hmm" | "edges" | "two-candidates" | "linkage" | "bill-linkage";
  /**
   * What the attack is to find: `niom-raw` (NIOM's labels on the target's raw readings), `presence`
   * (the truth), `rise-1kW`, a `day` or `week` trace, `4+3 weeks`, `adjacent weeks`, or a bill of a
   * `total`, of `two bands`, or of `two bands and export`.
   */
  readonly reference: string;
  readonly metric: "auc" | "mcc" | "nmi" | "advantage" | "top-1" | "top-5" | "top-10";
}

export interface Measurement extends Measure {
  /** Homes in the sum; 1 is the raw view, or a bill. */
  readonly homes: number;
  readonly in: Estimate;
  /** The same with another home in the target's place; for games and linkage, what chance gives. */
  readonly out: Estimate;
  /** The paired difference. */
  readonly delta: Estimate;
}

/** One paired result. */
export interface Pair {
  readonly target: string;
  readonly seed: string;
  readonly in: number;
  readonly out: number;
}

/** Collects pairs by measure and size, in the order in which each first came. */
export class Tally {
  readonly #pairs = new Map<string, { measure: Measure; homes: number; pairs: Pair[] }>();

  add(measure: Measure, homes: number, pair: Pair): void {
    const key = [measure.attack, measure.reference, measure.metric, homes].join("|");
    const entry = this.#pairs.get(key) ?? { measure, homes, pairs: [] };
    entry.pairs.push(pair);
    this.#pairs.set(key, entry);
  }

  measurements(): Measurement[] {
    return [...this.#pairs.values()].map(({ measure, homes, pairs }) => {
      const over = (value: (pair: Pair) => number): Estimate =>
        estimate(pairs.map((pair): Sample => ({ ...pair, value: value(pair) })));
      return {
        ...measure,
        homes,
        in: over((pair) => pair.in),
        out: over((pair) => pair.out),
        delta: over((pair) => pair.in - pair.out),
      };
    });
  }
}
