// Local days and months of IANA zones, on epoch seconds. docs/protocol.md: readings, units, time.
// Runs everywhere, the browser included. Rules of the zones come from the platform's Intl (ICU);
// two machines agree on a bill as long as their zone data agree on the window.
//
// Local days partition time: day D begins at the first instant whose wall clock shows D or later
// and ends where D+1 begins. Midnight is skipped in some zones (America/Santiago: the day begins at
// 01:00), and a day can have 23, 23.5, 24, 24.5 or 25 hours.

import { assert } from "./assert.ts";
import { TariffError } from "./error.ts";

const daySeconds = 86_400;
/** Instants handled: 1970 to 9999. */
const epochSecondsMax = 253_402_300_799;
/** UTC days kept per zone (11 years); when full the cache of that zone starts anew. */
const cachedDaysMax = 4096;
/** Zones kept; when full the cache starts anew. */
const cachedZonesMax = 64;

/** Offsets of one UTC day: `before` until changeSeconds, `after` from there on. */
interface OffsetDay {
  readonly before: number;
  readonly after: number;
  readonly changeSeconds: number;
}

interface ZoneCache {
  readonly format: Intl.DateTimeFormat;
  readonly days: Map<number, OffsetDay>;
}

/** Wall clock in a zone; month 1 to 12, weekday 1 (Monday) to 7 (ISO 8601). */
export interface LocalParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
}

const zones = new Map<string, ZoneCache>();
const zonePattern = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/;

function cacheOf(zone: string): ZoneCache {
  const known = zones.get(zone);
  if (known !== undefined) return known;
  const name = JSON.stringify(zone);
  if (!zonePattern.test(zone)) {
    throw new TariffError("ZONE_UNKNOWN", `${name} is no IANA zone; expected as in Europe/Paris`);
  }
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    if (zones.size >= cachedZonesMax) zones.clear();
    const cache: ZoneCache = { format, days: new Map() };
    zones.set(zone, cache);
    return cache;
  } catch (cause) {
    throw new TariffError("ZONE_UNKNOWN", `zone ${name} is not known here`, "", { cause });
  }
}

function offsetByFormat(format: Intl.DateTimeFormat, epochSeconds: number): number {
  const parts = format.formatToParts(epochSeconds * 1000);
  const field = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const [year, month, day] = [field("year"), field("month"), field("day")];
  const wall = Date.UTC(year, month - 1, day, field("hour"), field("minute"), field("second"));
  return wall / 1000 - epochSeconds;
}

/** First second in (low, high] whose offset is no longer that at `low`. */
function offsetChange(format: Intl.DateTimeFormat, low: number, high: number): number {
  const before = offsetByFormat(format, low);
  let [same, changed] = [low, high];
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (offsetByFormat(format, middle) === before) same = middle;
    else changed = middle;
  }
  return changed;
}

/** Two changes within one UTC day are not told apart: no zone has had them since 1970. */
function offsetDay(cache: ZoneCache, utcDay: number): OffsetDay {
  const known = cache.days.get(utcDay);
  if (known !== undefined) return known;
  const [start, end] = [utcDay * daySeconds, (utcDay + 1) * daySeconds];
  const before = offsetByFormat(cache.format, start);
  const after = offsetByFormat(cache.format, end);
  const changeSeconds = before === after ? end : offsetChange(cache.format, start, end);
  const fresh: OffsetDay = { before, after, changeSeconds };
  if (cache.days.size >= cachedDaysMax) cache.days.clear();
  cache.days.set(utcDay, fresh);
  return fresh;
}

function offsetAt(cache: ZoneCache, epochSeconds: number): number {
  const day = offsetDay(cache, Math.floor(epochSeconds / daySeconds));
  return epochSeconds < day.changeSeconds ? day.before : day.after;
}

/** Start of local day number `day` (days since 1970-01-01 on the wall clock). */
function startOfDay(cache: ZoneCache, day: number): number {
  const wall = day * daySeconds;
  // Offsets stay within ±15 h, so a day earlier is surely before this local midnight.
  const before = offsetAt(cache, wall - daySeconds);
  const candidate = wall - before;
  const after = offsetAt(cache, candidate);
  if (after === before) return candidate;
  const moved = wall - after;
  if (offsetAt(cache, moved) === after) return moved;
  return offsetChange(cache.format, moved, candidate); // midnight was skipped
}

function dayNumber(cache: ZoneCache, epochSeconds: number): number {
  const shown = Math.floor((epochSeconds + offsetAt(cache, epochSeconds)) / daySeconds);
  // Where clocks fall back over midnight the wall shows yesterday again: the new day goes on.
  return startOfDay(cache, shown + 1) <= epochSeconds ? shown + 1 : shown;
}

