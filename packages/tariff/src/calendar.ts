// The calendar of a tariff: which band an instant belongs to, in the service point's wall time.
// docs/protocol.md: two streams, bill registers. Runs in meter, opener and browser.

import { assert } from "./assert.ts";
import {
  namePattern,
  readDistinct,
  readInteger,
  readList,
  readObject,
  readText,
} from "./document.ts";
import { TariffError } from "./error.ts";
import { offsetSpan } from "./zone.ts";

/** From `from` up to `to` ("07:00", "24:00") on ISO weekdays 1 (Monday) to 7, `band` holds. */
export interface CalendarRule {
  readonly weekdays: readonly number[];
  readonly from: string;
  readonly to: string;
  readonly band: string;
}

/** Bands in register order. Outside every rule the default band holds; rules never overlap. */
export interface Calendar {
  readonly id: string;
  readonly bands: readonly string[];
  readonly rules: readonly CalendarRule[];
  readonly defaultBand: string;
}

/** Bands of one calendar: a bill has at most eight registers (docs/protocol.md: two streams). */
export const bandsMax = 8;
const rulesMax = 64;
/** Intervals of one call: two years of minutes. */
const intervalsMax = 1_100_000;
const weekMinutes = 7 * 1440;
const unset = 255;

/** Per minute of a local week from Monday 00:00: the band, and minutes until it changes. */
interface Week {
  readonly bands: Uint8Array;
  readonly minutesLeft: Uint16Array;
}

const weeks = new WeakMap<Calendar, Week>();

function minuteOfDay(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function bandIndex(calendar: Calendar, band: string, path: string): number {
  const index = calendar.bands.indexOf(band);
  if (index < 0) {
    throw new TariffError("TARIFF_BAND_UNKNOWN", `no band ${JSON.stringify(band)}`, path);
  }
  return index;
}

function weekBands(calendar: Calendar): Uint8Array {
  const bands = new Uint8Array(weekMinutes).fill(unset);
  for (const [position, rule] of calendar.rules.entries()) {
    const path = `calendar.rules[${position}]`;
    const band = bandIndex(calendar, rule.band, `${path}.band`);
    for (const weekday of rule.weekdays) {
      const midnight = (weekday - 1) * 1440;
      const [from, to] = [midnight + minuteOfDay(rule.from), midnight + minuteOfDay(rule.to)];
      if (bands.subarray(from, to).some((taken) => taken !== unset)) {
        const message = `another rule holds on weekday ${weekday} between ${rule.from} and ${rule.to}`;
        throw new TariffError("TARIFF_RULES_OVERLAP", message, path);
      }
      bands.fill(band, from, to);
    }
  }
  const fallback = bandIndex(calendar, calendar.defaultBand, "calendar.defaultBand");
  return bands.map((band) => (band === unset ? fallback : band));
}

function weekOf(calendar: Calendar): Week {
  const known = weeks.get(calendar);
  if (known !== undefined) return known;
  const bands = weekBands(calendar);
  const minutesLeft = new Uint16Array(weekMinutes);
  // Twice around, backwards: the week follows itself; a flat calendar never changes.
  let left = weekMinutes;
  for (let step = 2 * weekMinutes - 1; step >= 0; step--) {
    const minute = step % weekMinutes;
    const same = bands[minute] === bands[(minute + 1) % weekMinutes];
    left = same ? Math.min(left + 1, weekMinutes) : 1;
    minutesLeft[minute] = left;
  }
  const week: Week = { bands, minutesLeft };
  weeks.set(calendar, week);
  return week;
}

/** The band at an instant, and until when it surely holds (it may go on holding). */
interface BandRun {
  readonly band: number;
  readonly untilSeconds: number;
}

function bandRun(week: Week, epochSeconds: number, zone: string): BandRun {
  const { offsetSeconds, untilSeconds } = offsetSpan(epochSeconds, zone);
  const wallSeconds = epochSeconds + offsetSeconds;
  const wallMinute = Math.floor(wallSeconds / 60);
  // 1970-01-01 was a Thursday; one more week keeps the first hours west of Greenwich positive.
  const minute = (wallMinute + 10 * 1440) % weekMinutes;
  const band = week.bands[minute];
  const left = week.minutesLeft[minute];
  assert(band !== undefined && left !== undefined, "minute outside the week");
  const changeSeconds = (wallMinute + left) * 60 - offsetSeconds;
  return { band, untilSeconds: Math.min(untilSeconds, changeSeconds) };
}

/** Index into calendar.bands of the band that holds at an instant. Throws ZONE_UNKNOWN. */
export function bandAt(calendar: Calendar, epochSeconds: number, zone: string): number {
  return bandRun(weekOf(calendar), epochSeconds, zone).band;
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
  const week = weekOf(calendar);
  const bands = new Uint8Array(count);
  let run: BandRun = { band: 0, untilSeconds: startSeconds };
  for (let index = 0; index < count; index++) {
    const start = startSeconds + index * intervalSeconds;
    if (start >= run.untilSeconds) run = bandRun(week, start, zone);
    while (run.untilSeconds < start + intervalSeconds) {
      const next = bandRun(week, run.untilSeconds, zone);
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

const fromPattern = /^([01]\d|2[0-3]):[0-5]\d$/;
const toPattern = /^(([01]\d|2[0-3]):[0-5]\d|24:00)$/;

function parseRule(value: unknown, path: string): CalendarRule {
  const rule = readObject(value, path, ["weekdays", "from", "to", "band"]);
  const weekdays = readList(rule.weekdays, `${path}.weekdays`, 1, 7).map((weekday, index) =>
    readInteger(weekday, `${path}.weekdays[${index}]`, 1, 7),
  );
  const from = readText(rule.from, `${path}.from`, fromPattern, "a time as in 07:00");
  const to = readText(rule.to, `${path}.to`, toPattern, "a time as in 20:00 or 24:00");
  if (from >= to) {
    const message = "a rule ends later on the same day; split one that passes midnight";
    throw new TariffError("TARIFF_OUT_OF_RANGE", message, path);
  }
  const band = readText(rule.band, `${path}.band`, namePattern, "a band");
  return { weekdays: readDistinct(weekdays, `${path}.weekdays`), from, to, band };
}

/**
 * Reads `calendar` of a tariff. Throws TariffError with the path of what is wrong: malformed,
 * unknown keys, out of range, unknown or duplicate bands, overlapping rules.
 */
export function parseCalendar(value: unknown): Calendar {
  const document = readObject(value, "calendar", ["id", "bands", "rules", "defaultBand"]);
  const bands = readList(document.bands, "calendar.bands", 1, bandsMax).map((band, index) =>
    readText(band, `calendar.bands[${index}]`, namePattern, "a band"),
  );
  const calendar: Calendar = {
    id: readText(document.id, "calendar.id", namePattern, "an id"),
    bands: readDistinct(bands, "calendar.bands"),
    rules: readList(document.rules, "calendar.rules", 0, rulesMax).map((rule, index) =>
      parseRule(rule, `calendar.rules[${index}]`),
    ),
    defaultBand: readText(document.defaultBand, "calendar.defaultBand", namePattern, "a band"),
  };
  weekOf(calendar); // refuses overlaps and unknown bands
  return calendar;
}
