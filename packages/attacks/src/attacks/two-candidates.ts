// The two-candidate game: which of two homes, whose readings the adversary knows, is in the sum?
// The strong version of Buescher, Boukoros, Bauregger, Katzenbeisser: "Two is not enough: privacy
// assessment of aggregation schemes in smart metering", PoPETs 2017, on first differences of
// residuals.
import { strict as assert } from "node:assert";
import { advantage } from "../metrics/advantage.ts";
import type { Trace } from "../trace.ts";

const WEEK_DAYS = 7;

/** Mean home of each slot of the week, in Wh: what the public knows without any release. */
export function meanProfile(traces: readonly Trace[]): Float64Array {
  const [first] = traces;
  assert(first !== undefined, "a mean of something");
  const weekSlots = WEEK_DAYS * first.slotsPerDay;
  const profile = new Float64Array(Math.min(weekSlots, first.wattHours.length));
  const counts = new Float64Array(profile.length);
  for (const { wattHours } of traces) {
    for (const [slot, energy] of wattHours.entries()) {
      const at = slot % weekSlots;
      profile[at] = (profile[at] ?? 0) + energy;
      counts[at] = (counts[at] ?? 0) + 1;
    }
  }
  return profile.map((sum, at) => sum / (counts[at] ?? 1));
}

/**
 * First differences within each day of what is left of `trace` when `homes` mean homes are taken
 * away; 0 in the first slot of a day, so that days and weeks are sums of slots.
 */
export function residualDifferences(
  { wattHours, slotsPerDay }: Trace,
  homes: number,
  profile: Float64Array,
): Float64Array {
  return wattHours.map((energy, slot) => {
    if (slot % slotsPerDay === 0) return 0;
    const expected =
      (profile[slot % profile.length] ?? 0) - (profile[(slot - 1) % profile.length] ?? 0);
    return energy - (wattHours[slot - 1] ?? 0) - homes * expected;
  });
}

/** Everything as residual differences over the same slots. */
export interface Game {
  readonly candidates: readonly [Float64Array, Float64Array];
  /** The sum with the first candidate in it, and with the second in its place. */
  readonly aggregates: readonly [Float64Array, Float64Array];
  /** Length of the traces the adversary compares: a day or a week. */
  readonly traceSlots: number;
}

/**
 * Advantage over all traces and both worlds. The guess is argmax ⟨A, x_b⟩ − |x_b|²/2, the most
 * likely candidate under white noise; equals count as half a win.
 */
export function twoCandidateAdvantage({ candidates, aggregates, traceSlots }: Game): number {
  const [first, second] = candidates;
  let [wins, games] = [0, 0];
  for (const [world, aggregate] of aggregates.entries()) {
    for (let from = 0; from + traceSlots <= first.length; from += traceSlots) {
      let evidence = 0;
      for (let slot = from; slot < from + traceSlots; slot += 1) {
        const [sum = 0, a = 0, b = 0] = [aggregate[slot], first[slot], second[slot]];
        // ⟨A, a − b⟩ − (|a|² − |b|²)/2, slot by slot.
        evidence += (a - b) * (sum - (a + b) / 2);
      }
      const towards = world === 0 ? evidence : -evidence;
      wins += towards > 0 ? 1 : towards === 0 ? 0.5 : 0;
      games += 1;
    }
  }
  return advantage(wins, games);
}
