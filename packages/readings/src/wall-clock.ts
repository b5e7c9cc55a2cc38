// From wall-clock time to instants in one zone, daylight saving time included (docs/protocol.md
// §2.1). The other direction, seasons and price bands of an instant, is the tariff's; this is all
// that a reader of files and the synthetic household need.
import { ReadingsError } from "./readings-error.ts";

const DAY_SECONDS = 86_400;

/** A stretch of time with one offset; it lasts until the next segment begins. */
interface Segment {
  readonly fromSeconds: number;
  readonly offsetSeconds: number;
}

/** A change of the offset. */
export interface Transition {
  /** The local date on which it happens, `2018-10-28`. */
  readonly date: string;
  /** How long that local day is: 23, 25, or 24.5 and 23.5 on Lord Howe Island. */
  readonly hours: number;
}

/** A zone's offsets over a stretch of time, found once with Intl and then looked up. */
export class WallClock {
  readonly zone: string;
  readonly #segments: readonly Segment[];
  /** The segment that the last wall time fell into. */
  #near = 0;

  /** Covers the wall times of [fromSeconds, toSeconds]; throws READINGS_ZONE_UNKNOWN. */
  constructor(zone: string, fromSeconds: number, toSeconds: number) {
    this.zone = zone;
    this.#segments = findSegments(zone, fromSeconds - 2 * DAY_SECONDS, toSeconds + 2 * DAY_SECONDS);
  }

  /**
   * Instants at which the zone's clocks show `wallSeconds`: none (skipped), one, or two in order.
   */
  instantsOf(wallSeconds: number): number[] {
    const segments = this.#segments;
    const begins = (index: number): boolean => {
      const segment = segments[index];
      return segment !== undefined && wallSeconds - segment.offsetSeconds >= segment.fromSeconds;
    };
    // Rows mostly come in order, so the last answer's segment is where to look.
    while (begins(this.#near + 1)) this.#near += 1;
    while (!begins(this.#near)) this.#near -= 1;
    const instants: number[] = [];
    for (let index = Math.max(0, this.#near - 1); index <= this.#near; index += 1) {
      const instant = wallSeconds - (segments[index]?.offsetSeconds ?? 0);
      if (instant < (segments[index + 1]?.fromSeconds ?? Infinity)) instants.push(instant);
    }
    return instants;
  }

  /** The first instant of the local day that begins at `midnightWallSeconds`. */
  dayStart(midnightWallSeconds: number): number {
    // Where clocks skip midnight itself, the day begins with the hour after it.
    const instants = this.instantsOf(midnightWallSeconds);
    return instants[0] ?? this.instantsOf(midnightWallSeconds + 3600)[0] ?? midnightWallSeconds;
  }

  /** What the zone's clocks show at an instant, as wall seconds. */
  wallAt(epochSeconds: number): number {
    const segment = this.#segments.findLast(({ fromSeconds }) => fromSeconds <= epochSeconds);
    return epochSeconds + (segment?.offsetSeconds ?? 0);
  }

  /** Whether clocks are ahead of the least offset that this clock covers: a year has to be. */
  isSummerAt(epochSeconds: number): boolean {
    const least = Math.min(...this.#segments.map(({ offsetSeconds }) => offsetSeconds));
    return this.wallAt(epochSeconds) - epochSeconds > least;
  }

  /** The changes of the offset between two instants. */
  transitions(startSeconds: number, endSeconds: number): Transition[] {
    const found: Transition[] = [];
    for (const [index, { fromSeconds, offsetSeconds }] of this.#segments.entries()) {
      const before = this.#segments[index - 1];
      if (before === undefined || fromSeconds < startSeconds || fromSeconds >= endSeconds) continue;
      const local = new Date((fromSeconds + before.offsetSeconds) * 1000);
      const hours = 24 - (offsetSeconds - before.offsetSeconds) / 3600;
      found.push({ date: local.toISOString().slice(0, 10), hours });
    }
    return found;
  }
}

/**
 * Steps day by day and halves the day in which the offset changed: no zone changes twice in a day.
 */
function findSegments(zone: string, fromSeconds: number, toSeconds: number): Segment[] {
  const offsetAt = offsetReader(zone);
  const segments: Segment[] = [{ fromSeconds: -Infinity, offsetSeconds: offsetAt(fromSeconds) }];
  let offset = offsetAt(fromSeconds);
  for (let low = fromSeconds; low < toSeconds; low += DAY_SECONDS) {
    const next = offsetAt(low + DAY_SECONDS);
    if (next === offset) continue;
    let before = low;
    let after = low + DAY_SECONDS;
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offsetAt(middle) === offset) before = middle;
      else after = middle;
    }
    segments.push({ fromSeconds: after, offsetSeconds: next });
    offset = next;
  }
  return segments;
}

/** Seconds to add to UTC at an instant in `zone`. */
function offsetReader(zone: string): (epochSeconds: number) => number {
  const format = openFormat(zone);
  return (epochSeconds) => {
    const fields: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(epochSeconds * 1000)) {
      fields[type] = Number(value);
    }
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = fields;
    return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - epochSeconds;
  };
}

/** Formats by zone: making one costs as much as hundreds of uses. */
const formats = new Map<string, Intl.DateTimeFormat>();
const FORMATS_MAX = 16;

function openFormat(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  if (formats.size >= FORMATS_MAX) formats.clear();
  const format = createFormat(zone);
  formats.set(zone, format);
  return format;
}

function createFormat(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (cause) {
    throw new ReadingsError(
      "READINGS_ZONE_UNKNOWN",
      `zone "${zone}" is not an IANA time zone; give one such as Europe/Zurich`,
      { cause },
    );
  }
}
