/**
 * The clock of a demonstration: it stands still until the load or the live show moves it. Unlike a simulation's clock it does
 * not replay every tick on the way: after a jump of a day, what is due runs once.
 */
import type { Cancel, Clock, TimerCallback } from "@smarter-metering/runtime";

export interface ReplayClock extends Clock {
  /** Moves time forward; an earlier time is ignored. Resolves when the timers that fell due have run. */
  advanceTo(timeMs: number): Promise<void>;
}

interface Timer {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly run: TimerCallback;
}

export function replayClock(startMs: number): ReplayClock {
  let now = startMs;
  const timers = new Set<Timer>();
  const add = (timer: Timer): Cancel => {
    timers.add(timer);
    return () => timers.delete(timer);
  };
  return {
    nowMs: () => now,
    at: (timeMs, run) => add({ dueMs: timeMs, periodMs: undefined, run }),
    every: (periodMs, run) => add({ dueMs: now + periodMs, periodMs, run }),
    async advanceTo(timeMs) {
      if (timeMs > now) now = timeMs;
      const due = [...timers].filter(({ dueMs }) => dueMs <= now);
      for (const timer of due.toSorted((a, b) => a.dueMs - b.dueMs)) {
        if (timer.periodMs === undefined) timers.delete(timer);
        else timer.dueMs = now + timer.periodMs;
        await timer.run();
      }
    },
  };
}
