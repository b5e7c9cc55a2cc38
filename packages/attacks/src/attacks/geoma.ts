// GeoMA, presence from a geometric moving average: at home where the smoothed consumption is above
// its own slow average. Becker, Kleiminger: "Exploring zero-training algorithms for occupancy
// detection based on smart meter measurements", Computer Science - Research and Development 2018.
import { coarsen } from "../trace.ts";
import type { Trace } from "../trace.ts";
import type { OccupancyGuess } from "./occupancy.ts";

const STEPS_PER_DAY = 48;
const SMOOTH_STEPS = 5;
const WEIGHT = 0.05;
const EVENING_STEP = 2 * 20;
const MORNING_STEP = 2 * 9;

/**
 * Half-hourly guesses. x = log10 of the energy (no less than 1 Wh), centred moving average of 5;
 * a_t = 0.05 x_t + 0.95 a_{t−1} from a_0 = x_0; occupied where x_t ≥ a_t, smoothed over 5 and
 * rounded; from the last detection of an evening (20 h or later) to 09 h somebody sleeps at home.
 * The score is x_t − a_t.
 */
export function geoma(trace: Trace): OccupancyGuess {
  const { wattHours } = coarsen(trace, STEPS_PER_DAY);
  const level = movingAverage(wattHours.map((energy) => Math.log10(Math.max(1, energy))));
  let slow = level[0] ?? 0;
  const score = level.map((value) => {
    slow = WEIGHT * value + (1 - WEIGHT) * slow;
    return value - slow;
  });
  const above = Float64Array.from(score, (difference) => (difference >= 0 ? 1 : 0));
  const occupied = Uint8Array.from(movingAverage(above), Math.round);
  fillNights(occupied);
  return { stepsPerDay: STEPS_PER_DAY, occupied, score };
}

/** Over SMOOTH_STEPS around each value, over fewer at the ends. */
function movingAverage(values: Float64Array): Float64Array {
  const reach = (SMOOTH_STEPS - 1) / 2;
  return values.map((_, index) => {
    const part = values.subarray(Math.max(0, index - reach), index + reach + 1);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

function fillNights(occupied: Uint8Array): void {
  for (let day = 0; day < occupied.length; day += STEPS_PER_DAY) {
    const evening = occupied.subarray(day + EVENING_STEP, day + STEPS_PER_DAY);
    const last = evening.lastIndexOf(1);
    if (last < 0) continue;
    occupied.fill(1, day + EVENING_STEP + last, day + STEPS_PER_DAY + MORNING_STEP);
  }
}
