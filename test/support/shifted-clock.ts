/** The machine's clock, ahead or behind by an offset that a measurement may move: days pass in seconds, and timers still run in real time. */
import { systemClock, type Clock } from "@smarter-metering/runtime";

export interface ShiftedClock extends Clock {
  /** From now on it is `timeMs`, and time goes on from there. */
  setTo(timeMs: number): void;
}

export function shiftedClock(startMs: number): ShiftedClock {
  let offsetMs = startMs - systemClock.nowMs();
  return {
    nowMs: () => systemClock.nowMs() + offsetMs,
    at: (timeMs, fn) => systemClock.at(timeMs - offsetMs, fn),
    every: (periodMs, fn) => systemClock.every(periodMs, fn),
    setTo(timeMs) {
      offsetMs = timeMs - systemClock.nowMs();
    },
  };
}
