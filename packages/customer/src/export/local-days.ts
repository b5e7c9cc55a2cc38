/** Readings by the local day in which they begin: 92, 96 or 100 quarters where clocks change. Runs on the customer's device. */
import type { Span } from "../bill-window.ts";
import type { Reading } from "../readings.ts";
import { periodAt } from "../series/calendar-spans.ts";

/** 23 to 25 hours. */
export interface LocalDay<One> extends Span {
  /** Never empty. */
  readonly readings: readonly One[];
}

/** `readings` are in order of time; a day without any is left out. Throws TariffError ZONE_UNKNOWN. */
export function* localDays<One extends Pick<Reading, "startSeconds">>(
  readings: readonly One[],
  zone: string,
): Generator<LocalDay<One>> {
  for (let first = 0; first < readings.length;) {
    const { from, to } = periodAt("day", readings[first]?.startSeconds ?? 0, zone);
    let end = first;
    while (end < readings.length && (readings[end]?.startSeconds ?? to) < to) end += 1;
    yield { from, to, readings: readings.slice(first, end) };
    first = end;
  }
}
