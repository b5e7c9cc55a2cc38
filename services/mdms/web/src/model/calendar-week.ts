/** A tariff's calendar as weeks to be drawn: which band each hour of each kind of day belongs to, once for every season. */
import type { Calendar, CalendarRule } from "@smarter-metering/tariff";

export interface HourRun {
  /** Index into the calendar's bands. */
  readonly band: number;
  /** Of 1440. */
  readonly fromMinute: number;
  readonly toMinute: number;
}

export interface CalendarWeek {
  /** Undefined: outside every season, or the calendar has none. */
  readonly season: string | undefined;
  /** Days of the month that it is for; undefined: all. */
  readonly monthDays: { readonly from: number; readonly to: number } | undefined;
  /** Monday to Sunday; then holidays, where they have rules of their own. */
  readonly days: readonly (readonly HourRun[])[];
}

const HOLIDAY = 8;
const DAY_MINUTES = 1440;

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

type HourRule = Pick<CalendarRule, "from" | "to" | "band">;

/** Rules of one day never overlap; between them the default band holds. */
export function runsOf({ bands, defaultBand }: Calendar, rules: readonly HourRule[]): HourRun[] {
  const runs: HourRun[] = [];
  let at = 0;
  const add = (band: string, toMinute: number): void => {
    const last = runs.at(-1);
    const index = bands.indexOf(band);
    if (toMinute <= at) return;
    if (last?.band === index) runs[runs.length - 1] = { ...last, toMinute };
    else runs.push({ band: index, fromMinute: at, toMinute });
    at = toMinute;
  };
  for (const rule of rules.toSorted((a, b) => (a.from < b.from ? -1 : 1))) {
    add(defaultBand, minuteOf(rule.from));
    add(rule.band, minuteOf(rule.to));
  }
  add(defaultBand, DAY_MINUTES);
  return runs;
}

/** Every week that differs: by season, then by stretch of the month. */
export function weeksOf(calendar: Calendar): CalendarWeek[] {
  const { rules, seasons = [], holidays } = calendar;
  const borders = rules.flatMap(({ monthDays: days }) => (days ? [days.from, days.to + 1] : []));
  const stretches = [...new Set([1, ...borders])]
    .filter((day) => day <= 31)
    .toSorted((a, b) => a - b);
  const hasHolidays = holidays !== undefined && holidays.countAs === undefined;
  const names = [...seasons.map(({ name }) => name), undefined];
  return names.flatMap((season) =>
    stretches.map((first, index): CalendarWeek => {
      const last = (stretches[index + 1] ?? 32) - 1;
      const held = rules.filter(
        (rule) =>
          (rule.seasons === undefined || (season !== undefined && rule.seasons.includes(season))) &&
          (rule.monthDays === undefined ||
            (rule.monthDays.from <= first && first <= rule.monthDays.to)),
      );
      const days = [1, 2, 3, 4, 5, 6, 7, ...(hasHolidays ? [HOLIDAY] : [])].map((day) =>
        runsOf(
          calendar,
          held.filter((rule) => (day === HOLIDAY ? rule.holidays : rule.weekdays.includes(day))),
        ),
      );
      const monthDays = stretches.length === 1 ? undefined : { from: first, to: last };
      return { season, monthDays, days };
    }),
  );
}
