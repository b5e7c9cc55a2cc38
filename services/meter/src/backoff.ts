/**
 * How long a meter waits before it sends again: growing and jittered, so that a district does not
 * come back as one.
 */
import type { Random } from "./enrolment.ts";

const FIRST_MS = 500;
const LONGEST_MS = 60_000;

/**
 * Half to all of 0.5 s, 1 s, 2 s … 60 s, after `failures` ≥ 1 fruitless attempts in a row; where the
 * concentrator names a time, that and up to half of it more, if it is longer.
 */
export function backoffMs(failures: number, random: Random, askedMs = 0): number {
  const longest = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 10), LONGEST_MS);
  const jitter = (random(1)[0] ?? 0) / 255;
  return Math.round(Math.max(longest * (0.5 + jitter / 2), askedMs * (1 + jitter / 2)));
}
