/**
 * Numbers, money and times as a person in this language writes them, in the time zone of the meter (never the browser's by accident).
 * Energy and money are exact: milliwatt-hours are shifted as decimal text, money stays decimal text, no float in between.
 */
import { useMemo } from "preact/hooks";
import { useKit, type Language } from "./kit.tsx";

/** Epoch seconds, an ISO 8601 text, or a Date. A bare date ("2026-03-29") means that day wherever it is read. */
export type Instant = number | string | Date;

export interface Formats {
  readonly zone: string;
  /** "12.34 kWh"; two digits unless told, rounded half away from zero in decimal. */
  readonly kilowattHours: (milliwattHours: number | bigint, digits?: number) => string;
  /** "340 W", "2.35 kW" from 1000 W on. */
  readonly watts: (value: number) => string;
  /** "€ 12.30" of "12.3"; the currency's own digits unless told (prices per kWh have more). */
  readonly money: (decimal: string, currency: string, digits?: number) => string;
  readonly number: (value: number | bigint, digits?: number) => string;
  /** "12 %" of 0.12. */
  readonly percent: (share: number, digits?: number) => string;
  /** "29 Mar 2026". */
  readonly date: (at: Instant) => string;
  /** "14:05". */
  readonly time: (at: Instant) => string;
  /** "29 Mar 2026, 14:05"; with `zoneName`, which of the two hours of an autumn night it is ("CEST"). */
  readonly dateTime: (at: Instant, options?: { readonly zoneName?: boolean }) => string;
  /** "Sun 29 Mar". */
  readonly dayLabel: (at: Instant) => string;
  /** "March 2026". */
  readonly monthLabel: (at: Instant) => string;
  /** "1 h 30 min", "45 s": the two largest parts. */
  readonly duration: (seconds: number) => string;
  /** "5 minutes ago", "in 2 days". */
  readonly relative: (at: Instant, now: Instant) => string;
}

/** Formats in the page's language; `zone` is the meter's IANA time zone, the browser's when left out. */
export function useFormats(zone?: string): Formats {
  const { language } = useKit();
  return useMemo(() => createFormats(language, zone), [language, zone]);
}

/** The browser's own time zone. */
export const browserZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

const LOCALES: Readonly<Record<Language, string>> = { en: "en-GB", fr: "fr-FR" };
const BARE_DATE = /^\d{4}-\d{2}-\d{2}$/;
const MILLIWATT_HOURS_DIGITS = 6; // Of a kilowatt-hour.
const NARROW_SPACE = "\u202f"; // Between number and unit (SI brochure §5.4.3): never a line break there.
const RELATIVE_STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_556_952],
  ["month", 2_629_746],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const DURATION_STEPS: readonly (readonly [string, number])[] = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** The formats of one language and zone; Intl's objects are made once each (they cost up to 50 µs). */
export function createFormats(language: Language, zone: string = browserZone()): Formats {
  const locale = LOCALES[language];
  const numbers = memo((key: string) => new Intl.NumberFormat(locale, JSON.parse(key)));
  const dates = memo((key: string) => new Intl.DateTimeFormat(locale, JSON.parse(key)));
  const relatives = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

  const decimal = (text: string | number | bigint, options: Intl.NumberFormatOptions): string =>
    // Since ES2023 decimal text is formatted exactly; the lib types it as a template literal.
    numbers(JSON.stringify(options)).format(text as `${number}`);
  const fixed = (digits: number): Intl.NumberFormatOptions => ({
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  const day = (at: Instant, options: Intl.DateTimeFormatOptions): string => {
    const timeZone = typeof at === "string" && BARE_DATE.test(at) ? "UTC" : zone;
    return dates(JSON.stringify({ ...options, timeZone })).format(dateOf(at));
  };
  const withUnit = (text: string, unit: string): string => `${text}${NARROW_SPACE}${unit}`;
  const shortDate = { day: "numeric", month: "short", year: "numeric" } as const;
  const hour = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

  return {
    zone,
    kilowattHours: (milliwattHours, digits = 2) =>
      withUnit(decimal(shiftDecimal(milliwattHours, MILLIWATT_HOURS_DIGITS), fixed(digits)), "kWh"),
    watts: (value) =>
      Math.abs(value) < 1000
        ? withUnit(decimal(value, { maximumFractionDigits: 0 }), "W")
        : withUnit(decimal(value / 1000, { maximumSignificantDigits: 3 }), "kW"),
    money: (text, currency, digits) =>
      decimal(text, {
        style: "currency",
        currency,
        currencyDisplay: "narrowSymbol",
        ...(digits === undefined ? {} : fixed(digits)),
      }),
    number: (value, digits) =>
      decimal(value, digits === undefined ? { maximumFractionDigits: 2 } : fixed(digits)),
    percent: (share, digits = 0) => decimal(share, { style: "percent", ...fixed(digits) }),
    date: (at) => day(at, shortDate),
    time: (at) => day(at, hour),
    dateTime: (at, options = {}) =>
      day(at, {
        ...shortDate,
        ...hour,
        ...(options.zoneName === true ? { timeZoneName: "short" as const } : {}),
      }),
    dayLabel: (at) => day(at, { weekday: "short", day: "numeric", month: "short" }),
    monthLabel: (at) => day(at, { month: "long", year: "numeric" }),
    duration: (seconds) =>
      durationText(seconds, (value, unit) => withUnit(decimal(value, {}), unit)),
    relative: (at, now) => {
      const seconds = (dateOf(at).getTime() - dateOf(now).getTime()) / 1000;
      const [unit, size] = RELATIVE_STEPS.find(([, step]) => Math.abs(seconds) >= step) ?? [
        "second" as const,
        1,
      ];
      return relatives.format(Math.trunc(seconds / size), unit);
    },
  };
}

/** An integer with its point moved left: 1234 by 6 is "0.001234". */
export function shiftDecimal(value: number | bigint, digits: number): string {
  const text = String(value);
  if (!/^-?\d+$/.test(text)) return String(Number(value) / 10 ** digits);
  const sign = text.startsWith("-") ? "-" : "";
  const padded = text.slice(sign.length).padStart(digits + 1, "0");
  return `${sign}${padded.slice(0, -digits)}.${padded.slice(-digits)}`;
}

function durationText(seconds: number, part: (value: number, unit: string) => string): string {
  let left = Math.round(Math.abs(seconds));
  const parts: string[] = [];
  for (const [unit, size] of DURATION_STEPS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(part(count, unit));
    else if (parts.length > 0) break; // "1 d 5 s" says less than "1 d".
  }
  return parts.slice(0, 2).join(" ") || part(0, "s");
}

function dateOf(at: Instant): Date {
  if (at instanceof Date) return at;
  return new Date(typeof at === "number" ? at * 1000 : at);
}

function memo<T>(make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const fresh = make(key);
    made.set(key, fresh);
    return fresh;
  };
}
