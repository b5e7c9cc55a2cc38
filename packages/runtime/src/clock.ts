/**
 * Time as an argument. Every process uses it: services never call Date.now or setTimeout themselves,
 * so that a simulation can run a month in a second and replay it from one seed.
 */
import assert from "node:assert/strict";

/** Ends a timer; a callback that is already running is not interrupted. */
export type Cancel = () => void;
export type TimerCallback = () => void | Promise<void>;

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Calls `fn` once at `timeMs`, or as soon as possible if that is past. */
  at(timeMs: number, fn: TimerCallback): Cancel;
  /** Calls `fn` every `periodMs`; the next period starts when the call has settled: no overlap. */
  every(periodMs: number, fn: TimerCallback): Cancel;
}

/** setTimeout takes 31 bits; longer waits are re-armed. */
const timeoutMsMax = 2 ** 31 - 1;

/** The machine's clock. A timer callback that rejects is an unhandled rejection, as it should be. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  at(timeMs, fn) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const waitMs = Math.max(0, timeMs - Date.now());
      timer = setTimeout(() => (waitMs > timeoutMsMax ? arm() : void fn()), clampWait(waitMs));
    };
    arm();
    return () => clearTimeout(timer);
  },
  every(periodMs, fn) {
    return repeat(this, periodMs, fn);
  },
};

const clampWait = (waitMs: number): number => Math.min(waitMs, timeoutMsMax);

function repeat(clock: Clock, periodMs: number, fn: TimerCallback): Cancel {
  assert(periodMs > 0, "a period is longer than 0 ms");
  let cancelled = false;
  let cancel: Cancel;
  const tick = async (): Promise<void> => {
    await fn();
    if (!cancelled) cancel = clock.at(clock.nowMs() + periodMs, tick);
  };
  cancel = clock.at(clock.nowMs() + periodMs, tick);
  return () => {
    cancelled = true;
    cancel();
  };
}

/** Resolves at `timeMs`, or at once when `signal` is aborted; never rejects. */
export function sleepUntil(clock: Clock, timeMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const finish = (): void => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.at(timeMs, finish);
    signal?.addEventListener("abort", finish);
  });
}

export interface ManualClock extends Clock {
  /**
   * Moves time forward and fires every timer due on the way, in order of time (then of creation),
   * with `nowMs` at the timer's time; awaits each callback before the next. Rejects if a callback
   * rejects. Time never goes back: an earlier time is a programmer error.
   */
  advanceTo(timeMs: number): Promise<void>;
}

interface ManualTimer {
  readonly timeMs: number;
  readonly order: number;
  readonly fn: TimerCallback;
}

/** A clock that stands still until `advanceTo`. One advance at a time. */
export function manualClock(startMs: number): ManualClock {
  const timers = new Set<ManualTimer>();
  let now = startMs;
  let created = 0;
  let advancing = false;

  const nextDue = (limitMs: number): ManualTimer | undefined => {
    let next: ManualTimer | undefined;
    for (const timer of timers) {
      if (timer.timeMs > limitMs) continue;
      if (next === undefined || isBefore(timer, next)) next = timer;
    }
    return next;
  };

  return {
    nowMs: () => now,
    at(timeMs, fn) {
      const timer = { timeMs: Math.max(timeMs, now), order: created++, fn };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    every(periodMs, fn) {
      return repeat(this, periodMs, fn);
    },
    async advanceTo(timeMs) {
      assert(timeMs >= now, `a clock does not go back from ${now} to ${timeMs}`);
      assert(!advancing, "advanceTo is already running");
      advancing = true;
      try {
        for (let timer = nextDue(timeMs); timer !== undefined; timer = nextDue(timeMs)) {
          timers.delete(timer);
          now = timer.timeMs;
          await timer.fn();
        }
        now = timeMs;
      } finally {
        advancing = false;
      }
    },
  };
}

function isBefore(a: ManualTimer, b: ManualTimer): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order);
}
