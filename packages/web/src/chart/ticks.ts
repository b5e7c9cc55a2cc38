/** Where an axis is marked: round values, and times that are round on the local clock (midnights, first days of a month). */
import { zoneClock, type LocalTime } from "./zone-clock.ts";

export type TickUnit = "minute" | "day" | "month" | "year";
export interface TimeTick {
  /** Epoch seconds. */
  readonly at: number;
  readonly unit: TickUnit;
  readonly local: LocalTime;
  /** The first tick, or the first of a larger unit (a day among hours): its label says that unit too. */
  readonly isHead: boolean;
}

const DAY_SECONDS = 86_400;
const MINUTE_STEPS = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720];
const DAY_STEPS = [1, 2, 7, 14];
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120];
const MONTH_SECONDS = 2_629_746; // A twelfth of the mean Gregorian year.
const TICKS_MAX = 100;

/** At most about `count` times within [from, to], epoch seconds, round in the zone. */
export function timeTicks(from: number, to: number, zone: string, count: number): TimeTick[] {
  const least = (to - from) / Math.max(1, Math.min(count, TICKS_MAX));
  const minutes = MINUTE_STEPS.find((step) => step * 60 >= least);
  if (minutes !== undefined) return minuteTicks(from, to, zone, minutes);
  const days = DAY_STEPS.find((step) => step * DAY_SECONDS >= least);
  if (days !== undefined) return dayTicks(from, to, zone, days);
  const months = MONTH_STEPS.find((step) => step * MONTH_SECONDS >= least) ?? 240;
  return monthTicks(from, to, zone, months);
}

/** Steps up to an hour walk real time, so that an autumn night shows its hour twice; longer ones walk the local clock. */
function minuteTicks(from: number, to: number, zone: string, step: number): TimeTick[] {
  const clock = zoneClock(zone);
  const ticks: TimeTick[] = [];
  let midnight: LocalTime = { ...clock.localAt(from), hour: 0, minute: 0 };
  for (;;) {
    const start = clock.secondsOf(midnight);
    const nextDay = { ...midnight, day: midnight.day + 1 };
    const end = clock.secondsOf(nextDay);
    for (let minute = 0; ; minute += step) {
      const at = step <= 60 ? start + minute * 60 : clock.secondsOf({ ...midnight, minute });
      if (at >= end || at > to || ticks.length >= 2 * TICKS_MAX) break;
      if (at >= from) {
        const local = clock.localAt(at);
        ticks.push({ at, unit: "minute", local, isHead: at === start || ticks.length === 0 });
      }
    }
    if (end > to || ticks.length >= 2 * TICKS_MAX) return ticks;
    midnight = nextDay;
  }
}

function dayTicks(from: number, to: number, zone: string, step: number): TimeTick[] {
  const clock = zoneClock(zone);
  const first = clock.localAt(from);
  const ticks: TimeTick[] = [];
  for (let day = first.day; ; day++) {
    const asked = { ...first, day, hour: 0, minute: 0 };
    // Day 4 since the epoch was a Monday: steps of weeks begin on Mondays.
    const dayNumber = Date.UTC(asked.year, asked.month - 1, day) / (DAY_SECONDS * 1000);
    if ((dayNumber - 4) % step !== 0) continue; // Before the zone's clock is asked: it is slow.
    const at = clock.secondsOf(asked);
    if (at > to) return ticks;
    if (at < from) continue;
    const local = clock.localAt(at);
    const isHead = ticks.at(-1)?.local.year !== local.year;
    ticks.push({ at, unit: "day", local, isHead });
  }
}

function monthTicks(from: number, to: number, zone: string, step: number): TimeTick[] {
  const clock = zoneClock(zone);
  const { year } = clock.localAt(from);
  const ticks: TimeTick[] = [];
  // Steps of years begin at years that they divide.
  const base = step > 12 ? year - (year % (step / 12)) : year;
  for (let month = 1; ; month += step) {
    const at = clock.secondsOf({ year: base, month, day: 1, hour: 0, minute: 0 });
    if (at > to) return ticks;
    if (at < from) continue;
    const local = clock.localAt(at);
    const isHead = ticks.at(-1)?.local.year !== local.year;
    ticks.push({ at, unit: step >= 12 ? "year" : "month", local, isHead });
  }
}

/** A tick in words; a head's second line says the larger unit. */
export function tickLabel(tick: TimeTick, locale: string, zone: string): string {
  const say = (options: Intl.DateTimeFormatOptions): string =>
    labelFormat(locale, zone, options).format(tick.at * 1000);
  const date = { day: "numeric", month: "short" } as const;
  if (tick.unit === "year") return say({ year: "numeric" });
  if (tick.unit === "minute") {
    const time = say({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    return tick.isHead ? `${time}\n${say(date)}` : time;
  }
  const text = say(tick.unit === "day" ? date : { month: "short" });
  return tick.isHead ? `${text}\n${say({ year: "numeric" })}` : text;
}

const labelFormats = new Map<string, Intl.DateTimeFormat>();
function labelFormat(
  locale: string,
  zone: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const key = `${locale} ${zone} ${Object.keys(options).join()}`;
  const known = labelFormats.get(key);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
  labelFormats.set(key, format);
  return format;
}

export interface ValueScale {
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly number[];
}

/** A scale that holds zero and both ends, cut at round values (1, 2, 2.5, 5 times a power of ten), about `count` of them. */
export function valueScale(least: number, most: number, count: number): ValueScale {
  const low = Math.min(0, Number.isFinite(least) ? least : 0);
  const high = Math.max(0, Number.isFinite(most) ? most : 0);
  const span = high - low || 1;
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= raw * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  // Multiples rather than sums, and cut to 12 digits: no 0.30000000000000004 on an axis.
  const ticks = Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
  return { min: ticks[0] ?? 0, max: ticks.at(-1) ?? 1, ticks };
}
