/**
 * How long after its end a frame arrives, and whose clock that convicts (docs/operating.md). A frame
 * that is here before it has ended comes from a clock that is ahead, at least by that much; a
 * meter whose LIVE frames are all late is slow or behind. Times and meter ids, never readings: when a meter sends
 * says nothing of what it measured.
 */
import type { FrameHeader } from "@smarter-metering/protocol";
import type { Histogram, Metrics } from "@smarter-metering/runtime";

/** Seconds; below 0 the meter's clock is ahead. The first bound past a minute's window is 120. */
const LAG_BOUNDS = [-60, -10, -1, 0, 1, 5, 15, 60, 120, 600, 3600, 21_600, 86_400, 604_800];
/** Meters that a report names. */
const REPORTED_MAX = 20;
/** Clocks this near say nothing: networks and windows take as long. */
const AHEAD_SECONDS_MIN = 2;
const BEHIND_SECONDS_MIN = 300;

export interface ClockSkew {
  readonly meterId: string;
  /** Above 0: its clock is ahead, by at least as much; below: behind, by at most as much. */
  readonly aheadSeconds: number;
}

export class Arrivals {
  readonly #lag: Histogram;
  /** The shortest lag of each meter since the last report: of all, the nearest to its clock's error. */
  readonly #shortest = new Map<string, number>();

  constructor(metrics: Metrics) {
    this.#lag = metrics.histogram(
      "concentrator_frame_lag_seconds",
      "Time from the end of a frame to its arrival; below 0 its meter's clock is ahead",
      LAG_BOUNDS,
      ["kind"],
    );
  }

  /** Of an accepted frame, so that only registered meters are kept. */
  note(meterId: string, header: FrameHeader, nowMs: number): void {
    const { kind, blockStart, firstSlot, count, intervalSeconds } = header;
    const lag = nowMs / 1000 - (blockStart + (firstSlot + count) * intervalSeconds);
    this.#lag.observe(lag, { kind });
    // A BLOCK may wait for its moment in the window, or for the end of an outage.
    if (kind === "BLOCK" && lag >= 0) return;
    this.#shortest.set(meterId, Math.min(lag, this.#shortest.get(meterId) ?? Infinity));
  }

  /** The clocks that are furthest off, worst first. */
  worst(): ClockSkew[] {
    return Array.from(this.#shortest, ([meterId, lag]) => ({
      meterId,
      aheadSeconds: Math.round(-lag),
    }))
      .filter(
        ({ aheadSeconds }) =>
          aheadSeconds >= AHEAD_SECONDS_MIN || aheadSeconds <= -BEHIND_SECONDS_MIN,
      )
      .toSorted((a, b) => Math.abs(b.aheadSeconds) - Math.abs(a.aheadSeconds))
      .slice(0, REPORTED_MAX);
  }

  /** Begins a new report. */
  startAnew(): void {
    this.#shortest.clear();
  }
}
