// From the clock of a P1 meter to instants: local time, whose flag S or W tells the two hours
// apart that a clock shows twice.
import { WallClock } from "../wall-clock.ts";
import type { TelegramTime } from "./telegram.ts";

/** Offsets are looked up for this long around a stamp, so that both seasons are known. */
const COVERED_SECONDS = 400 * 86_400;

/** Instants of the stamps of one meter, whose zone the caller names. */
export class MeterClock {
  readonly #zone: string;
  #clock: WallClock | undefined;
  #coveredFrom = 0;
  #coveredTo = 0;

  /** Throws READINGS_ZONE_UNKNOWN at the first stamp. */
  constructor(zone: string) {
    this.#zone = zone;
  }

  /** Epoch seconds; undefined when the zone's clocks never show this time with this flag. */
  instantOf({ wallSeconds, isSummer }: TelegramTime): number | undefined {
    const clock = this.#clockAt(wallSeconds);
    return isSummer === undefined
      ? clock.instantsOf(wallSeconds)[0]
      : clock.instantsOf(wallSeconds).find((instant) => clock.isSummerAt(instant) === isSummer);
  }

  #clockAt(wallSeconds: number): WallClock {
    if (
      this.#clock === undefined ||
      wallSeconds < this.#coveredFrom ||
      wallSeconds >= this.#coveredTo
    ) {
      this.#coveredFrom = wallSeconds - COVERED_SECONDS;
      this.#coveredTo = wallSeconds + COVERED_SECONDS;
      this.#clock = new WallClock(this.#zone, this.#coveredFrom, this.#coveredTo);
    }
    return this.#clock;
  }
}
