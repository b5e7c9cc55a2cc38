/** Local days in the API's instants. */
import { addLocalDays, dayStartOf, localDate, TariffError } from "@smarter-metering/tariff";

/** The first instant of a local day (YYYY-MM-DD) as ISO 8601; undefined for what is no date. */
export function isoDay(date: string, zone: string): string | undefined {
  const seconds = dayStart(date, zone);
  return seconds === undefined ? undefined : isoText(seconds);
}

/** The same in epoch seconds. */
export function dayStart(date: string, zone: string): number | undefined {
  try {
    return dayStartOf(date, zone);
  } catch (error) {
    if (error instanceof TariffError) return undefined; // Half-typed, or from a mistyped address.
    throw error;
  }
}

/** YYYY-MM-DD of the day after; a date that is none stays as it is. */
export function dayAfter(date: string): string {
  const start = dayStart(date, "UTC");
  return start === undefined ? date : localDate(addLocalDays(start, 1, "UTC"), "UTC");
}

export const isoText = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

export const secondsOf = (iso: string): number => Date.parse(iso) / 1000;
