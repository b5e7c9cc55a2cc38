/** What a seed decides before the clock starts: the calendar, what meters read, who fails when. Days count from 0. */
import type { Profile } from "@smarter-metering/protocol";
import type { Fuse } from "./life.ts";
import { Chance } from "./chance.ts";

export const HOUSEHOLDS = 6;
/** Households of each fleet: two processes, two journals. */
export const FLEETS = { east: [0, 1, 2], west: [3, 4, 5] } as const;
export type FleetName = keyof typeof FLEETS;
export const FLEET_NAMES: readonly FleetName[] = ["east", "west"];
export const PARTIES = ["concentrator", "opener", "aggregator", "trustee", "mdms"] as const;
export type PartyName = (typeof PARTIES)[number];
/** Days read: two billing windows of two days, and one day more. */
export const DAYS = 5;
export const WINDOW_DAYS = 2;
export const HOUR = 3600;

/** Short and long days among them: 30 March has 23 hours, 26 October 25. */
const START_DATES = ["2025-02-01", "2025-03-27", "2025-10-23"] as const;

export interface Crash extends Fuse {
  readonly day: number;
  /** After the end of that day. */
  readonly atSeconds: number;
  readonly process: PartyName | FleetName | "bus";
  readonly outageSeconds: number;
  /** Fleets: bytes lost at the end of the journal. */
  readonly journalBytesLost: number;
}

export interface Plan {
  readonly seed: number;
  readonly startDate: string;
  readonly intervalSeconds: number;
  readonly profile: Profile;
  /** Hours that a meter did not measure. */
  readonly missing: readonly { household: number; day: number; fromHour: number; toHour: number }[];
  /** Days whose readings come so long after their end. */
  readonly late: readonly { household: number; day: number; seconds: number }[];
  /** A reading that no fuse lets through, in this hour. */
  readonly overflow: readonly { household: number; day: number; hour: number }[];
  /** A fleet seals and cannot send from the end of that day for so long. */
  readonly down: readonly { fleet: FleetName; day: number; seconds: number }[];
  readonly crashes: readonly Crash[];
  readonly plantsBadInput: boolean;
}

export function planOf(seed: number): Plan {
  const chance = new Chance(`plan ${seed}`);
  const some = <T>(what: string, max: number, make: () => T): T[] =>
    Array.from({ length: chance.integer(what, 0, max) }, make);
  const household = (): number => chance.integer("household", 0, HOUSEHOLDS - 1);
  const day = (): number => chance.integer("day", 0, DAYS - 2);
  return {
    seed,
    startDate: chance.pick("start", START_DATES),
    // Minutes: a day does not fit into one frame.
    intervalSeconds: chance.isTrue("minutes", 0.2) ? 60 : 900,
    profile: chance.isTrue("meters encrypt", 0.3) ? "meter-encrypts" : "pes-encrypts",
    missing: some("missing", 3, () => {
      const fromHour = chance.integer("from", 0, 22);
      const toHour = chance.integer("to", fromHour + 1, 25);
      return { household: household(), day: day(), fromHour, toHour };
    }),
    late: some("late", 2, () => {
      const seconds = chance.integer("seconds", 5 * HOUR, 20 * HOUR);
      return { household: household(), day: day(), seconds };
    }),
    overflow: some("overflow", 1, () => {
      return { household: household(), day: day(), hour: chance.integer("hour", 0, 22) };
    }),
    down: some("down", 1, () => {
      const seconds = chance.integer("down seconds", 2 * HOUR, 12 * HOUR);
      return { fleet: chance.pick("fleet", FLEET_NAMES), day: day(), seconds };
    }),
    crashes: Array.from({ length: DAYS }, (_, crashDay) =>
      Array.from({ length: chance.integer("crashes", 1, 3) }, () => crashOn(crashDay, chance)),
    ).flat(),
    plantsBadInput: chance.isTrue("bad input", 0.6),
  };
}

function crashOn(day: number, chance: Chance): Crash {
  const process = chance.pick<Crash["process"]>("process", [
    ...PARTIES,
    ...FLEET_NAMES,
    ...FLEET_NAMES,
    "bus",
  ]);
  const losesJournal = chance.isTrue("journal", 0.5);
  return {
    day,
    atSeconds: chance.integer("crash at", 0, 8 * HOUR),
    process,
    operations: chance.integer("operations", 0, 12),
    afterEffect: chance.isTrue("after effect", 0.5),
    outageSeconds: chance.integer("outage", 5, 900),
    journalBytesLost: losesJournal ? chance.integer("bytes", 1, 6000) : 0,
  };
}
