/**
 * The load that never goes away: refrigerator, standby, pumps. As Price defines it for a day, "near-base load": the 2.5th percentile of the
 * day's load in quarters of an hour (P. Price, Methods for Analyzing Electric Load Shape and its Variability, LBNL-3713E, 2010); of a period
 * the median of its days, so that a week of holidays does not make it. Pure; runs at the customer.
 */
import type { Span } from "../bill-window.ts";
import { calendarSpans, periodAt } from "./calendar-spans.ts";
import { MISSING, runsIn, wattsOf, type ReadingRun, type ReadingSeries } from "./reading-series.ts";

const PERCENTILE = 0.025;
const QUARTER_SECONDS = 900;
/** A day that fed in hides its base load behind its own generation while the sun shines: the hours after midnight tell. */
const NIGHT_SECONDS = 5 * 3600;

export interface BaseLoad {
  readonly watts: number;
  /** The complete days that it rests on. */
  readonly days: number;
}

/** Of the complete local days in a span; undefined when there is none. Throws ZONE_UNKNOWN. */
export function baseLoad(series: ReadingSeries, span: Span, zone: string): BaseLoad | undefined {
  // A span that does not begin and end at midnights cuts its first and last day.
  const days = calendarSpans("day", span, zone).filter((day) => {
    const whole = periodAt("day", day.from, zone);
    return whole.from === day.from && whole.to === day.to;
  });
  const watts = days.flatMap((day) => dayBaseWatts(series, day) ?? []);
  const sorted = Float64Array.from(watts).sort();
  const { length } = sorted;
  if (length === 0) return undefined;
  const [low, high] = [sorted[(length - 1) >> 1] ?? 0, sorted[length >> 1] ?? 0];
  return { watts: (low + high) / 2, days: length };
}

/** Undefined for a day with a gap: one comes where there is no current, too. */
function dayBaseWatts(series: ReadingSeries, day: Span): number | undefined {
  const runs = runsIn(series, day);
  let covered = 0;
  let hasExport = false;
  for (const { intervalSeconds, quality, exportMilliwattHours } of runs) {
    if (quality.includes(MISSING)) return undefined;
    covered += intervalSeconds * quality.length;
    hasExport ||= exportMilliwattHours.some((energy) => energy > 0);
  }
  if (covered !== day.to - day.from) return undefined;
  const to = hasExport ? day.from + NIGHT_SECONDS : day.to;
  const watts = quarterWatts(runsIn(runs, { from: day.from, to }), day.from).sort();
  return watts[Math.ceil(PERCENTILE * watts.length) - 1];
}

/** Mean power of each quarter of an hour, or of each interval where they do not make up quarters. */
function quarterWatts(runs: readonly ReadingRun[], from: number): Float64Array {
  const watts: number[] = [];
  const energies = new Map<number, number>();
  for (const { startSeconds, intervalSeconds, importMilliwattHours } of runs) {
    const isPart = QUARTER_SECONDS % intervalSeconds === 0;
    for (const [index, energy] of importMilliwattHours.entries()) {
      if (isPart) {
        const place = Math.floor((startSeconds + index * intervalSeconds - from) / QUARTER_SECONDS);
        energies.set(place, (energies.get(place) ?? 0) + energy);
      } else watts.push(wattsOf(energy, intervalSeconds));
    }
  }
  for (const energy of energies.values()) watts.push(wattsOf(energy, QUARTER_SECONDS));
  return Float64Array.from(watts);
}
