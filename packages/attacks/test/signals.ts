// Constructed signals whose answer is known.
import type { Trace } from "../src/index.ts";

/** Repeatable uniform numbers in [0, 1): a multiplicative generator, good enough for tests. */
export function uniforms(seed: number): () => number {
  let state = seed * 7919 + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** A trace of 15-minute slots from (day, slot of the day). */
export function trace(days: number, wattHoursAt: (day: number, slot: number) => number): Trace {
  const wattHours = Float64Array.from({ length: 96 * days }, (_, index) =>
    wattHoursAt(Math.floor(index / 96), index % 96),
  );
  return { wattHours, slotsPerDay: 96 };
}

/** Noise of whole watt-hours below `high`. */
export function noise(days: number, seed: number, high = 1000): Trace {
  const random = uniforms(seed);
  return trace(days, () => Math.floor(high * random()));
}
