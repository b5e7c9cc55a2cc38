// From cumulative registers, read at any times, to the energy of intervals of a grid
// (docs/protocol.md §1.4): an interval is the difference of the registers at its two borders, so
// that intervals add up to the register. Nothing is interpolated. Pure.
import { strict as assert } from "node:assert";

/** Registers of one meter at one instant, whole milliwatt-hours. */
export interface RegisterSample {
  readonly instantSeconds: number;
  readonly importMilliwattHours: number;
  readonly exportMilliwattHours: number;
  /** Another meter's registers are not compared with this one's. */
  readonly equipmentId: string | undefined;
}

/** Energy between two borders of the grid. */
export interface RegisterInterval {
  readonly startSeconds: number;
  readonly importMilliwattHours: number;
  readonly exportMilliwattHours: number;
}

/**
 * - `taken` · `duplicate`: the same again · `conflict`: same time, other registers (the first is
 *   kept) · `unordered`: earlier than the one before (not used)
 * - `backwards`: a lower register, or another meter: taken, and what spans the change is missing
 */
export type SampleVerdict = "taken" | "duplicate" | "conflict" | "unordered" | "backwards";

/** Ten seconds is how often a meter of version 4 sends. */
const SLACK_SECONDS_MIN = 10;
const SLACK_PARTS = 15;

/**
 * How far from a border a register may have been read to count as the border's: a fifteenth of the
 * interval, at least 10 seconds. Energy of those seconds counts to the neighbour.
 */
export function borderSlackSeconds(intervalSeconds: number): number {
  return Math.max(SLACK_SECONDS_MIN, Math.floor(intervalSeconds / SLACK_PARTS));
}

interface Border {
  readonly number: number;
  readonly sample: RegisterSample;
  /** Counts meters: grows with every change. */
  readonly era: number;
}

/** Takes registers in the order of time and gives each interval when its end is known. */
export class RegisterIntervals {
  readonly #intervalSeconds: number;
  readonly #slackSeconds: number;
  #last: RegisterSample | undefined;
  #era = 0;
  #border: Border | undefined;
  /** Number of the border that is not settled yet: it begins at this times the interval. */
  #next = Number.NEGATIVE_INFINITY;

  constructor(intervalSeconds: number) {
    assert(Number.isInteger(intervalSeconds) && intervalSeconds > 0);
    this.#intervalSeconds = intervalSeconds;
    this.#slackSeconds = borderSlackSeconds(intervalSeconds);
  }

  /** The intervals that `sample` completes, at most two, in order. */
  push(sample: RegisterSample): { verdict: SampleVerdict; intervals: RegisterInterval[] } {
    const last = this.#last;
    const verdict = judge(sample, last);
    if (verdict !== "taken" && verdict !== "backwards") return { verdict, intervals: [] };
    const intervals: RegisterInterval[] = [];
    // The border behind the last sample may be that sample's, when this one is farther from it.
    if (last !== undefined && this.#next * this.#intervalSeconds <= sample.instantSeconds) {
      const before = this.#distance(last);
      const isNearer = before <= this.#distance(sample) || verdict === "backwards";
      if (before <= this.#slackSeconds && isNearer) this.#settle(last, intervals);
    }
    if (verdict === "backwards") this.#era += 1;
    // Borders that no sample is near to are passed over: their intervals stay missing.
    const { instantSeconds } = sample;
    const near = Math.ceil((instantSeconds - this.#slackSeconds) / this.#intervalSeconds);
    this.#next = Math.max(this.#next, near);
    if (this.#next * this.#intervalSeconds <= instantSeconds) this.#settle(sample, intervals);
    this.#last = sample;
    return { verdict, intervals };
  }

  /** At the end: the last sample may be that of the border behind it. */
  finish(): RegisterInterval[] {
    const intervals: RegisterInterval[] = [];
    const last = this.#last;
    const isNear = last !== undefined && this.#distance(last) <= this.#slackSeconds;
    if (isNear) this.#settle(last, intervals);
    return intervals;
  }

  #distance({ instantSeconds }: RegisterSample): number {
    return Math.abs(this.#next * this.#intervalSeconds - instantSeconds);
  }

  #settle(sample: RegisterSample, intervals: RegisterInterval[]): void {
    const from = this.#border;
    const number = this.#next;
    this.#border = { number, sample, era: this.#era };
    this.#next = number + 1;
    if (from === undefined || from.number !== number - 1 || from.era !== this.#era) return;
    intervals.push({
      startSeconds: from.number * this.#intervalSeconds,
      importMilliwattHours: sample.importMilliwattHours - from.sample.importMilliwattHours,
      exportMilliwattHours: sample.exportMilliwattHours - from.sample.exportMilliwattHours,
    });
  }
}

function judge(sample: RegisterSample, last: RegisterSample | undefined): SampleVerdict {
  if (last === undefined) return "taken";
  const { instantSeconds, importMilliwattHours, exportMilliwattHours, equipmentId } = sample;
  if (instantSeconds < last.instantSeconds) return "unordered";
  const isSame =
    importMilliwattHours === last.importMilliwattHours &&
    exportMilliwattHours === last.exportMilliwattHours;
  if (instantSeconds === last.instantSeconds) return isSame ? "duplicate" : "conflict";
  const isLower =
    importMilliwattHours < last.importMilliwattHours ||
    exportMilliwattHours < last.exportMilliwattHours;
  return isLower || equipmentId !== last.equipmentId ? "backwards" : "taken";
}
