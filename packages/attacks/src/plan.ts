// The plan of an evaluation: which sums, how many targets, which panels under which seeds.
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { syntheticPanel } from "./panel.ts";
import type { Panel } from "./panel.ts";

export interface Plan {
  /** Homes in a sum, rising; 1 is the raw view and always measured. */
  readonly cohortSizes: readonly number[];
  /** Homes attacked in each round, at most. */
  readonly targets: number;
}

/** One seed's turn: it chooses targets, neighbours and replacements. */
export interface Round {
  readonly seed: string;
  readonly panel: Panel;
}

/** The sums of the real calibration (gates.ts), every home a target: 200 × 5 rounds, minutes. */
export const FULL_PLAN: Plan = { cohortSizes: [1, 15, 50, 100, 200], targets: 200 };
/** What continuous integration runs, with 100 households: 30 × 5 rounds, seconds. */
export const SMALL_PLAN: Plan = { cohortSizes: [1, 15, 100], targets: 30 };
/** Fixed, so that a published number can be made again. */
export const SEEDS: readonly string[] = [
  "attack-1",
  "attack-2",
  "attack-3",
  "attack-4",
  "attack-5",
];

/**
 * A synthetic neighbourhood of its own for every seed. It has one home more than `households`, the
 * largest sum: the home that stands in for the target.
 */
export function* syntheticRounds(households: number, seeds = SEEDS): Generator<Round> {
  for (const seed of seeds)
    yield { seed, panel: syntheticPanel({ seed, households: households + 1 }) };
}

/** The same homes under every seed: real ones, of which there are no others. */
export function* sameHomesRounds(panel: Panel, seeds = SEEDS): Generator<Round> {
  for (const seed of seeds) yield { seed, panel };
}

/** The plan's sums that `homes` allow for, one home kept out; the largest possible for the others. */
export function cohortSizesFor(plan: Plan, homes: number): number[] {
  const { cohortSizes } = plan;
  assert(homes >= 2, "a target and a replacement");
  assert(
    cohortSizes.every((size, index) => size > (cohortSizes[index - 1] ?? 0)),
    "sums grow: each begins with the one before",
  );
  return [...new Set([1, ...cohortSizes.map((size) => Math.min(size, homes - 1))])];
}

/** Homes of `panel` in the order that `words` draw, by hash: the same for ever. */
export function drawHomes(panel: Panel, ...words: readonly string[]): number[] {
  const keys = panel.homes.map(({ label }) =>
    createHash("sha256")
      .update(JSON.stringify([...words, label]))
      .digest("hex"),
  );
  return keys
    .map((key, home) => ({ key, home }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ home }) => home);
}
