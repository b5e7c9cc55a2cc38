/**
 * When meters send (docs/protocol.md §4.5): each at a random moment of a window after the end of what it
 * sends, so that a district does not come as one. A moment is drawn anew each time and hangs on nothing
 * else: whoever watches the line learns neither what was measured nor, by a habit, which meter it is.
 */
import { sleepUntil, type Clock } from "@smarter-metering/runtime";
import type { Random } from "./enrolment.ts";
import type { Turn } from "./turns.ts";

/** Seconds; 0: at once. */
export interface SendWindows {
  /** After a day has ended; an hour spreads a million meters to 278 a second, within LOAD's cut-off. */
  readonly blockSeconds: number;
  /** After a LIVE frame has ended: within the 5 s in which a customer sees it. */
  readonly liveSeconds: number;
}

/** For meters on the clock of the day. */
export const SEND_WINDOWS: SendWindows = { blockSeconds: 3600, liveSeconds: 3 };
/** For simulations, whose days end when they like. */
export const NO_WINDOWS: SendWindows = { blockSeconds: 0, liveSeconds: 0 };

/** Meters of one process whose moments are this near go together. */
const TOGETHER_MS = 250;

export interface SpreadPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly turn: Turn;
}

/**
 * Calls `send` with the meters whose moments have come, until all have been sent or `signal` aborts;
 * in between others have their turn. What ended longer ago than the window goes at once.
 */
export async function spread<Meter>(
  meters: readonly Meter[],
  window: { readonly fromSeconds: number; readonly seconds: number },
  { clock, random, signal, turn }: SpreadPorts,
  send: (meters: readonly Meter[]) => Promise<void>,
): Promise<void> {
  const momentOf = (): number => 1000 * (window.fromSeconds + window.seconds * chance(random));
  let waiting = meters
    .map((meter) => ({ meter, atMs: window.seconds === 0 ? 0 : momentOf() }))
    .toSorted((a, b) => a.atMs - b.atMs);
  while (waiting.length > 0 && !signal.aborted) {
    const nowMs = clock.nowMs();
    const due = waiting.filter(({ atMs }) => atMs <= nowMs + TOGETHER_MS);
    if (due.length > 0) {
      waiting = waiting.slice(due.length);
      await send(due.map(({ meter }) => meter));
      continue;
    }
    const nextMs = waiting[0]?.atMs ?? nowMs;
    await turn.aside(() => sleepUntil(clock, nextMs, signal));
  }
}

/** From 0 to below 1. */
export const chance = (random: Random): number =>
  new DataView(Uint8Array.from(random(4)).buffer).getUint32(0) / 2 ** 32;
