/**
 * How fast days that have waited go out (docs/quality.md): after an outage a whole neighbourhood comes
 * back at once, and its concentrator has to serve the others meanwhile. A meter with a backlog begins
 * at a random moment of a spread, and pauses between its requests.
 */
import { sleepUntil, type Clock } from "@smarter-metering/runtime";
import type { Random } from "./enrolment.ts";
import { chance } from "./send-window.ts";
import type { Turn } from "./turns.ts";

/** Fewer days that wait are sent at once: a day, and one that came late. */
const BACKLOG_DAYS_MIN = 3;
const START_SPREAD_MS = 60_000;
/** Half to all of it between two requests of up to 64 frames. */
const PAUSE_MS = 1000;
const DAY_SECONDS = 86_400;

/** Days from `nextBlock` to `untilSeconds` that are still to be sent; 0 when none is. */
export const backlogDays = (nextBlock: number, untilSeconds: number): number =>
  Math.max(0, Math.ceil((untilSeconds - nextBlock) / DAY_SECONDS));

export interface Pace {
  /**
   * Resolves when the next request may go, at once when `signal` aborts; until then, others have
   * their turn.
   */
  next(turn: Turn, signal: AbortSignal): Promise<void>;
}

export function paceOf(days: number, clock: Clock, random: Random): Pace {
  let requests = 0;
  return {
    async next(turn, signal) {
      if (days < BACKLOG_DAYS_MIN) return;
      const share = chance(random);
      const waitMs = requests === 0 ? START_SPREAD_MS * share : PAUSE_MS * (0.5 + share / 2);
      requests += 1;
      await turn.aside(() => sleepUntil(clock, clock.nowMs() + Math.round(waitMs), signal));
    },
  };
}
