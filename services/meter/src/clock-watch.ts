/**
 * How far a fleet's clock is off, by its concentrator's (docs/quality.md): coarse, to a second and the
 * time that the answer took. It sets no clock. A clock that is far ahead seals nothing: its frames
 * would end in the future for everybody else, and be refused as FRAME_FUTURE.
 */
import type { Clock, Logger } from "@smarter-metering/runtime";
import { MeterError } from "./error.ts";
import type { FleetMetrics } from "./fleet-metrics.ts";
import type { Uplink } from "./uplink.ts";

const PERIOD_SECONDS = 3600;
/** Beyond it the clock is warned of: METER_CLOCK_DRIFT. */
const DRIFT_WARNED_SECONDS = 30;
/** As far as a concentrator tolerates: docs/protocol.md §2.8. */
const AHEAD_SECONDS_MAX = 300;

export interface ClockWatch {
  /** One look when it is due; never rejects because the concentrator is away. */
  look(): Promise<void>;
  /** Nothing is to be sealed. */
  readonly isAhead: boolean;
  /** Positive when the fleet's clock is ahead; undefined before the first answer. */
  readonly driftSeconds: number | undefined;
}

export interface ClockWatchPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly uplink: Uplink;
  readonly metrics: Pick<FleetMetrics, "drift">;
}

export function clockWatch({ clock, log, uplink, metrics }: ClockWatchPorts): ClockWatch {
  let lookedSeconds = Number.NEGATIVE_INFINITY;
  let driftSeconds: number | undefined;
  const isOff = (): boolean => Math.abs(driftSeconds ?? 0) > DRIFT_WARNED_SECONDS;

  async function ask(): Promise<number | undefined> {
    const beforeMs = clock.nowMs();
    const theirs = await uplink.time?.();
    return theirs === undefined ? undefined : driftOf(beforeMs, clock.nowMs(), theirs);
  }

  /** One odd answer says nothing: of two, the one that finds less. */
  async function measure(): Promise<number | undefined> {
    const first = await ask();
    if (first === undefined || Math.abs(first) <= DRIFT_WARNED_SECONDS) return first;
    const second = await ask();
    return second !== undefined && Math.abs(second) < Math.abs(first) ? second : first;
  }

  return {
    get isAhead() {
      return (driftSeconds ?? 0) > AHEAD_SECONDS_MAX;
    },
    get driftSeconds() {
      return driftSeconds;
    },
    async look() {
      const nowSeconds = Math.floor(clock.nowMs() / 1000);
      // Backwards as well: a clock that was just set back has to be looked at again.
      const isDue = Math.abs(nowSeconds - lookedSeconds) >= PERIOD_SECONDS;
      if (uplink.time === undefined || !(isDue || isOff())) return;
      let measured: number | undefined;
      try {
        measured = await measure();
      } catch (error) {
        if (!(error instanceof MeterError)) throw error;
        log.warn("the concentrator's time did not come", { errorCode: error.code });
        return;
      }
      lookedSeconds = nowSeconds;
      if (measured === undefined) return;
      const wasOff = isOff();
      driftSeconds = measured;
      metrics.drift.set(measured);
      if (isOff() === wasOff) return;
      const fields = { errorCode: "METER_CLOCK_DRIFT", count: measured };
      if (wasOff) log.info("the clock agrees with the concentrator's again", { count: measured });
      else log.warn("the clock is off by so many seconds; set it", fields);
    },
  };
}

/**
 * Whole seconds by which a clock that showed `beforeMs` and `afterMs` around a question is ahead of
 * one that answered `theirSeconds`, rounded down: at least that much, and 0 when they may agree.
 */
export function driftOf(beforeMs: number, afterMs: number, theirSeconds: number): number {
  const ahead = Math.trunc((beforeMs - 1000 * (theirSeconds + 1)) / 1000);
  const behind = Math.trunc((1000 * theirSeconds - afterMs) / 1000);
  if (ahead > 0) return ahead;
  return behind > 0 ? -behind : 0;
}
