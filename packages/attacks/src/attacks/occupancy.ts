// What every attack on presence answers, and the hours and truths it is judged by.
import { strict as assert } from "node:assert";

/** A guess for each step of equal length: 24 a day are hours. */
export interface OccupancyGuess {
  readonly stepsPerDay: number;
  /** 1 where the attack says that somebody is at home. */
  readonly occupied: Uint8Array;
  /** The higher, the surer. */
  readonly score: Float64Array;
}

/** Presence is guessed by day: at night almost everybody is at home, asleep. */
export const JUDGED_FROM_HOUR = 7;
export const JUDGED_TO_HOUR = 23;

/** Steps of the judged hours, 07 to 23, of every day. */
export function judgedSteps<T extends Uint8Array | Float64Array>(values: T, stepsPerDay: number): T;
export function judgedSteps(
  values: Uint8Array | Float64Array,
  stepsPerDay: number,
): Uint8Array | Float64Array {
  const [from, to] = [JUDGED_FROM_HOUR, JUDGED_TO_HOUR].map((hour) => (hour * stepsPerDay) / 24);
  assert(from !== undefined && to !== undefined && Number.isInteger(from) && Number.isInteger(to));
  return values.filter((_, index) => {
    const step = index % stepsPerDay;
    return step >= from && step < to;
  });
}

/** Labels at another number of steps a day: repeated, or the majority with ties occupied. */
export function relabel(labels: Uint8Array, fromPerDay: number, toPerDay: number): Uint8Array {
  const result = new Uint8Array((labels.length / fromPerDay) * toPerDay);
  const share = fromPerDay / toPerDay;
  return result.map((_, step) => {
    const part = labels.subarray(Math.floor(step * share), Math.ceil((step + 1) * share));
    return 2 * part.reduce((sum, label) => sum + label, 0) >= part.length ? 1 : 0;
  });
}
