// A calendar made ready: which band each minute of a local day belongs to, by the kind of the day.
// docs/protocol.md: two streams, bill registers. Runs in meter, trustee, MDMS and browser.
//
// A day is special (its date has rules of its own), or a holiday, or one of seven weekdays, the
// last two within a season or outside every season, and within a stretch of the month for all days
// of which the same rules are. Rules never overlap within one kind of day.

import { assert } from "./assert.ts";
import type { Calendar, CalendarRule, SeasonDates } from "./calendar.ts";
import { TariffError } from "./error.ts";

const dayMinutes = 1440;
/** Place of a holiday among the kinds of one season, after Monday to Sunday. */
const holiday = 7;

/** Bands of one day in order of time: `bands[i]` holds up to minute `ends[i]`, the last to 1440. */
export interface DayPlan {
  readonly bands: readonly number[];
  readonly ends: readonly number[];
}

/** Every kind of day of a calendar, planned. */
export interface CalendarPlan {
  readonly seasons: readonly SeasonDates[];
  /** Days of the month on which a stretch of it begins, ascending from 1. */
  readonly stretches: readonly number[];
  /**
   * By season, the last for days outside every one; by stretch of the month; then from Monday to
   * Sunday, and a holiday.
   */
  readonly kinds: readonly (readonly (readonly DayPlan[])[])[];
  /** YYYY-MM-DD, or MM-DD for every year. */
  readonly holidays: ReadonlySet<string>;
  /** Which kind a holiday is. */
  readonly holidayKind: number;
  /** By date. */
  readonly specialDays: ReadonlyMap<string, DayPlan>;
}

/** Whether "MM-DD" is in a season; both ends belong to it, and it may pass New Year. */
export function isInSeason({ from, to }: SeasonDates, monthDay: string): boolean {
  return from <= to ? from <= monthDay && monthDay <= to : from <= monthDay || monthDay <= to;
}

function minuteOfDay(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function bandIndex(calendar: Calendar, band: string, path: string): number {
  const index = calendar.bands.indexOf(band);
  if (index >= 0) return index;
  throw new TariffError("TARIFF_BAND_UNKNOWN", `no band ${JSON.stringify(band)}`, path);
}

type HourRule = Pick<CalendarRule, "from" | "to" | "band">;

/** A rule in minutes, and where the document says so. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly band: number;
  readonly path: string;
}

function spanOf(calendar: Calendar, rule: HourRule, path: string): Span {
  const band = bandIndex(calendar, rule.band, `${path}.band`);
  return { from: minuteOfDay(rule.from), to: minuteOfDay(rule.to), band, path };
}

/** The day that these rules make. Throws TARIFF_RULES_OVERLAP, at the rule that comes later. */
function planDay(spans: readonly Span[], fallback: number, dayText: string): DayPlan {
  const bands: number[] = [];
  const ends: number[] = [];
  const add = (band: number, end: number): void => {
    if (end === (ends.at(-1) ?? 0)) return;
    if (bands.at(-1) === band) ends.pop();
    else bands.push(band);
    ends.push(end);
  };
  let last: Span | undefined;
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    if (last !== undefined && span.from < last.to) {
      const later = spans.indexOf(span) > spans.indexOf(last) ? span : last;
      const message = `another rule holds at some of these hours on ${dayText}`;
      throw new TariffError("TARIFF_RULES_OVERLAP", message, later.path);
    }
    add(fallback, span.from);
    add(span.band, span.to);
    last = span;
  }
  add(fallback, dayMinutes);
  return { bands, ends };
}

function checkSeasons(seasons: readonly SeasonDates[]): void {
  for (const [index, later] of seasons.entries()) {
    for (const earlier of seasons.slice(0, index)) {
      const shared = [later.from, earlier.from].find(
        (monthDay) => isInSeason(later, monthDay) && isInSeason(earlier, monthDay),
      );
      if (shared === undefined) continue;
      const message = `season ${earlier.name} has ${shared} as well`;
      throw new TariffError("TARIFF_SEASONS_OVERLAP", message, `calendar.seasons[${index}]`);
    }
  }
}

