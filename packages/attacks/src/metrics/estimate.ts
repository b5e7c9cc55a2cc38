// A mean over targets and seeds, and how far it can be trusted.
import { strict as assert } from "node:assert";

/** One target's result in one seed's round. */
export interface Sample {
  /** The home attacked: its results in several rounds are not independent of one another. */
  readonly target: string;
  readonly seed: string;
  readonly value: number;
}

export interface Estimate {
  readonly mean: number;
  /** Borders of the 95 % interval. */
  readonly low: number;
  readonly high: number;
  readonly targets: number;
  readonly seeds: number;
}

const NORMAL_975 = 1.96;
/** Student's t for five seeds; more seeds than five make the bound more careful than it need be. */
const STUDENT_975 = 2.776;
const SEEDS_FOR_BOUND = 5;

/**
 * Mean of the targets' means, with a two-sided 95 % bound: the wider of the normal one over targets
 * and of Student's over seeds (five or more), since the targets of one round share its sum.
 */
export function estimate(samples: readonly Sample[]): Estimate {
  const byTarget = groupMeans(samples, (sample) => sample.target);
  const bySeed = groupMeans(samples, (sample) => sample.seed);
  assert(byTarget.length > 0, "there is a sample");
  const mean = average(byTarget);
  const ofTargets = NORMAL_975 * standardError(byTarget);
  const ofSeeds = bySeed.length < SEEDS_FOR_BOUND ? 0 : STUDENT_975 * standardError(bySeed);
  const half = Math.max(ofTargets, ofSeeds);
  const size = { targets: byTarget.length, seeds: bySeed.length };
  return { mean, low: mean - half, high: mean + half, ...size };
}

function groupMeans(samples: readonly Sample[], keyOf: (sample: Sample) => string): number[] {
  const groups = new Map<string, { sum: number; count: number }>();
  for (const sample of samples) {
    const group = groups.get(keyOf(sample)) ?? { sum: 0, count: 0 };
    group.sum += sample.value;
    group.count += 1;
    groups.set(keyOf(sample), group);
  }
  return [...groups.values()].map(({ sum, count }) => sum / count);
}

/** Of one value alone nothing is known. */
function standardError(values: readonly number[]): number {
  if (values.length < 2) return Infinity;
  const mean = average(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
