/**
 * Readings of a made-up neighbourhood as a file for `demo --data`: a day on which too few of its meters measured, so that its load is
 * refused, and days after the loaded ones, so that a demonstration goes on. Plain arithmetic: the same file every time.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../e2e/command-line.ts";

export interface Neighbourhood {
  readonly households: number;
  /** Days of readings; those that `demo --days` leaves over are live. */
  readonly days: number;
  /** On the day of this index only the first `measuring` households have readings. */
  readonly gap: { readonly day: number; readonly measuring: number };
}

/** 2026-10-01T00:00 in Europe/Zurich: a month with an hour that comes twice. */
const START_MS = Date.parse("2026-09-30T22:00:00Z");
const INTERVAL_MS = 900_000;
/** Summer time ends at this instant: the day that ends after it has an hour more. */
const AUTUMN_MS = Date.parse("2026-10-25T01:00:00Z");
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const dayStart = (day: number): number => {
  const plain = START_MS + DAY_MS * day;
  return plain > AUTUMN_MS ? plain + HOUR_MS : plain;
};

/** Watts at an instant: a base, an evening peak, and something of the household's own. */
function powerWatts(household: number, timeMs: number): number {
  const hour = ((timeMs - START_MS) / HOUR_MS) % 24;
  const evening = Math.max(0, 1 - Math.abs(hour - 19) / 3);
  return Math.round(120 + 15 * household + 900 * evening + 40 * ((household * 7 + hour) % 5));
}

/** Gives the path. */
export function writeNeighbourhood({ households, days, gap }: Neighbourhood): string {
  const lines = ["household,time,Wh"];
  for (let household = 0; household < households; household++) {
    const label = `s${String(household + 1).padStart(3, "0")}`;
    for (let time = START_MS; time < dayStart(days); time += INTERVAL_MS) {
      const isGap = time >= dayStart(gap.day) && time < dayStart(gap.day + 1);
      if (isGap && household >= gap.measuring) continue;
      const wattHours = powerWatts(household, time) / (HOUR_MS / INTERVAL_MS);
      lines.push(`${label},${new Date(time).toISOString()},${wattHours}`);
    }
  }
  const path = join(temporaryFolder(), "neighbourhood.csv");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}