const weekdayTexts = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/** Days of the month from which on other rules hold than on the day before; no more than 31. */
function stretchesOf(rules: readonly CalendarRule[]): number[] {
  const borders = rules.flatMap(({ monthDays }) =>
    monthDays === undefined ? [] : [monthDays.from, monthDays.to + 1],
  );
  return [...new Set([1, ...borders])].filter((day) => day <= 31).toSorted((a, b) => a - b);
}

interface PlannedRule {
  readonly rule: CalendarRule;
  readonly span: Span;
}

/** The seven weekdays and a holiday, by the rules that hold `where`. */
function planWeek(held: readonly PlannedRule[], fallback: number, where: string): DayPlan[] {
  const planWith = (dayText: string, holds: (rule: CalendarRule) => boolean): DayPlan => {
    const spans = held.filter(({ rule }) => holds(rule)).map(({ span }) => span);
    return planDay(spans, fallback, dayText + where);
  };
  return [
    ...weekdayTexts.map((text, index) =>
      planWith(text, ({ weekdays }) => weekdays.includes(index + 1)),
    ),
    planWith("holidays", ({ holidays }) => holidays === true),
  ];
}

/**
 * Plans every kind of day. Throws TARIFF_BAND_UNKNOWN, TARIFF_RULES_OVERLAP,
 * TARIFF_SEASONS_OVERLAP with the path of what is wrong.
 */
export function planCalendar(calendar: Calendar): CalendarPlan {
  const { seasons = [], holidays, specialDays = [] } = calendar;
  checkSeasons(seasons);
  const fallback = bandIndex(calendar, calendar.defaultBand, "calendar.defaultBand");
  const planned = calendar.rules.map((rule, index): PlannedRule => {
    return { rule, span: spanOf(calendar, rule, `calendar.rules[${index}]`) };
  });
  const stretches = stretchesOf(calendar.rules);
  const kinds = [...seasons.map(({ name }) => name), undefined].map((season) => {
    const inSeason = planned.filter(
      ({ rule }) => rule.seasons === undefined || (season && rule.seasons.includes(season)),
    );
    const seasonText = season === undefined ? "" : ` in season ${season}`;
    return stretches.map((first, index) => {
      const last = (stretches[index + 1] ?? 32) - 1;
      const onDays = inSeason.filter(
        ({ rule: { monthDays } }) =>
          monthDays === undefined || (monthDays.from <= first && first <= monthDays.to),
      );
      const days = stretches.length === 1 ? "" : `, days ${first} to ${last} of the month`;
      return planWeek(onDays, fallback, seasonText + days);
    });
  });
  const special = specialDays.map(({ date, rules }, index): [string, DayPlan] => {
    const path = `calendar.specialDays[${index}].rules`;
    const held = rules.map((rule, position) => spanOf(calendar, rule, `${path}[${position}]`));
    return [date, planDay(held, fallback, date)];
  });
  return {
    seasons,
    stretches,
    kinds,
    holidays: new Set(holidays?.dates),
    holidayKind: holidays?.countAs === undefined ? holiday : holidays.countAs - 1,
    specialDays: new Map(special),
  };
}

/** The plan of the local day with number `day` (days since 1970-01-01 on the wall clock). */
export function planOfDay(plan: CalendarPlan, day: number): DayPlan {
  const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
  const special = plan.specialDays.get(date);
  if (special !== undefined) return special;
  const monthDay = date.slice(5);
  const season = plan.seasons.findIndex((dates) => isInSeason(dates, monthDay));
  const isHoliday = plan.holidays.has(date) || plan.holidays.has(monthDay);
  // 1970-01-01 was a Thursday; the day before it is what the clock shows west of Greenwich.
  const kind = isHoliday ? plan.holidayKind : (day + 10) % 7;
  const stretch = plan.stretches.findLastIndex((first) => first <= Number(date.slice(8)));
  const found = plan.kinds.at(season)?.[stretch]?.[kind]; // -1, outside every season, is the last
  assert(found !== undefined, "every kind of day is planned");
  return found;
}
