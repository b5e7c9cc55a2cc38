/**
 * Time of a history: one true time, which moves when the history says so, and a clock for each party that may be wrong. A timer waits for
 * as long as its party's clock said when it was set, as timers of a machine do; a jump of the clock does not move it.
 */
import { type Cancel, type Clock, type TimerCallback } from "@smarter-metering/runtime";

/** Housekeeping of every few seconds is done this often: a simulated week would be mostly that. */
const PERIOD_MS_MIN = 12 * 3_600_000;

interface Timer {
  readonly timeMs: number;
  readonly fn: TimerCallback;
}

export class SimulatedTime {
  #nowMs: number;
  readonly #timers = new Set<Timer>();
  readonly #onError: (error: unknown) => void;

  /** `onError`: of a timer's callback. */
  constructor(startMs: number, onError: (error: unknown) => void) {
    this.#nowMs = startMs;
    this.#onError = onError;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  at(timeMs: number, fn: TimerCallback): Cancel {
    const timer = { timeMs: Math.max(timeMs, this.#nowMs), fn };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Infinity when no timer is set. */
  nextDueMs(): number {
    let next = Infinity;
    for (const { timeMs } of this.#timers) next = Math.min(next, timeMs);
    return next;
  }

  /** Moves time forward and starts what is due, in order of time, then of setting; waits for nothing. */
  advanceTo(timeMs: number): void {
    for (let due = this.nextDueMs(); due <= timeMs; due = this.nextDueMs()) {
      this.#nowMs = Math.max(this.#nowMs, due);
      for (const timer of [...this.#timers].filter((each) => each.timeMs === due)) {
        if (this.#timers.delete(timer)) this.#fire(timer);
      }
    }
    this.#nowMs = Math.max(this.#nowMs, timeMs);
  }

  #fire({ fn }: Timer): void {
    // In an async function, so that what is thrown at once is an error like any other.
    void (async () => fn())().catch(this.#onError);
  }
}

/** A party's clock: `offsetMs` ahead of the true time, and while the party lives. */
export function partyClock(
  time: SimulatedTime,
  offsetMs: () => number,
  isAlive: () => boolean,
): Clock {
  const nowMs = (): number => time.nowMs() + offsetMs();
  const at = (timeMs: number, fn: TimerCallback): Cancel =>
    time.at(time.nowMs() + timeMs - nowMs(), () => (isAlive() ? fn() : undefined));
  return {
    nowMs,
    at,
    every(periodMs, fn) {
      let cancel: Cancel = () => undefined;
      let cancelled = false;
      const arm = (): void => {
        cancel = at(nowMs() + Math.max(periodMs, PERIOD_MS_MIN), async () => {
          await fn();
          if (!cancelled) arm();
        });
      };
      arm();
      return () => {
        cancelled = true;
        cancel();
      };
    },
  };
}
