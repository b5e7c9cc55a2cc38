/**
 * The clock of a zone as Green Button says it (ESPI 4.0, TimeConfiguration and DstRuleType): one offset of standard time, one of summer
 * time, and a rule for each of the two changes. Runs on the customer's device; a zone is all that it sees.
 */
import {
  dayStartOf,
  localParts,
  zoneOffsetSeconds,
  type LocalParts,
} from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";

/** `LocalTimeParameters`: seconds, and rules as eight hex digits. */
export interface LocalTimeParameters {
  readonly dstStartRule: string;
  readonly dstEndRule: string;
  readonly dstOffsetSeconds: number;
  /** East of Greenwich is positive; without summer time. */
  readonly tzOffsetSeconds: number;
}

const DAY_SECONDS = 86_400;
/** What the schema says for a zone without changes. */
const NO_RULE = "FFFFFFFF";
/** The schema's operators: a date, a weekday on or after a date, the last weekday; 2 to 6 are the first to the fifth. */
const [ON_DATE, ON_OR_AFTER, FIRST, LAST] = [0, 1, 2, 7] as const;

/** A change of the clocks, as the wall shows it when it comes: 02:00, not the 03:00 that it becomes. */
interface Change {
  readonly instant: number;
  readonly wall: LocalParts;
  readonly daysInMonth: number;
  readonly toSummer: boolean;
}

/**
 * The parameters that say every change of the calendar years in which `span` lies; of a zone with others those without any rule, when no
 * change falls into the span itself. Undefined where no pair of rules says them: clocks of Africa/Casablanca go by the moon, so that each
 * year needs a document of its own. In the south summer time starts late in a year and ends early in the next.
 */
export function localTimeParameters(span: Span, zone: string): LocalTimeParameters | undefined {
  const { first, last } = yearsOf(span, zone);
  const changes = changesIn({ from: yearStart(first, zone), to: yearStart(last + 1, zone) }, zone);
  if (changes.every(({ instant }) => instant <= span.from || instant >= span.to)) {
    return ruledBy(changes, span, zone) ?? unchanging(zoneOffsetSeconds(span.from, zone));
  }
  return ruledBy(changes, span, zone);
}

function yearsOf({ from, to }: Span, zone: string): { first: number; last: number } {
  return { first: localParts(from, zone).year, last: localParts(to - 1, zone).year };
}

/** No time before 1970 is handled: there it begins, east of Greenwich some hours into its first day. */
const yearStart = (year: number, zone: string): number =>
  Math.max(0, dayStartOf(`${year}-01-01`, zone));

const unchanging = (tzOffsetSeconds: number): LocalTimeParameters => {
  return {
    dstStartRule: NO_RULE,
    dstEndRule: NO_RULE,
    dstOffsetSeconds: 0,
    tzOffsetSeconds,
  };
};

function ruledBy(
  changes: readonly Change[],
  span: Span,
  zone: string,
): LocalTimeParameters | undefined {
  const { first, last } = yearsOf(span, zone);
  const years = last - first + 1;
  const before = zoneOffsetSeconds(yearStart(first, zone), zone);
  if (changes.length === 0) return unchanging(before);
  const offsets = new Set([
    before,
    ...changes.map(({ instant }) => zoneOffsetSeconds(instant, zone)),
  ]);
  const [standard, summer, ...more] = [...offsets].toSorted((a, b) => a - b);
  if (standard === undefined || summer === undefined || more.length > 0) return undefined;
  const dstStartRule = ruleOf(
    changes.filter(({ toSummer }) => toSummer),
    years,
  );
  const dstEndRule = ruleOf(
    changes.filter(({ toSummer }) => !toSummer),
    years,
  );
  if (dstStartRule === undefined || dstEndRule === undefined) return undefined;
  const dstOffsetSeconds = summer - standard;
  return { dstStartRule, dstEndRule, dstOffsetSeconds, tzOffsetSeconds: standard };
}

/** The one rule by which all of `changes` happen, once in each of so many years; undefined if there is none. */
function ruleOf(changes: readonly Change[], years: number): string | undefined {
  const [first] = changes;
  if (first === undefined) return undefined;
  const { month, hour, minute, second, weekday, day } = first.wall;
  const inYears = new Set(changes.map(({ wall }) => wall.year)).size;
  const isAlike = changes.every(
    ({ wall }) =>
      wall.month === month &&
      wall.hour === hour &&
      wall.minute === minute &&
      wall.second === second,
  );
  if (!isAlike || changes.length !== years || inYears !== years) return undefined;
  const time = { month, hour, secondOfHour: 60 * minute + second };
  const isSameWeekday = changes.every(({ wall }) => wall.weekday === weekday);
  const days = changes.map(({ wall }) => wall.day);
  if (isSameWeekday) {
    const isLast = changes.every(({ wall, daysInMonth }) => wall.day + 7 > daysInMonth);
    if (isLast) return encoded({ ...time, operator: LAST, day: 0, weekday });
    const week = Math.ceil(day / 7);
    if (days.every((one) => Math.ceil(one / 7) === week)) {
      return encoded({ ...time, operator: FIRST + week - 1, day: 0, weekday });
    }
    const [latest, earliest] = [Math.max(...days), Math.min(...days)];
    // One of seven days in a row is that weekday: those that begin with `latest - 6` or later hold them all.
    if (latest - earliest < 7) {
      return encoded({ ...time, operator: ON_OR_AFTER, day: Math.max(1, latest - 6), weekday });
    }
  }
  const isSameDay = days.every((one) => one === day);
  return isSameDay ? encoded({ ...time, operator: ON_DATE, day, weekday: 0 }) : undefined;
}

/** Bits 0-11 second of the hour, 12-16 hour, 17-19 weekday (Monday 1), 20-24 day, 25-27 operator, 28-31 month. */
function encoded(rule: {
  readonly month: number;
  readonly operator: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly secondOfHour: number;
}): string {
  const { month, operator, day, weekday, hour, secondOfHour } = rule;
  // Products, not shifts: the month reaches into the sign of a 32-bit integer.
  const value =
    month * 2 ** 28 +
    operator * 2 ** 25 +
    day * 2 ** 20 +
    weekday * 2 ** 17 +
    hour * 2 ** 12 +
    secondOfHour;
  return value.toString(16).toUpperCase().padStart(8, "0");
}

function changesIn({ from, to }: Span, zone: string): Change[] {
  const changes: Change[] = [];
  for (let day = from; day < to; day += DAY_SECONDS) {
    const end = Math.min(day + DAY_SECONDS, to);
    const [before, after] = [zoneOffsetSeconds(day, zone), zoneOffsetSeconds(end, zone)];
    if (before === after) continue;
    const instant = firstWith(after, day, end, zone);
    changes.push({ instant, ...wallBefore(instant, zone), toSummer: after > before });
  }
  return changes;
}

/** The first instant in (low, high] that has the offset of `high`. */
function firstWith(offset: number, low: number, high: number, zone: string): number {
  let [other, same] = [low, high];
  while (same - other > 1) {
    const middle = Math.floor((other + same) / 2);
    if (zoneOffsetSeconds(middle, zone) === offset) same = middle;
    else other = middle;
  }
  return same;
}

/** What the wall would show at the change had it not come. */
function wallBefore(instant: number, zone: string): Pick<Change, "wall" | "daysInMonth"> {
  const wall = localParts(instant + zoneOffsetSeconds(instant - 1, zone), "UTC");
  const daysInMonth = new Date(Date.UTC(wall.year, wall.month, 0)).getUTCDate();
  return { wall, daysInMonth };
}
