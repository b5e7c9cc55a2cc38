/** A manual clock that knows when its next timer is due, so that the simulation jumps from one to the next. */
import { manualClock, type Cancel, type Clock } from "@smarter-metering/runtime";

/** Housekeeping of every few seconds is done this often: a simulated week would be mostly that. */
const PERIOD_MS_MIN = 12 * 3_600_000;

export interface SimulatedClock extends Clock {
  /** Infinity when no timer is set. */
  nextDueMs(): number;
  advanceTo(timeMs: number): Promise<void>;
}

export function simulatedClock(startMs: number): SimulatedClock {
  const inner = manualClock(startMs);
  const due = new Map<symbol, number>();
  const at = (timeMs: number, fn: () => void | Promise<void>): Cancel => {
    const timer = Symbol("timer");
    due.set(timer, timeMs);
    const cancel = inner.at(timeMs, () => {
      due.delete(timer);
      return fn();
    });
    return () => {
      due.delete(timer);
      cancel();
    };
  };
  return {
    nowMs: () => inner.nowMs(),
    at,
    every(periodMs, fn) {
      let cancel: Cancel = () => undefined;
      let cancelled = false;
      const arm = (): void => {
        cancel = at(inner.nowMs() + Math.max(periodMs, PERIOD_MS_MIN), async () => {
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
    nextDueMs: () => Math.min(...due.values()),
    advanceTo: (timeMs) => inner.advanceTo(timeMs),
  };
}
