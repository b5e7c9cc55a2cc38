// Time stamps as files write them. A stamp with `Z`, an offset, or in epoch seconds is an instant;
// any other is wall-clock time of a zone that the caller must name.

/** `wall` seconds are counted as if the wall clock were UTC. */
export interface Timestamp {
  readonly kind: "instant" | "wall";
  readonly seconds: number;
  /** The text held a date and no time of day. */
  readonly dateOnly: boolean;
}

const TIME_OF_DAY = String.raw`[T ]\s?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?`;
const YEAR_FIRST = new RegExp(
  String.raw`^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:${TIME_OF_DAY}\s?(Z|[+-]\d{2}:?\d{2})?)?$`,
);
// Day first is recognised with dots only: 03/04/2016 may be March or April.
const DAY_FIRST = new RegExp(String.raw`^(\d{1,2})\.(\d{1,2})\.(\d{4})(?:${TIME_OF_DAY})?$`);
const EPOCH = /^\d{9,10}$/;
const YEAR_MIN = 1970;
const YEAR_MAX = 2199;

/** What a time stamp may look like, for messages. */
export const TIMESTAMP_FORMS =
  "2016-01-31 23:45[:00], 2016-01-31T23:45:00Z, …+01:00, 31.01.2016 23:45, or epoch seconds";

/**
 * Undefined when `text` is no time stamp or names a day that does not exist; fractions are cut
 * off.
 */
export function parseTimestamp(text: string): Timestamp | undefined {
  const first = YEAR_FIRST.exec(text);
  if (first !== null) {
    const [, year, month, day, hour, minute, second, offset] = first;
    return compose([year, month, day, hour, minute, second], offset);
  }
  const last = DAY_FIRST.exec(text);
  if (last !== null) {
    const [, day, month, year, hour, minute, second] = last;
    return compose([year, month, day, hour, minute, second], undefined);
  }
  if (EPOCH.test(text)) return { kind: "instant", seconds: Number(text), dateOnly: false };
  return undefined;
}

function compose(
  fields: (string | undefined)[],
  offset: string | undefined,
): Timestamp | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.map((field) =>
    Number(field ?? 0),
  );
  if (year < YEAR_MIN || year > YEAR_MAX || hour > 23 || minute > 59 || second > 59)
    return undefined;
  const midnight = Date.UTC(year, month - 1, day);
  if (new Date(midnight).getUTCDate() !== day || month < 1 || month > 12) return undefined;
  const seconds = midnight / 1000 + hour * 3600 + minute * 60 + second;
  const dateOnly = fields[3] === undefined;
  if (offset === undefined) return { kind: "wall", seconds, dateOnly };
  const offsetSeconds = parseOffsetSeconds(offset);
  if (offsetSeconds === undefined) return undefined;
  return { kind: "instant", seconds: seconds - offsetSeconds, dateOnly };
}

function parseOffsetSeconds(offset: string): number | undefined {
  if (offset === "Z") return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(-2));
  if (hours > 15 || minutes > 59) return undefined;
  const seconds = hours * 3600 + minutes * 60;
  return offset.startsWith("-") ? -seconds : seconds;
}

/** `2016-01-31T23:45:00Z`. */
export function formatUtc(epochSeconds: number): string {
  return `${new Date(epochSeconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** `2016-01-31 23:45` from wall seconds. */
export function formatWall(wallSeconds: number): string {
  return new Date(wallSeconds * 1000).toISOString().slice(0, 16).replace("T", " ");
}
