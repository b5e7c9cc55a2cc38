/**
 * The energy of a gap whose registers are known on both sides (docs/quality.md): spread over its
 * intervals by the household's own day profile, exactly. No register is invented: each one's
 * difference goes to intervals of its own band, to the last milliwatt-hour. Plaintext. Pure.
 */
import assert from "node:assert/strict";
import { QUALITY } from "./checks.ts";
import type { Registers } from "./registers.ts";
import type { Readings } from "./source.ts";

/** A run of missing intervals between two readings of the registers. */
export interface Gap {
  /** Place of the register that each interval's import counts in: its band. */
  readonly bands: ArrayLike<number>;
  /** Place of the export register: the number of bands. */
  readonly exportRegister: number;
  readonly registersBefore: Registers;
  readonly registersAfter: Registers;
  /** Of each interval, what is usual at its time of day; positive. */
  readonly importWeights: readonly number[];
  readonly exportWeights: readonly number[];
  /** No interval can hold more, mWh. */
  readonly energyMax: number;
}

/**
 * All intervals of the gap, marked estimated; their sum in each register is that register's
 * difference. Undefined when the registers contradict the gap: one went back, one counted in whose
 * band the gap has no interval, or more than the fuse lets through. The gap then stays missing.
 */
export function estimateGap(gap: Gap): Readings | undefined {
  const count = gap.bands.length;
  const everywhere = Array.from({ length: count }, (_, index) => index);
  const importMilliwattHours = everywhere.map(() => 0);
  for (let register = 0; register < gap.exportRegister; register++) {
    const places = everywhere.filter((index) => gap.bands[index] === register);
    const weights = places.map((index) => gap.importWeights[index] ?? 1);
    const spread = spreadOver(differenceOf(gap, register), weights, gap.energyMax);
    if (spread === undefined) return undefined;
    for (const [index, place] of places.entries()) importMilliwattHours[place] = spread[index] ?? 0;
  }
  const exported = differenceOf(gap, gap.exportRegister);
  const exportMilliwattHours = spreadOver(exported, gap.exportWeights, gap.energyMax);
  if (exportMilliwattHours === undefined) return undefined;
  const quality = everywhere.map(() => QUALITY.estimated);
  return { importMilliwattHours, exportMilliwattHours, quality };
}

const differenceOf = ({ registersBefore, registersAfter }: Gap, register: number): bigint =>
  (registersAfter[register] ?? 0n) - (registersBefore[register] ?? 0n);

/**
 * `energy` in proportion to `weights`, as differences of a rounded cumulative sum, so that it adds up
 * exactly. Where the profile would put more into an interval than can flow, evenly.
 */
function spreadOver(
  energy: bigint,
  weights: readonly number[],
  max: number,
): readonly number[] | undefined {
  if (energy < 0n || energy > BigInt(weights.length) * BigInt(max)) return undefined;
  const byProfile = inProportion(energy, weights);
  if (byProfile.every((value) => value <= max)) return byProfile;
  return inProportion(
    energy,
    weights.map(() => 1),
  );
}

function inProportion(energy: bigint, weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + BigInt(weight), 0n);
  let passed = 0n;
  let given = 0n;
  return weights.map((weight) => {
    assert(Number.isSafeInteger(weight) && weight > 0, "a weight is a positive integer");
    passed += BigInt(weight);
    const until = (energy * passed) / total;
    const value = Number(until - given);
    given = until;
    return value;
  });
}

/**
 * What is usual in slot `slot` of a day: the mean of the readings that `history` has there, whole mWh
 * and 1 more, so that no weight is 0. Days of 23 and 25 hours are taken as they are.
 */
export function usualAt(
  history: readonly Readings[],
  slot: number,
  direction: "importMilliwattHours" | "exportMilliwattHours",
): number {
  let [sum, days] = [0, 0];
  for (const day of history) {
    if (slot >= day.quality.length || day.quality[slot] === QUALITY.missing) continue;
    sum += day[direction][slot] ?? 0;
    days += 1;
  }
  return 1 + Math.floor(sum / Math.max(days, 1));
}
