// Linkage: is this nameless stretch of readings, or this bill, the household of that one? Nearest
// neighbour between fingerprints of two periods, each known under another pseudonym.
import { strict as assert } from "node:assert";
import { coarsen, daysOf } from "../trace.ts";
import type { Trace } from "../trace.ts";

const PROFILE_SLOTS = 96;
const QUANTILES = 10;

/**
 * 202 numbers of a home's load: log mean and log standard deviation of each quarter of an hour of
 * the day, and the logs of ten quantiles (5 % to 95 %). Every log is of 1 Wh more.
 */
export function loadFingerprint(trace: Trace): Float64Array {
  const { wattHours } = coarsen(trace, PROFILE_SLOTS);
  const days = daysOf(trace);
  const [sums, squares] = [new Float64Array(PROFILE_SLOTS), new Float64Array(PROFILE_SLOTS)];
  for (const [slot, energy] of wattHours.entries()) {
    const at = slot % PROFILE_SLOTS;
    sums[at] = (sums[at] ?? 0) + energy;
    squares[at] = (squares[at] ?? 0) + energy * energy;
  }
  const sorted = wattHours.slice().sort();
  const quantile = (_: unknown, index: number): number =>
    Math.log1p(sorted[Math.round((0.05 + index / QUANTILES) * (sorted.length - 1))] ?? 0);
  return Float64Array.of(
    ...sums.map((sum) => Math.log1p(sum / days)),
    ...squares.map((square, at) => {
      // Whole watt-hours: exact, never below 0.
      const variance = (days * square - (sums[at] ?? 0) ** 2) / days ** 2;
      return Math.log1p(Math.sqrt(variance));
    }),
    ...Array.from({ length: QUANTILES }, quantile),
  );
}

/** Log of each register of a bill, per day so that windows of different length compare. */
export function billFingerprint(registersWattHours: Float64Array, days: number): Float64Array {
  return registersWattHours.map((energy) => Math.log1p(energy / days));
}

/**
 * For each household, how many others of the later period lie nearer to its earlier fingerprint
 * than its own later one: 0 is a hit. Distance is the sum of absolute differences (of the usual
 * ones the most successful on real homes). Equally near ones count half, rounded up: who guesses
 * among all equals does not win.
 */
export function linkageRanks(
  earlier: readonly Float64Array[],
  later: readonly Float64Array[],
): number[] {
  assert(earlier.length === later.length, "both periods have the same households, in one order");
  return earlier.map((known, owner) => {
    const own = distance(known, later[owner] ?? known);
    let [nearer, equal] = [0, 0];
    for (const [index, candidate] of later.entries()) {
      if (index === owner) continue;
      const other = distance(known, candidate);
      if (other < own) nearer += 1;
      else if (other === own) equal += 1;
    }
    return nearer + Math.ceil(equal / 2);
  });
}

function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) {
    sum += Math.abs((a[index] ?? 0) - (b[index] ?? 0));
  }
  return sum;
}
