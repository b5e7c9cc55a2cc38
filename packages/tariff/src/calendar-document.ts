// Strict reading of a calendar from JSON (docs/protocol.md: two streams). Whoever takes a calendar
// from another party reads it with this: a meter from its registry, a trustee, a customer.
// What a document leaves out stays out: the hash of a calendar names its register bank.

import {
  bandsMax,
  planOf,
  type Calendar,
  type CalendarRule,
  type Holidays,
  type MonthDays,
  type SeasonDates,
  type SpecialDay,
} from "./calendar.ts";
import {
  namePattern,
  readDistinct,
  readInteger,
  readList,
  readObject,
  readText,
} from "./document.ts";
import {
  costTermKeys,
  costTermKeysOptional,
  readCostTerms,
  type CostTerms,
} from "./dynamic-prices.ts";
import { TariffError } from "./error.ts";
import { parseDate } from "./zone.ts";

const rulesMax = 64;
const seasonsMax = 8;
/** Thirty years of seventeen. */
const holidaysMax = 512;
const specialDaysMax = 128;

const fromPattern = /^([01]\d|2[0-3]):[0-5]\d$/;
const toPattern = /^(([01]\d|2[0-3]):[0-5]\d|24:00)$/;

type HourRule = Pick<CalendarRule, "from" | "to" | "band">;

function parseHours(rule: Readonly<Record<keyof HourRule, unknown>>, path: string): HourRule {
  const from = readText(rule.from, `${path}.from`, fromPattern, "a time as in 07:00");
  const to = readText(rule.to, `${path}.to`, toPattern, "a time as in 20:00 or 24:00");
  if (from >= to) {
    const message = "a rule ends later on the same day; split one that passes midnight";
    throw new TariffError("TARIFF_OUT_OF_RANGE", message, path);
  }
  return { from, to, band: readText(rule.band, `${path}.band`, namePattern, "a band") };
}

function parseMonthDays(value: unknown, path: string): MonthDays {
  const days = readObject(value, path, ["from", "to"]);
  const from = readInteger(days.from, `${path}.from`, 1, 31);
  const to = readInteger(days.to, `${path}.to`, 1, 31);
  if (from <= to) return { from, to };
  const message =
    "days of a month end on the day they begin or later; split those that pass its end";
  throw new TariffError("TARIFF_OUT_OF_RANGE", message, path);
}

function parseRule(value: unknown, path: string): CalendarRule {
  const keys = ["weekdays", "from", "to", "band"] as const;
  const rule = readObject(value, path, keys, ["seasons", "monthDays", "holidays"]);
  const { seasons, monthDays, holidays } = rule;
  if (holidays !== undefined && holidays !== true) {
    throw new TariffError("TARIFF_MALFORMED", "expected true, or no such key", `${path}.holidays`);
  }
  const weekdaysMin = holidays === true ? 0 : 1;
  const weekdays = readList(rule.weekdays, `${path}.weekdays`, weekdaysMin, 7).map(
    (weekday, index) => readInteger(weekday, `${path}.weekdays[${index}]`, 1, 7),
  );
  const names = (list: unknown): readonly string[] =>
    readList(list, `${path}.seasons`, 1, seasonsMax).map((name, index) =>
      readText(name, `${path}.seasons[${index}]`, namePattern, "a season"),
    );
  return {
    weekdays: readDistinct(weekdays, `${path}.weekdays`),
    ...parseHours(rule, path),
    ...(seasons !== undefined && { seasons: readDistinct(names(seasons), `${path}.seasons`) }),
    ...(monthDays !== undefined && { monthDays: parseMonthDays(monthDays, `${path}.monthDays`) }),
    ...(holidays === true && { holidays }),
  };
}

/** MM-DD; 29 February is a day of it, and a season that ends there ends with its month. */
function readMonthDay(value: unknown, path: string): string {
  const monthDay = readText(value, path, /^\d{2}-\d{2}$/, "a day of the year as in 04-01");
  parseDate(`2000-${monthDay}`, path);
  return monthDay;
}

function parseSeason(value: unknown, path: string): SeasonDates {
  const season = readObject(value, path, ["name", "from", "to"]);
  return {
    name: readText(season.name, `${path}.name`, namePattern, "a season"),
    from: readMonthDay(season.from, `${path}.from`),
    to: readMonthDay(season.to, `${path}.to`),
  };
}

