/**
 * A clock whose present is one clock's and whose waiting is another's: a simulated meter lives in replayed time, but its pauses between
 * attempts pass in real time.
 */
import { systemClock, type Clock } from "@smarter-metering/runtime";

export function waitingInRealTime(present: Clock): Clock {
  return {
    nowMs: () => present.nowMs(),
    at: (timeMs, fn) => systemClock.at(systemClock.nowMs() + timeMs - present.nowMs(), fn),
    every: (periodMs, fn) => systemClock.every(periodMs, fn),
  };
}
