// Non-intrusive occupancy monitoring by thresholds: who is at home uses more, and less evenly, than
// the same home asleep. Chen, Barker, Subbaswamy, Irwin, Shenoy: "Non-intrusive occupancy
// monitoring using smart meters", BuildSys 2013.
import { daysOf } from "../trace.ts";
import type { Trace } from "../trace.ts";
import type { OccupancyGuess } from "./occupancy.ts";

/** Features of each window: power's mean, standard deviation and range, in Wh per slot. */
export interface Windows {
  readonly windowsPerDay: number;
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  readonly range: Float64Array;
}

const NIGHT_FROM_HOUR = 1;
const NIGHT_TO_HOUR = 5;

/** Windows of an hour, or of 15 minutes where slots are minutes. */
export function windowsOf(trace: Trace): Windows {
  const { wattHours, slotsPerDay } = trace;
  const windowsPerDay = slotsPerDay >= 1440 ? 96 : 24;
  const size = slotsPerDay / windowsPerDay;
  const count = daysOf(trace) * windowsPerDay;
  const mean = new Float64Array(count);
  const deviation = new Float64Array(count);
  const range = new Float64Array(count);
  for (let window = 0; window < count; window += 1) {
    let [sum, squares, low, high] = [0, 0, Infinity, -Infinity];
    for (let slot = window * size; slot < (window + 1) * size; slot += 1) {
      const value = wattHours[slot] ?? 0;
      sum += value;
      squares += value * value;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    mean[window] = sum / size;
    // Whole watt-hours: the difference is exact, and so is the 0 of an even window.
    deviation[window] = Math.sqrt(size * squares - sum * sum) / size;
    range[window] = high - low;
  }
  return { windowsPerDay, mean, deviation, range };
}

/**
 * Occupied where any feature exceeds its threshold, the median over days of its largest value
 * between 01 and 05 h. Labels are for every window, to be judged from 07 to 23 h. The score is the
 * window's mean: it orders windows where a sum of many homes is above every threshold all day.
 */
export function niom(windows: Windows): OccupancyGuess {
  const { windowsPerDay, mean, deviation, range } = windows;
  const occupied = new Uint8Array(mean.length);
  for (const feature of [mean, deviation, range]) {
    const threshold = nightThreshold(feature, windowsPerDay);
    for (const [window, value] of feature.entries()) {
      if (value > threshold) occupied[window] = 1;
    }
  }
  return { stepsPerDay: windowsPerDay, occupied, score: mean };
}

function nightThreshold(feature: Float64Array, windowsPerDay: number): number {
  const [from, to] = [NIGHT_FROM_HOUR, NIGHT_TO_HOUR].map((hour) => (hour * windowsPerDay) / 24);
  const maxima = Float64Array.from({ length: feature.length / windowsPerDay }, (_, day) => {
    const night = feature.subarray(
      day * windowsPerDay + (from ?? 0),
      day * windowsPerDay + (to ?? 0),
    );
    return night.reduce((high, value) => Math.max(high, value), -Infinity);
  }).sort();
  const middle = (maxima.length - 1) / 2;
  return ((maxima[Math.floor(middle)] ?? 0) + (maxima[Math.ceil(middle)] ?? 0)) / 2;
}