function parseHolidays(value: unknown): Holidays {
  const path = "calendar.holidays";
  const holidays = readObject(value, path, ["dates"], ["countAs"]);
  const dates = readList(holidays.dates, `${path}.dates`, 1, holidaysMax).map((date, index) => {
    const datePath = `${path}.dates[${index}]`;
    if (typeof date === "string" && date.length === 5) return readMonthDay(date, datePath);
    return parseDate(readText(date, datePath, /^/, "a date"), datePath);
  });
  const { countAs } = holidays;
  return {
    dates: readDistinct(dates, `${path}.dates`),
    ...(countAs !== undefined && { countAs: readInteger(countAs, `${path}.countAs`, 1, 7) }),
  };
}

function parseSpecialDay(value: unknown, path: string): SpecialDay {
  const day = readObject(value, path, ["date", "rules"]);
  return {
    date: parseDate(readText(day.date, `${path}.date`, /^/, "a date"), `${path}.date`),
    rules: readList(day.rules, `${path}.rules`, 0, rulesMax).map((rule, index) => {
      const rulePath = `${path}.rules[${index}]`;
      return parseHours(readObject(rule, rulePath, ["from", "to", "band"]), rulePath);
    }),
  };
}

/** A rule may name only what the calendar has. */
function checkRules({ rules, seasons = [], holidays }: Calendar): void {
  const known = new Set(seasons.map(({ name }) => name));
  for (const [index, rule] of rules.entries()) {
    const path = `calendar.rules[${index}]`;
    const missing = rule.seasons?.find((name) => !known.has(name));
    if (missing !== undefined) {
      const message = `no season ${JSON.stringify(missing)}`;
      throw new TariffError("TARIFF_SEASON_UNKNOWN", message, `${path}.seasons`);
    }
    if (rule.holidays === undefined || (holidays && holidays.countAs === undefined)) continue;
    const message = holidays
      ? `holidays count as weekday ${holidays.countAs} and have no rules of their own`
      : "the calendar lists no holidays";
    throw new TariffError("TARIFF_MALFORMED", message, `${path}.holidays`);
  }
}

/**
 * Reads `calendar` of a tariff. Throws TariffError with the path of what is wrong: TARIFF_MALFORMED,
 * _UNKNOWN_KEY, _OUT_OF_RANGE, _BAND_UNKNOWN, _SEASON_UNKNOWN, _DUPLICATE, _RULES_OVERLAP,
 * _SEASONS_OVERLAP, DATE_INVALID.
 */
export function parseCalendar(value: unknown): Calendar {
  const keys = ["id", "bands", "rules", "defaultBand"] as const;
  const optional = ["seasons", "holidays", "specialDays", "cost"] as const;
  const document = readObject(value, "calendar", keys, optional);
  const bands = readList(document.bands, "calendar.bands", 1, bandsMax).map((band, index) =>
    readText(band, `calendar.bands[${index}]`, namePattern, "a band"),
  );
  const { seasons, holidays, specialDays, cost } = document;
  const calendar: Calendar = {
    id: readText(document.id, "calendar.id", namePattern, "an id"),
    bands: readDistinct(bands, "calendar.bands"),
    rules: readList(document.rules, "calendar.rules", 0, rulesMax).map((rule, index) =>
      parseRule(rule, `calendar.rules[${index}]`),
    ),
    defaultBand: readText(document.defaultBand, "calendar.defaultBand", namePattern, "a band"),
    ...(seasons !== undefined && { seasons: parseSeasons(seasons) }),
    ...(holidays !== undefined && { holidays: parseHolidays(holidays) }),
    ...(specialDays !== undefined && { specialDays: parseSpecialDays(specialDays) }),
    ...(cost !== undefined && { cost: parseCost(cost, bands.length) }),
  };
  checkRules(calendar);
  planOf(calendar); // refuses overlaps and unknown bands
  return calendar;
}

/** With bands beside it, a cost would say more of single intervals than R9 counts with. */
function parseCost(value: unknown, bandCount: number): CostTerms {
  const path = "calendar.cost";
  const document = readObject(value, path, costTermKeys, costTermKeysOptional);
  const terms = readCostTerms(document, path);
  if (bandCount === 1) return terms;
  const message = `a cost stands beside one band, not ${bandCount}`;
  throw new TariffError("TARIFF_TOO_MANY_REGISTERS", message, path);
}

function parseSeasons(value: unknown): readonly SeasonDates[] {
  const path = "calendar.seasons";
  const seasons = readList(value, path, 1, seasonsMax).map((season, index) =>
    parseSeason(season, `${path}[${index}]`),
  );
  readDistinct(
    seasons.map(({ name }) => name),
    path,
  );
  return seasons;
}

function parseSpecialDays(value: unknown): readonly SpecialDay[] {
  const path = "calendar.specialDays";
  const days = readList(value, path, 1, specialDaysMax).map((day, index) =>
    parseSpecialDay(day, `${path}[${index}]`),
  );
  readDistinct(
    days.map(({ date }) => date),
    path,
  );
  return days;
}
