/**
 * Hours, days, weeks, months and years as the household's clock shows them, and the period that each is compared with
 * (docs/protocol.md §1.4). Days have 23 to 25 hours, wherever the zone's clocks say so. Pure; runs at the customer.
 */
import {
  addLocalDays,
  addLocalMonths,
  localDate,
  localDaysBetween,
  localParts,
  offsetSpan,
} from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";

export type PeriodUnit = "day" | "week" | "month" | "year";
export type CalendarUnit = "hour" | PeriodUnit;

/** What a period can be compared with. Days and weeks of last year are those of 52 weeks ago: the same weekdays. */
export type Earlier = "previous" | "last-week" | "last-year";

/** Five years of hours and some; the later ones are left out. */
const SPANS_MAX = 45_000;
const HOUR_SECONDS = 3600;

const SHIFTS: Readonly<
  Record<PeriodUnit, Readonly<Record<Earlier, { days: number } | { months: number }>>>
> = {
  day: { previous: { days: -1 }, "last-week": { days: -7 }, "last-year": { days: -364 } },
  week: { previous: { days: -7 }, "last-week": { days: -7 }, "last-year": { days: -364 } },
  month: { previous: { months: -1 }, "last-week": { months: -1 }, "last-year": { months: -12 } },
  year: { previous: { months: -12 }, "last-week": { months: -12 }, "last-year": { months: -12 } },
};

/** Monday is 0. */
const weekdayOf = (instant: number, zone: string): number =>
  (new Date(`${localDate(instant, zone)}T00:00:00Z`).getUTCDay() + 6) % 7;

const monthOf = (instant: number, zone: string): number =>
  Number(localDate(instant, zone).slice(5, 7));

/** The local day, week (from Monday, ISO 8601), month or year that an instant lies in. Throws ZONE_UNKNOWN. */
export function periodAt(unit: PeriodUnit, instant: number, zone: string): Span {
  if (unit === "day" || unit === "week") {
    const [before, days] = unit === "day" ? [0, 1] : [weekdayOf(instant, zone), 7];
    const from = addLocalDays(instant, -before, zone);
    return { from, to: addLocalDays(instant, days - before, zone) };
  }
  const [before, months] = unit === "month" ? [0, 1] : [monthOf(instant, zone) - 1, 12];
  const from = addLocalMonths(instant, -before, zone);
  return { from, to: addLocalMonths(instant, months - before, zone) };
}

/** The period before, or the one that `earlier` says, of any length that the calendar gives it. Throws ZONE_UNKNOWN. */
export function earlierPeriod(
  unit: PeriodUnit,
  { from }: Span,
  earlier: Earlier,
  zone: string,
): Span {
  const shift = SHIFTS[unit][earlier];
  const start =
    "days" in shift
      ? addLocalDays(from, shift.days, zone)
      : addLocalMonths(from, shift.months, zone);
  return periodAt(unit, start, zone);
}

/** The end of the hour on the wall clock, or of what of it the clocks leave: it ends where their offset changes. */
function hourEnd(instant: number, zone: string): number {
  const { offsetSeconds } = offsetSpan(instant, zone);
  const full = instant + HOUR_SECONDS - ((instant + offsetSeconds) % HOUR_SECONDS);
  for (let reached = instant; ;) {
    const span = offsetSpan(reached, zone);
    if (span.offsetSeconds !== offsetSeconds) return reached;
    if (span.untilSeconds >= full) return full;
    reached = span.untilSeconds;
  }
}

/** The hours, days, weeks, months or years that make up a span; the first and the last are cut by it. Throws ZONE_UNKNOWN. */
export function calendarSpans(unit: CalendarUnit, { from, to }: Span, zone: string): Span[] {
  const spans: Span[] = [];
  for (let start = from; start < to && spans.length < SPANS_MAX;) {
    const end = unit === "hour" ? hourEnd(start, zone) : periodAt(unit, start, zone).to;
    spans.push({ from: start, to: Math.min(end, to) });
    start = end;
  }
  return spans;
}

/**
 * For each span its place among those of the earlier period, by the calendar: an hour by its day and the time on the wall clock, anything
 * longer by its number in the period. Undefined where the earlier period has no such hour (the clocks skipped it) or day (a shorter month).
 */
export function alignSpans(
  unit: CalendarUnit,
  spans: readonly Span[],
  earlier: readonly Span[],
  zone: string,
): (number | undefined)[] {
  if (unit !== "hour") return spans.map((_, place) => (place < earlier.length ? place : undefined));
  const places = new Map(hourNames(earlier, zone).map((name, place) => [name, place]));
  return hourNames(spans, zone).map((name) => places.get(name));
}

/** Of an hour that the clocks show twice, the second has a name of its own. */
function hourNames(hours: readonly Span[], zone: string): string[] {
  const first = hours[0]?.from ?? 0;
  const seen = new Map<string, number>();
  return hours.map(({ from }) => {
    const { hour } = localParts(from, zone);
    const name = `${localDaysBetween(first, from, zone)} ${hour}`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return `${name} ${times}`;
  });
}
