/** A day, week, month or year as bars, figures and cost, beside the one before it (docs/protocol.md §1.4). Pure. */
import {
  alignSpans,
  calendarSpans,
  earlierPeriod,
  keyFigures,
  loadFigures,
  periodAt,
  type CalendarUnit,
  type LoadFigures,
  type ReadingSeries,
} from "@smarter-metering/customer";
import { localDate } from "@smarter-metering/tariff";
import type { Costs } from "./costs.ts";
import type { Bar, Coverage, Figures, Period, Range, Span } from "./messages.ts";

const BAR_UNITS: Readonly<Record<Span, CalendarUnit>> = {
  day: "hour",
  week: "day",
  month: "day",
  year: "month",
};
/** With more of it missing, the period before is no measure. */
const MISSING_SHARE_MAX = 0.1;

export interface Household {
  readonly series: ReadingSeries;
  readonly zone: string;
  /** End of the newest reading. */
  readonly newest: number | undefined;
  /** Undefined without a tariff. */
  readonly costs: Costs | undefined;
}

/** The period and the one before it: what has to be loaded. */
export function spansOf(span: Span, instant: number, zone: string): { own: Range; before: Range } {
  const own = periodAt(span, instant, zone);
  return { own, before: earlierPeriod(span, own, "previous", zone) };
}

export function periodOf(span: Span, instant: number, household: Household): Period {
  const { series, zone, newest, costs } = household;
  const { own, before } = spansOf(span, instant, zone);
  const unit = BAR_UNITS[span];
  const places = calendarSpans(unit, own, zone);
  const earlier = calendarSpans(unit, before, zone);
  const aligned = alignSpans(unit, places, earlier, zone);
  const earlierOf = (index: number): Range | undefined => earlier[aligned[index] ?? -1];
  const there = thereOf(household);
  const bars = places.map((place, index): Bar => {
    const figures = loadFigures(series, overlap(place, there));
    const then = earlierOf(index);
    const thenFigures = then && loadFigures(series, then);
    return {
      ...place,
      imported: isKnown(figures) ? figures.importMilliwattHours : null,
      exported: isKnown(figures) ? figures.exportMilliwattHours : null,
      before:
        thenFigures !== undefined && isKnown(thenFigures) ? thenFigures.importMilliwattHours : null,
      coverage: coverageOf(figures),
      cost: isKnown(figures) ? (costs?.energy(place) ?? null) : null,
      price: unit === "hour" ? (costs?.price(place.from) ?? null) : null,
      peakWatts: figures.importPeak?.watts ?? null,
    };
  });
  const stretch = places.flatMap((place, index) => {
    const then = earlierOf(index);
    const end = Math.min(place.to, newest ?? place.to);
    if (then === undefined || end <= place.from) return [];
    return [{ from: then.from, to: Math.min(then.to, then.from + end - place.from) }];
  });
  const so = overlap(own, there);
  return {
    span,
    zone,
    ...own,
    date: localDate(own.from, zone),
    earlierDate: localDate(before.from, zone),
    laterDate: localDate(own.to, zone),
    earlierFrom: before.from,
    newest: newest ?? null,
    bars,
    figures: figuresOf(household, so, stretch),
    cost: costs?.of(so) ?? null,
  };
}

function figuresOf(
  { series, zone, costs }: Household,
  span: Range,
  stretch: readonly Range[],
): Figures {
  const calendar = costs?.calendar;
  const figures = keyFigures(series, span, { zone, ...(calendar !== undefined && { calendar }) });
  const { importPeak, baseLoad, bands } = figures;
  return {
    imported: figures.importMilliwattHours,
    exported: figures.exportMilliwattHours,
    before: sumOf(series, stretch),
    peak:
      importPeak === undefined ? null : { watts: importPeak.watts, at: importPeak.startSeconds },
    baseLoadWatts: baseLoad?.watts ?? null,
    bands: bands.map(({ band, importMilliwattHours }) => {
      return { name: band, imported: importMilliwattHours };
    }),
    coverage: coverageOf(figures),
  };
}

function sumOf(series: ReadingSeries, spans: readonly Range[]): number | null {
  const parts = spans.map((span) => loadFigures(series, span));
  const missing = parts.reduce((sum, { coverage }) => sum + coverage.missingSeconds, 0);
  const all = spans.reduce((sum, { from, to }) => sum + to - from, 0);
  if (all === 0 || missing > MISSING_SHARE_MAX * all) return null;
  return parts.reduce((sum, { importMilliwattHours }) => sum + importMilliwattHours, 0);
}

/**
 * From the first reading there is to the newest: what is before or after is no gap. Of whoever has no readings in the period before either,
 * which is always in memory, the first one is where it all began.
 */
const thereOf = ({ series, newest }: Household): Range => {
  return { from: series[0]?.startSeconds ?? 0, to: newest ?? 0 };
};

const overlap = (span: Range, { from, to }: Range): Range => {
  const start = Math.min(Math.max(span.from, from), span.to);
  return { from: start, to: Math.max(start, Math.min(span.to, to)) };
};

const isKnown = ({ coverage }: LoadFigures): boolean =>
  coverage.measuredSeconds + coverage.estimatedSeconds > 0;

const coverageOf = ({ coverage }: LoadFigures): Coverage => {
  const { measuredSeconds: measured, estimatedSeconds: estimated } = coverage;
  return { measured, estimated, missing: coverage.missingSeconds };
};
