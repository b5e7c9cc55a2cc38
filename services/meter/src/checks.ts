/**
 * What a meter checks in its own readings before it seals them (docs/quality.md): nobody else ever
 * sees them. Each check is one row of a table: a code, a verdict, and a pure function that names the
 * intervals. A value that cannot be is taken as missing; one that is only odd keeps its value and is
 * marked questionable. Plaintext; findings are codes and counts, never readings.
 */
import type { Readings } from "./source.ts";

export const QUALITY = {
  valid: 0,
  missing: 1,
  estimated: 2,
  edited: 3,
  questionable: 4,
} as const;

export type CheckCode =
  /** Energy below zero: a register that went back. */
  | "CHECK_NEGATIVE"
  /** More than the fuse lets through with 25 % overcurrent, or than a frame can carry. */
  | "CHECK_FUSE"
  /** The source's clock was set, or leapt, inside the interval: its length is not what it says. */
  | "CHECK_CLOCK"
  /** Far above what this connection has ever used. */
  | "CHECK_SPIKE"
  /** The same value again and again. */
  | "CHECK_STUCK"
  /** Nothing at all for a day, where every day before had something. */
  | "CHECK_STOPPED";

/** Consecutive intervals, and what they are judged by. */
export interface CheckFacts {
  readonly readings: Readings;
  readonly intervalSeconds: number;
  readonly powerWattsMax: number;
  /** The days before, oldest first, without impossible values; what lies before the contract is not there. */
  readonly history: readonly Readings[];
}

interface Check {
  readonly code: CheckCode;
  readonly verdict: "missing" | "questionable";
  /** Places in `readings`, ascending. */
  find(facts: CheckFacts): number[];
}

/** Days that a check looks back. */
export const HISTORY_DAYS = 7;
/** Fewer days with readings tell nothing of a household. */
const HISTORY_DAYS_MIN = 3;
/** A share of an interval by which its length may be off: the limit of a significant clock change. */
const CLOCK_STEP_SHARE = 0.03;
const SPIKE_FACTOR = 4;
/** Below this mean power nothing is a spike, however quiet the household was. */
const SPIKE_WATTS_MIN = 4000;
/** A meter in mWh does not measure the same value by chance for that long; a coarse source can. */
const STUCK_SECONDS = 12 * 3600;
const STUCK_INTERVALS_MIN = 24;

/** The largest energy of an interval, mWh: what the fuse lets through, and what a frame can carry. */
export const energyMax = ({
  powerWattsMax,
  intervalSeconds,
}: Pick<CheckFacts, "powerWattsMax" | "intervalSeconds">): number =>
  Math.min(2 ** 32 - 1, Math.floor((powerWattsMax * 1000 * intervalSeconds) / 3600));

const negative: Check = {
  code: "CHECK_NEGATIVE",
  verdict: "missing",
  find: ({ readings }) => placesOf(readings, (value) => value < 0),
};

const fuse: Check = {
  code: "CHECK_FUSE",
  verdict: "missing",
  find(facts) {
    const max = energyMax(facts);
    return placesOf(facts.readings, (value) => value > max);
  },
};

const clock: Check = {
  code: "CHECK_CLOCK",
  verdict: "questionable",
  find({ readings: { clockStepSeconds = [] }, intervalSeconds }) {
    const allowed = CLOCK_STEP_SHARE * intervalSeconds;
    return placesWhere(
      clockStepSeconds.length,
      (i) => Math.abs(clockStepSeconds[i] ?? 0) > allowed,
    );
  },
};

const spike: Check = {
  code: "CHECK_SPIKE",
  verdict: "questionable",
  find({ readings, history, intervalSeconds }) {
    const floor = (SPIKE_WATTS_MIN * 1000 * intervalSeconds) / 3600;
    const isSpike = (values: ArrayLike<number>, days: readonly ArrayLike<number>[]) => {
      const usual = median(days.map(largest));
      return (i: number): boolean => (values[i] ?? 0) > Math.max(floor, SPIKE_FACTOR * usual);
    };
    if (history.length < HISTORY_DAYS_MIN) return [];
    const { importMilliwattHours, exportMilliwattHours, quality } = readings;
    const imports = history.map((day) => day.importMilliwattHours);
    const exports = history.map((day) => day.exportMilliwattHours);
    const inImport = isSpike(importMilliwattHours, imports);
    const inExport = isSpike(exportMilliwattHours, exports);
    return placesWhere(quality.length, (i) => inImport(i) || inExport(i));
  },
};

