/** Local time in a zone and back, right at both changes of the clock; `Intl` holds the rules. */

export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

export interface ZoneClock {
  /** The local time at an instant in epoch seconds. */
  readonly localAt: (seconds: number) => LocalTime;
  /** Epoch seconds of a local time: the first of two that are alike (autumn), the first after a gap (spring). Days and months overflow. */
  readonly secondsOf: (local: LocalTime) => number;
}

const DAY_SECONDS = 86_400;
const clocks = new Map<string, ZoneClock>();

/** The clock of an IANA zone; made once each. */
export function zoneClock(zone: string): ZoneClock {
  const known = clocks.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  const localAt = (seconds: number): LocalTime => {
    const found: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(seconds * 1000)) found[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = found;
    return { year, month, day, hour, minute };
  };
  const offsetAt = (seconds: number): number => {
    const whole = Math.floor(seconds / 60) * 60;
    return utcOf(localAt(whole)) - whole;
  };
  const secondsOf = (local: LocalTime): number => {
    const wanted = utcOf(local);
    const candidates = [-DAY_SECONDS, DAY_SECONDS].map((away) => wanted - offsetAt(wanted + away));
    const real = candidates.filter((at) => at + offsetAt(at) === wanted);
    return real.length > 0 ? Math.min(...real) : Math.max(...candidates);
  };
  const clock = { localAt, secondsOf };
  clocks.set(zone, clock);
  return clock;
}

const utcOf = ({ year, month, day, hour, minute }: LocalTime): number =>
  Date.UTC(year, month - 1, day, hour, minute) / 1000;
