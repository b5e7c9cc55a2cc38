// Edges: when did an appliance of this home switch on? A rise of the home's own power, looked for in
// the rises of the view.
import type { Trace } from "../trace.ts";

const EDGE_WATTS = 1000;

/** e_t = 1 where the mean power rises by 1 kW or more from slot t to t + 1: the truth to find. */
export function edgesOf(trace: Trace): Uint8Array {
  const thresholdWattHours = (EDGE_WATTS * 24) / trace.slotsPerDay;
  return Uint8Array.from(risesOf(trace), (rise) => (rise >= thresholdWattHours ? 1 : 0));
}

/** The attack's score for an edge at t: the view's own first difference, in Wh per slot. */
export function risesOf({ wattHours }: Trace): Float64Array {
  return wattHours.subarray(1).map((energy, slot) => energy - (wattHours[slot] ?? 0));
}
