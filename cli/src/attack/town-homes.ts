/** The homes of the attacked deployment: readings that are each their own, so that one that turns up anywhere is known for whose it is. */
import { writeFileSync } from "node:fs";

export const ZONE = "Europe/Zurich";
/** Sunday 1 February 2026, local midnight: a month of exactly 28 days, without a change of the clocks. */
export const START_SECONDS = Date.parse("2026-01-31T23:00:00Z") / 1000;
const DAY_SECONDS = 86_400;
export const SLOT_SECONDS = 900;
export const SLOTS = DAY_SECONDS / SLOT_SECONDS;

/** The beginning of a day of the town, epoch seconds. */
export const instantOfDay = (day: number): number => START_SECONDS + DAY_SECONDS * day;

export interface Home {
  readonly label: string;
  /** mWh in every quarter of an hour from START_SECONDS on. */
  readonly milliwattHours: readonly number[];
}

/** Numbers from 0 to 2³¹ − 3 by Park and Miller: the same ones for the same seed. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state - 1;
  };
}

/** Between 4 and 36 kW, every value of seven digits in mWh. */
export function plantedHomes(count: number, days: number): Home[] {
  const next = numbersFrom(48_271);
  return Array.from({ length: count }, (_, index) => ({
    label: `home-${String(index + 1).padStart(2, "0")}`,
    milliwattHours: Array.from({ length: SLOTS * days }, () => 1_000_000 + (next() % 8_000_000)),
  }));
}

/** As a file that the demonstration reads. */
export function writeHomes(path: string, homes: readonly Home[]): void {
  const lines = ["household,timestamp,kw"];
  for (const { label, milliwattHours } of homes) {
    for (const [slot, energy] of milliwattHours.entries()) {
      const at = new Date(1000 * (START_SECONDS + SLOT_SECONDS * slot)).toISOString();
      lines.push(`${label},${at},${((4 * energy) / 1e6).toFixed(6)}`);
    }
  }
  writeFileSync(path, `${lines.join("\n")}\n`);
}

/** What the meter contributes to LOAD in a day, whole Wh: the register rounded down telescopes (docs/protocol.md §1.4). */
export function wattHoursOf({ milliwattHours }: Home, day: number): number[] {
  let register = milliwattHours.slice(0, SLOTS * day).reduce((sum, energy) => sum + energy, 0);
  return milliwattHours.slice(SLOTS * day, SLOTS * (day + 1)).map((energy) => {
    const before = Math.floor(register / 1000);
    register += energy;
    return Math.floor(register / 1000) - before;
  });
}

/** mWh used between the beginnings of two days: the sum over a bill's bands. */
export const usedBetween = ({ milliwattHours }: Home, fromDay: number, toDay: number): number =>
  milliwattHours.slice(SLOTS * fromDay, SLOTS * toDay).reduce((sum, energy) => sum + energy, 0);
