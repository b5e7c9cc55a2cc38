/** Readings by the local day in which they begin: 92, 96 or 100 quarters where clocks change. Runs on the customer's device. */
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import type { Reading } from "../readings.ts";

export interface LocalDay<One> {
  /** [from, to), epoch seconds: 23 to 25 hours. */
  readonly from: number;
  readonly to: number;
  /** Never empty. */
  readonly readings: readonly One[];
}

/** `readings` are in order of time; a day without any is left out. Throws TariffError ZONE_UNKNOWN. */
export function* localDays<One extends Pick<Reading, "startSeconds">>(
  readings: readonly One[],
  zone: string,
): Generator<LocalDay<One>> {
  for (let first = 0; first < readings.length;) {
    const from = localDayStart(readings[first]?.startSeconds ?? 0, zone);
    const to = addLocalDays(from, 1, zone);
    let end = first;
    while (end < readings.length && (readings[end]?.startSeconds ?? to) < to) end += 1;
    yield { from, to, readings: readings.slice(first, end) };
    first = end;
  }
}