function assertEpochSeconds(epochSeconds: number): void {
  const inRange = epochSeconds >= 0 && epochSeconds <= epochSecondsMax;
  assert(Number.isInteger(epochSeconds) && inRange, `${epochSeconds} is no epoch second`);
}

/** Throws TariffError ZONE_UNKNOWN unless `zone` is an IANA zone known to this platform. */
export function assertZone(zone: string): void {
  cacheOf(zone);
}

/** Seconds that the wall clock of `zone` is ahead of UTC. Throws ZONE_UNKNOWN. */
export function zoneOffsetSeconds(epochSeconds: number, zone: string): number {
  assertEpochSeconds(epochSeconds);
  return offsetAt(cacheOf(zone), epochSeconds);
}

/**
 * The offset at an instant and how long it surely lasts: up to the next change or the end of the
 * UTC day, whichever comes first. For loops over readings. Throws ZONE_UNKNOWN.
 */
export function offsetSpan(
  epochSeconds: number,
  zone: string,
): { readonly offsetSeconds: number; readonly untilSeconds: number } {
  assertEpochSeconds(epochSeconds);
  const utcDay = Math.floor(epochSeconds / daySeconds);
  const day = offsetDay(cacheOf(zone), utcDay);
  return epochSeconds < day.changeSeconds
    ? { offsetSeconds: day.before, untilSeconds: day.changeSeconds }
    : { offsetSeconds: day.after, untilSeconds: (utcDay + 1) * daySeconds };
}

/** The wall clock of `zone` at an instant. Throws ZONE_UNKNOWN. */
export function localParts(epochSeconds: number, zone: string): LocalParts {
  const wall = new Date((epochSeconds + zoneOffsetSeconds(epochSeconds, zone)) * 1000);
  return {
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
    weekday: ((wall.getUTCDay() + 6) % 7) + 1,
  };
}

/** First instant of the local day that contains `epochSeconds`. Throws ZONE_UNKNOWN. */
export function localDayStart(epochSeconds: number, zone: string): number {
  assertEpochSeconds(epochSeconds);
  const cache = cacheOf(zone);
  return startOfDay(cache, dayNumber(cache, epochSeconds));
}

/** First instant of the local day `days` after the one that contains `epochSeconds`. */
export function addLocalDays(epochSeconds: number, days: number, zone: string): number {
  assertEpochSeconds(epochSeconds);
  assert(Number.isSafeInteger(days), "days must be an integer");
  const cache = cacheOf(zone);
  return startOfDay(cache, dayNumber(cache, epochSeconds) + days);
}

/** Local days from the day of `fromSeconds` to the day of `toSeconds`; negative when earlier. */
export function localDaysBetween(fromSeconds: number, toSeconds: number, zone: string): number {
  assertEpochSeconds(fromSeconds);
  assertEpochSeconds(toSeconds);
  const cache = cacheOf(zone);
  return dayNumber(cache, toSeconds) - dayNumber(cache, fromSeconds);
}

/** First instant of the local month that contains `epochSeconds`. Throws ZONE_UNKNOWN. */
export function localMonthStart(epochSeconds: number, zone: string): number {
  return addLocalMonths(epochSeconds, 0, zone);
}

/** First instant of the local month `months` after the one that contains `epochSeconds`. */
export function addLocalMonths(epochSeconds: number, months: number, zone: string): number {
  assertEpochSeconds(epochSeconds);
  assert(Number.isSafeInteger(months), "months must be an integer");
  const cache = cacheOf(zone);
  const date = new Date(dayNumber(cache, epochSeconds) * daySeconds * 1000);
  const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1);
  return startOfDay(cache, first / 1000 / daySeconds);
}

/** Date of the local day that contains `epochSeconds`, as YYYY-MM-DD. Throws ZONE_UNKNOWN. */
export function localDate(epochSeconds: number, zone: string): string {
  assertEpochSeconds(epochSeconds);
  const day = dayNumber(cacheOf(zone), epochSeconds);
  return new Date(day * daySeconds * 1000).toISOString().slice(0, 10);
}

/** `date`, when it is a day of the calendar from 1970 on, as YYYY-MM-DD. Throws DATE_INVALID. */
export function parseDate(date: string, path = ""): string {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  // Date.parse takes 31 February for 3 March: only what comes back unchanged is a date.
  if (!(time >= 0) || new Date(time).toISOString().slice(0, 10) !== date) {
    const shown = JSON.stringify(date);
    throw new TariffError("DATE_INVALID", `${shown} is no date; expected YYYY-MM-DD`, path);
  }
  return date;
}

/** First instant of the local day `date` (YYYY-MM-DD). Throws DATE_INVALID, ZONE_UNKNOWN. */
export function dayStartOf(date: string, zone: string): number {
  const time = Date.parse(`${parseDate(date)}T00:00:00Z`);
  return startOfDay(cacheOf(zone), time / 1000 / daySeconds);
}
