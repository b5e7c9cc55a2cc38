// The calendar of a tariff: which band an instant belongs to, in the service point's wall time.
// docs/protocol.md: two streams, bill registers. Runs in meter, opener, trustee, MDMS and browser.
// Dates are those that the wall clock shows.

import { assert } from "./assert.ts";
import { planCalendar, planOfDay, type CalendarPlan } from "./day-plan.ts";
import type { CostTerms } from "./dynamic-prices.ts";
import { TariffError } from "./error.ts";
import { offsetSpan } from "./zone.ts";

/**
 * From `from` up to `to` ("07:00", "24:00") `band` holds: on ISO weekdays 1 (Monday) to 7, with
 * `holidays` on holidays as well, with `seasons` and `monthDays` in these alone.
 */
export interface CalendarRule {
  readonly weekdays: readonly number[];
  readonly from: string;
  readonly to: string;
  readonly band: string;
  readonly seasons?: readonly string[];
  readonly monthDays?: MonthDays;
  readonly holidays?: true;
}

/**
 * First and last of some days of every local month, 1 to 31. With bands for the 1st to the 15th and
 * others from the 16th on, a window of a month can be billed by new prices from the 16th on.
 */
export interface MonthDays {
  readonly from: number;
  readonly to: number;
}

/** First and last day of a season, MM-DD, every year; `from` after `to` passes New Year. */
export interface SeasonDates {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** Holidays, YYYY-MM-DD or, every year, MM-DD. With `countAs` each is as if it were that weekday. */
export interface Holidays {
  readonly dates: readonly string[];
  readonly countAs?: number;
}

/** A date with rules of its own, in place of all others. */
export interface SpecialDay {
  readonly date: string;
  readonly rules: readonly Pick<CalendarRule, "from" | "to" | "band">[];
}

/**
 * Bands in register order. Outside every rule the default band holds. Rules never overlap on one
 * kind of day: a special day, else a holiday or a weekday, in a season or outside every season, on
 * a day of the month.
 */
export interface Calendar {
  readonly id: string;
  readonly bands: readonly string[];
  readonly rules: readonly CalendarRule[];
  readonly defaultBand: string;
  readonly seasons?: readonly SeasonDates[];
  readonly holidays?: Holidays;
  readonly specialDays?: readonly SpecialDay[];
  /** Registers count what the import costs by these prices as well; then there is one band. */
  readonly cost?: CostTerms;
}

/** Bands of one calendar: a bill has at most eight registers (docs/protocol.md: two streams). */
export const bandsMax = 8;
/** Intervals of one call: two years of minutes. */
const intervalsMax = 1_100_000;
const daySeconds = 86_400;

const plans = new WeakMap<Calendar, CalendarPlan>();

/** The calendar's plan, made once. Throws what `planCalendar` throws. */
export function planOf(calendar: Calendar): CalendarPlan {
  const known = plans.get(calendar);
  if (known !== undefined) return known;
  const plan = planCalendar(calendar);
  plans.set(calendar, plan);
  return plan;
}

/** The band at an instant, and until when it surely holds (it may go on holding). */
interface BandRun {
  readonly band: number;
  readonly untilSeconds: number;
}

function bandRun(plan: CalendarPlan, epochSeconds: number, zone: string): BandRun {
  const { offsetSeconds, untilSeconds } = offsetSpan(epochSeconds, zone);
  const wallSeconds = epochSeconds + offsetSeconds;
  const day = Math.floor(wallSeconds / daySeconds);
  const minute = Math.floor((wallSeconds - day * daySeconds) / 60);
  const { bands, ends } = planOfDay(plan, day);
  const index = ends.findIndex((end) => minute < end);
  const [band, end] = [bands[index], ends[index]];
  assert(band !== undefined && end !== undefined, "a day's plan covers the day");
  const changeSeconds = day * daySeconds + end * 60 - offsetSeconds;
  return { band, untilSeconds: Math.min(untilSeconds, changeSeconds) };
}

/** Index into calendar.bands of the band that holds at an instant. Throws ZONE_UNKNOWN. */
export function bandAt(calendar: Calendar, epochSeconds: number, zone: string): number {
  return bandRun(planOf(calendar), epochSeconds, zone).band;
}

/** Time that each band holds in [fromSeconds, toSeconds), in order of bands. Throws ZONE_UNKNOWN. */
export function secondsOfBands(
  calendar: Calendar,
  { fromSeconds, toSeconds }: { readonly fromSeconds: number; readonly toSeconds: number },
  zone: string,
): number[] {
  const plan = planOf(calendar);
  const seconds = calendar.bands.map(() => 0);
  for (let start = fromSeconds; start < toSeconds;) {
    const { band, untilSeconds } = bandRun(plan, start, zone);
    const end = Math.min(untilSeconds, toSeconds);
    seconds[band] = (seconds[band] ?? 0) + end - start;
    start = end;
  }
  return seconds;
}

/**
 * Bands of `count` intervals of `intervalSeconds` from `startSeconds` on, as indices into
 * calendar.bands. Throws TARIFF_BOUNDARY_INSIDE_INTERVAL when a band changes inside an interval:
 * its energy could not be told apart. Throws ZONE_UNKNOWN.
 */
export function bandsOf(
  calendar: Calendar,
  startSeconds: number,
  intervalSeconds: number,
  count: number,
  zone: string,
): Uint8Array {
  assert(Number.isInteger(intervalSeconds) && intervalSeconds > 0, "intervalSeconds: positive");
  assert(Number.isInteger(count) && count >= 0 && count <= intervalsMax, "count out of range");
  const plan = planOf(calendar);
  const bands = new Uint8Array(count);
  let run: BandRun = { band: 0, untilSeconds: startSeconds };
  for (let index = 0; index < count; index++) {
    const start = startSeconds + index * intervalSeconds;
    if (start >= run.untilSeconds) run = bandRun(plan, start, zone);
    while (run.untilSeconds < start + intervalSeconds) {
      const next = bandRun(plan, run.untilSeconds, zone);
      if (next.band !== run.band) throw boundaryInside(start, run.untilSeconds, zone);
      run = next;
    }
    bands[index] = run.band;
  }
  return bands;
}

function boundaryInside(startSeconds: number, changeSeconds: number, zone: string): TariffError {
  const text = `the band changes ${changeSeconds - startSeconds} s into the interval that starts at \
${startSeconds} (${zone}); use intervals that end where bands do`;
  return new TariffError("TARIFF_BOUNDARY_INSIDE_INTERVAL", text);
}