/** Non-zero: zeros are what a household away with nothing plugged in uses, and are CHECK_STOPPED. */
const stuck: Check = {
  code: "CHECK_STUCK",
  verdict: "questionable",
  find: (facts) => longRuns(facts, (value) => value > 0, stuckIntervals(facts)),
};

const stopped: Check = {
  code: "CHECK_STOPPED",
  verdict: "questionable",
  find(facts) {
    const { history, intervalSeconds } = facts;
    const hasUse = ({ importMilliwattHours }: Readings): boolean =>
      Array.from(importMilliwattHours).some((value) => value > 0);
    // Yesterday may be the first day of the standstill; the days before it tell what is usual.
    const usual = history.slice(0, -1);
    if (usual.length < HISTORY_DAYS_MIN || !usual.every(hasUse)) return [];
    return longRuns(facts, (value) => value === 0, Math.ceil(86_400 / intervalSeconds));
  },
};

/** In the order in which they are asked; the first that speaks about an interval names it. */
export const CHECKS: readonly Check[] = [negative, fuse, clock, spike, stuck, stopped];

/** Intervals by the check that found them. */
export type Findings = ReadonlyMap<CheckCode, number>;

/**
 * `facts.readings` with what was found: impossible values are 0 and missing, odd ones questionable. A quality
 * that the source gave itself (missing, estimated, edited, questionable) is never made better, and
 * an odd value of such a quality keeps it.
 */
export function checkReadings(
  facts: CheckFacts,
  checks: readonly Check[] = CHECKS,
): { readonly readings: Readings; readonly findings: Findings } {
  const importMilliwattHours = Array.from(facts.readings.importMilliwattHours);
  const exportMilliwattHours = Array.from(facts.readings.exportMilliwattHours);
  const quality = Array.from(facts.readings.quality);
  const { clockStepSeconds } = facts.readings;
  const steps = clockStepSeconds && { clockStepSeconds };
  const readings: Readings = { importMilliwattHours, exportMilliwattHours, quality, ...steps };
  const findings = new Map<CheckCode, number>();
  for (const check of checks) {
    const { code, verdict } = check;
    let count = 0;
    for (const i of check.find({ ...facts, readings })) {
      if (quality[i] === QUALITY.missing) continue;
      if (verdict === "questionable" && quality[i] !== QUALITY.valid) continue;
      quality[i] = QUALITY[verdict];
      if (verdict === "missing") importMilliwattHours[i] = exportMilliwattHours[i] = 0;
      count += 1;
    }
    if (count > 0) findings.set(code, count);
  }
  return { readings, findings };
}

/** The checks whose finding a value does not survive. */
export const IMPOSSIBLE: readonly Check[] = CHECKS.filter(({ verdict }) => verdict === "missing");

const placesWhere = (count: number, holds: (index: number) => boolean): number[] =>
  Array.from({ length: count }, (_, index) => index).filter(holds);

const placesOf = (
  { importMilliwattHours, exportMilliwattHours, quality }: Readings,
  holds: (value: number) => boolean,
): number[] =>
  placesWhere(
    quality.length,
    (i) => holds(importMilliwattHours[i] ?? 0) || holds(exportMilliwattHours[i] ?? 0),
  );

const stuckIntervals = ({ intervalSeconds }: CheckFacts): number =>
  Math.max(STUCK_INTERVALS_MIN, Math.ceil(STUCK_SECONDS / intervalSeconds));

/**
 * Every interval of a run of `length` or more equal imports, the run perhaps begun the day before; an
 * interval with export is part of no run, for a house that feeds in draws nothing for hours.
 */
function longRuns(
  { readings, history }: CheckFacts,
  counts: (value: number) => boolean,
  length: number,
): number[] {
  const before = history.at(-1);
  const earlier = before?.quality.length ?? 0;
  const at = (i: number): number | undefined => {
    const day = i < earlier ? before : readings;
    const place = i < earlier ? i : i - earlier;
    const isThere = day !== undefined && day.quality[place] !== QUALITY.missing;
    return isThere && day.exportMilliwattHours[place] === 0
      ? day.importMilliwattHours[place]
      : undefined;
  };
  const end = earlier + readings.quality.length;
  const found: number[] = [];
  for (let first = 0; first < end;) {
    const value = at(first);
    let next = first + 1;
    while (next < end && at(next) === value) next += 1;
    if (value !== undefined && counts(value) && next - first >= length) {
      for (let i = Math.max(first, earlier); i < next; i++) found.push(i - earlier);
    }
    first = next;
  }
  return found;
}

function largest(values: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < values.length; i++) max = Math.max(max, values[i] ?? 0);
  return max;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
