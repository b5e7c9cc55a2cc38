// A trace: one household's or one cohort's energy per slot, in watt-hours, over whole local days.
// Any attacker holds traces; where they come from is panel.ts (plaintext) and views.ts (releases).
import { strict as assert } from "node:assert";

/** Watt-hours per slot, `slotsPerDay` slots a day, from a local midnight on. */
export interface Trace {
  readonly wattHours: Float64Array;
  /** 96 for 15 minutes, 1440 for one. A multiple of 48, so that half hours are whole slots. */
  readonly slotsPerDay: number;
}

export function daysOf({ wattHours, slotsPerDay }: Trace): number {
  assert(slotsPerDay % 48 === 0, "half hours are whole slots");
  assert(wattHours.length % slotsPerDay === 0, "a trace is whole days");
  return wattHours.length / slotsPerDay;
}

/** The same energy in `slotsPerDay` longer slots; it divides the trace's own. */
export function coarsen(trace: Trace, slotsPerDay: number): Trace {
  const factor = trace.slotsPerDay / slotsPerDay;
  assert(Number.isInteger(factor), "slots are joined, never cut");
  const wattHours = new Float64Array(trace.wattHours.length / factor);
  for (const [slot, energy] of trace.wattHours.entries()) {
    const joined = Math.floor(slot / factor);
    wattHours[joined] = (wattHours[joined] ?? 0) + energy;
  }
  return { wattHours, slotsPerDay };
}

/** Days [fromDay, toDay) of the trace, without a copy. */
export function daysBetween(trace: Trace, fromDay: number, toDay: number): Trace {
  const { wattHours, slotsPerDay } = trace;
  return { wattHours: wattHours.subarray(fromDay * slotsPerDay, toDay * slotsPerDay), slotsPerDay };
}
