/**
 * A meter's source as the meter believes it (docs/quality.md): every day checked against the days
 * before it, gaps estimated where the device's registers are known on both sides. All of it follows
 * from what the source says, so that a meter that seals a day again seals the same. Plaintext.
 */
import { checkReadings, type CheckCode } from "./checks.ts";
import { checkLength } from "./frame-values.ts";
import { estimateSpan, missingRuns, type UnknownGap } from "./gap-search.ts";
import { MeasuredDays, type SourceTerms } from "./measured-days.ts";
import type { MeterSource, Readings } from "./source.ts";

export type FindingCode = CheckCode | UnknownGap | "GAP_ESTIMATED";

/** Told once about a day that is asked for to be sealed: how many intervals, never which. */
export type OnFinding = (code: FindingCode, intervals: number) => void;

/**
 * `live` is checked alike, but its gaps wait for the whole day: its frames are dropped when their
 * BLOCK comes. Throws METER_SOURCE for readings of another length than was asked for.
 */
export function validatedSource(
  source: MeterSource,
  terms: SourceTerms,
  onFinding: OnFinding,
): MeterSource {
  const days = new MeasuredDays(source, terms);
  let last: { readonly blockStart: number; readonly day: Readings } | undefined;
  return {
    day(blockStart) {
      // A day that is sealed in parts is asked for once for each.
      if (last?.blockStart === blockStart) return last.day;
      const day = sealable(blockStart, days, onFinding);
      last = day && { blockStart, day };
      return day;
    },
    live(fromSeconds, toSeconds) {
      const readings = source.live(fromSeconds, toSeconds);
      const count = (toSeconds - fromSeconds) / terms.intervalSeconds;
      if (readings === undefined || !Number.isInteger(count)) return readings;
      checkLength(readings, count);
      const history = days.before(days.startOf(fromSeconds));
      return checkReadings({ ...terms, readings, history }).readings;
    },
  };
}

function sealable(
  blockStart: number,
  days: MeasuredDays,
  onFinding: OnFinding,
): Readings | undefined {
  const raw = days.raw(blockStart);
  if (raw === undefined) return undefined;
  const facts = { ...days.terms, readings: raw, history: days.before(blockStart) };
  const { readings, findings } = checkReadings(facts);
  for (const [code, intervals] of findings) onFinding(code, intervals);
  const importMilliwattHours = Array.from(readings.importMilliwattHours);
  const exportMilliwattHours = Array.from(readings.exportMilliwattHours);
  const quality = Array.from(readings.quality);
  const { intervalSeconds } = days.terms;
  const [served, left] = servedSlots(blockStart, days.terms);
  for (const run of missingRuns(readings)) {
    const [first, end] = [Math.max(run.first, served), Math.min(run.end, left)];
    if (first >= end) continue;
    const from = blockStart + first * intervalSeconds;
    const estimate = estimateSpan({ from, to: blockStart + end * intervalSeconds }, days);
    const isKnown = typeof estimate !== "string";
    onFinding(isKnown ? "GAP_ESTIMATED" : estimate, end - first);
    if (!isKnown) continue;
    for (let i = first; i < end; i++) {
      importMilliwattHours[i] = estimate.importMilliwattHours[i - first] ?? 0;
      exportMilliwattHours[i] = estimate.exportMilliwattHours[i - first] ?? 0;
      quality[i] = estimate.quality[i - first] ?? 0;
    }
  }
  return { importMilliwattHours, exportMilliwattHours, quality };
}

/** The slots of a day from which on, and up to which, the meter was there. */
function servedSlots(
  blockStart: number,
  { installedAt, servedUntil = Infinity, intervalSeconds }: SourceTerms,
): readonly [from: number, to: number] {
  return [
    (installedAt - blockStart) / intervalSeconds,
    (servedUntil - blockStart) / intervalSeconds,
  ];
}
