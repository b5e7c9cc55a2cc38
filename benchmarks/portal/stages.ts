/**
 * What the portal's worker does with a year of sealed frames, stage by stage, timed. The same code runs in Node and, bundled, in a worker of
 * Chromium.
 */
import {
  calendarSpans,
  keyFigures,
  loadFigures,
  LoadPyramid,
  loadReadings,
  ReadingStore,
  type LoadColumns,
} from "@smarter-metering/customer";
import { recipientSecret } from "@smarter-metering/protocol";
import type { SealedYear } from "./packed-year.ts";

export const ZONE = "Europe/Luxembourg";
export const MINUTE_SECONDS = 60;
/** As wide as the chart of a large screen. */
const COLUMNS = 1200;
const PANS = 200;
const PAN_SECONDS = 37 * MINUTE_SECONDS;

/** Milliseconds by stage. */
export type Stages = Record<string, number>;

/** `show` gets what is painted first, as soon as it is there. */
export async function measureYear(
  year: SealedYear,
  show: (columns: LoadColumns) => void,
): Promise<Stages> {
  const stages: Stages = {};
  let started = performance.now();
  const lap = (name: string, times = 1): void => {
    const now = performance.now();
    stages[name] = (now - started) / times;
    started = now;
  };
  const secret = await recipientSecret(year.spki, year.pkcs8);
  const meters = [{ ...year, statementSecret: new Uint8Array(32) }];
  const store = new ReadingStore();
  const findings = await loadReadings(store, meters, secret, year);
  lap("verify, decrypt, decode");
  if (Object.values(findings).some((count) => count > 0)) throw new Error("a frame did not open");
  const { series } = store;
  lap("series");
  const pyramid = new LoadPyramid(series, "import");
  lap("pyramid");
  show(pyramid.columns(year, COLUMNS));
  lap("first columns");
  for (const month of calendarSpans("month", year, ZONE)) loadFigures(series, month);
  lap("figures of the months");
  for (const day of calendarSpans("day", year, ZONE)) loadFigures(series, day);
  lap("figures of the days");
  keyFigures(series, year, { zone: ZONE });
  lap("key figures with base load");
  for (let pan = 0; pan < PANS; pan++) {
    const from = year.from + pan * PAN_SECONDS;
    pyramid.columns({ from, to: from + (year.to - year.from) / 2 }, COLUMNS);
  }
  lap("columns of one pan", PANS);
  return stages;
}
