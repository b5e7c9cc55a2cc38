/**
 * Where a gap begins and ends, over as many days as it lasts, and what is known about it
 * (docs/quality.md). Plaintext.
 */
import { bandsOf } from "@smarter-metering/tariff";
import { energyMax, QUALITY } from "./checks.ts";
import { estimateGap, usualAt } from "./gap.ts";
import type { MeasuredDays } from "./measured-days.ts";
import { blockEndOf } from "./position.ts";
import type { Readings } from "./source.ts";

/** A longer gap stays missing. */
const GAP_DAYS_MAX = 62;

export type UnknownGap =
  /** Nobody read the registers on both sides. */
  | "GAP_UNKNOWN"
  /** Somebody did, and what they say cannot be. */
  | "GAP_CONTRADICTED";

/** A run of missing intervals, in epoch seconds. */
export interface MissingSpan {
  readonly from: number;
  readonly to: number;
}

/** Places [first, end) of the runs of missing intervals. */
export function missingRuns({ quality }: Readings): { first: number; end: number }[] {
  const runs: { first: number; end: number }[] = [];
  for (let i = 0; i < quality.length; i++) {
    if (quality[i] !== QUALITY.missing) continue;
    const last = runs.at(-1);
    if (last?.end === i) last.end = i + 1;
    else runs.push({ first: i, end: i + 1 });
  }
  return runs;
}

/**
 * The estimate of `span`, a run of missing intervals of one day, as a part of the whole gap: from the
 * last reading of the registers before it to the first after it. A reading at a midnight inside
 * parts the gap there.
 */
export function estimateSpan(span: MissingSpan, days: MeasuredDays): Readings | UnknownGap {
  if (days.source.registersAt === undefined) return "GAP_UNKNOWN";
  const { calendar, intervalSeconds, zone } = days.terms;
  const from = gapStart(span.from, days);
  const to = gapEnd(span.to, days);
  const registersBefore = from === undefined ? undefined : days.source.registersAt(from);
  const registersAfter = to === undefined ? undefined : days.source.registersAt(to);
  if (from === undefined || to === undefined) return "GAP_UNKNOWN";
  if (registersBefore === undefined || registersAfter === undefined) return "GAP_UNKNOWN";
  const count = (to - from) / intervalSeconds;
  const history = days.before(days.startOf(from));
  const slots = slotsFrom(from, count, days);
  const whole = estimateGap({
    bands: bandsOf(calendar, from, intervalSeconds, count, zone),
    exportRegister: calendar.bands.length,
    registersBefore,
    registersAfter,
    importWeights: slots.map((slot) => usualAt(history, slot, "importMilliwattHours")),
    exportWeights: slots.map((slot) => usualAt(history, slot, "exportMilliwattHours")),
    energyMax: energyMax(days.terms),
  });
  if (whole === undefined) return "GAP_CONTRADICTED";
  const first = (span.from - from) / intervalSeconds;
  const end = (span.to - from) / intervalSeconds;
  const cut = (values: ArrayLike<number>): number[] => Array.from(values).slice(first, end);
  return {
    importMilliwattHours: cut(whole.importMilliwattHours),
    exportMilliwattHours: cut(whole.exportMilliwattHours),
    quality: cut(whole.quality),
  };
}

/** Undefined when no day within reach tells. */
function gapStart(from: number, days: MeasuredDays): number | undefined {
  const { installedAt, intervalSeconds } = days.terms;
  let start = from;
  for (let reach = 0; reach < GAP_DAYS_MAX; reach++) {
    const isMidnight = days.startOf(start) === start;
    const isKnown = days.source.registersAt?.(start) !== undefined;
    if (!isMidnight || isKnown || start <= installedAt) return start;
    const day = days.at(days.startOf(start - 1));
    if (day === undefined) return undefined;
    const last = missingRuns(day).at(-1);
    if (last?.end !== day.quality.length) return start;
    start -= (last.end - last.first) * intervalSeconds;
  }
  return undefined;
}

function gapEnd(to: number, days: MeasuredDays): number | undefined {
  let end = to;
  for (let reach = 0; reach < GAP_DAYS_MAX; reach++) {
    const isMidnight = days.startOf(end) === end;
    if (!isMidnight || days.source.registersAt?.(end) !== undefined) return end;
    const day = days.at(end);
    if (day === undefined) return undefined;
    const [first] = missingRuns(day);
    if (first?.first !== 0) return end;
    end += first.end * days.terms.intervalSeconds;
  }
  return undefined;
}

/** Each interval's place in its own local day. */
function slotsFrom(from: number, count: number, days: MeasuredDays): number[] {
  const { intervalSeconds } = days.terms;
  let dayStart = days.startOf(from);
  let dayEnd = blockEndOf(days.terms, dayStart);
  return Array.from({ length: count }, (_, index) => {
    const at = from + index * intervalSeconds;
    if (at >= dayEnd) {
      dayStart = dayEnd;
      dayEnd = blockEndOf(days.terms, dayStart);
    }
    return (at - dayStart) / intervalSeconds;
  });
}
