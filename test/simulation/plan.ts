/**
 * What a seed decides before the clock starts: the calendar, what meters read, who runs, what fails when and how often. Days count from 0.
 * Not every history has every fault: what two faults hide from each other, one of them shows.
 */
import type { Profile } from "@smarter-metering/protocol";
import { Chance } from "./chance.ts";
import type { Fuse } from "./life.ts";

export const HOUSEHOLDS = 6;
/** Households of each fleet: two processes, two journals. */
export const FLEETS = { east: [0, 1, 2], west: [3, 4, 5] } as const;
export type FleetName = keyof typeof FLEETS;
export const FLEET_NAMES: readonly FleetName[] = ["east", "west"];
export type PartyName =
  | "concentrator"
  | "opener"
  | "opener 2"
  | "aggregator"
  | "trustee"
  | "trustee-1"
  | "trustee-2"
  | "trustee-3"
  | "mdms";
export type ProcessName = PartyName | FleetName;
export type PeerName = "bus" | "store" | "registry" | "concentrator";
/** Days read: two billing windows of two days, and one day more. */
export const DAYS = 5;
export const WINDOW_DAYS = 2;
export const HOUR = 3600;

/** Short and long days among them: 30 March has 23 hours, 26 October 25. */
const START_DATES = ["2025-02-01", "2025-03-27", "2025-10-23"] as const;

/** Of the faults that may come at any call: how often. */
export interface Knobs {
  readonly drop: number;
  readonly delay: number;
  readonly duplicate: number;
  readonly reorder: number;
}
const KNOB_MAX: Knobs = { drop: 0.08, delay: 0.05, duplicate: 0.2, reorder: 0.4 };

/** Seconds after the start of the history. */
export interface Window {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

export interface Crash extends Fuse {
  readonly day: number;
  /** After the end of that day. */
  readonly atSeconds: number;
  readonly process: ProcessName | "bus";
  readonly outageSeconds: number;
  /** What was not fsynced is lost, too. */
  readonly losesPower: boolean;
  /** Fleets: bytes that a lying disk loses at the end of the journal. */
  readonly journalBytesLost: number;
}

export interface Plan {
  readonly seed: number;
  readonly startDate: string;
  readonly intervalSeconds: number;
  readonly profile: Profile;
  /** The bus: in a database, or a server of its own. */
  readonly bus: "embedded" | "streams";
  readonly streamsAreSmall: boolean;
  readonly openers: readonly PartyName[];
  /** Who holds shares of the key; one holds all of it. */
  readonly trustees: readonly PartyName[];
  /** Hours that a meter did not measure. */
  readonly missing: readonly { household: number; day: number; fromHour: number; toHour: number }[];
  /** Days whose readings come so long after their end. */
  readonly late: readonly { household: number; day: number; seconds: number }[];
  /** A reading that no fuse lets through, in this hour. */
  readonly overflow: readonly { household: number; day: number; hour: number }[];
  readonly plantsBadInput: boolean;
  readonly knobs: Knobs;
  readonly partitions: readonly (Window & { between: readonly [ProcessName, PeerName] })[];
  readonly diskFull: readonly (Window & { process: ProcessName })[];
  readonly slow: readonly (Window & { process: ProcessName })[];
  readonly clockJumps: readonly { process: ProcessName; atSeconds: number; jumpSeconds: number }[];
  readonly crashes: readonly Crash[];
  /**
   * A database that never fsyncs, or a single stream server, loses its last seconds with the power: after that much more may be missing,
   * and the checks are those of docs/operating.md, "What survives what".
   */
  readonly unsafeLoss: UnsafeLoss | undefined;
}

export interface UnsafeLoss {
  readonly process: "bus" | "concentrator" | "aggregator" | "mdms";
  readonly day: number;
  readonly atSeconds: number;
  readonly secondsLost: number;
}

const DAY = 24 * HOUR;
/** Below the future tolerance of any party, and above it. */
const JUMP_SECONDS_MAX = 1800;

export function planOf(seed: number): Plan {
  const chance = new Chance(`plan ${seed}`);
  const some = <T>(what: string, max: number, make: () => T): T[] =>
    Array.from({ length: chance.integer(what, 0, max) }, make);
  const household = (): number => chance.integer("household", 0, HOUSEHOLDS - 1);
  const day = (): number => chance.integer("day", 0, DAYS - 2);
  const profile = chance.isTrue("meters encrypt", 0.25) ? "meter-encrypts" : "pes-encrypts";
  const openers = openersOf(profile, chance.isTrue("two openers", 0.4));
  const trustees = trusteesOf(chance.isTrue("shares", 0.15));
  const parties: readonly PartyName[] = [
    "concentrator",
    ...openers,
    "aggregator",
    ...trustees,
    "mdms",
  ];
  const anybody = (): ProcessName =>
    chance.pick("who", [...parties, ...FLEET_NAMES, ...FLEET_NAMES]);
  const window = (secondsMax: number): Window => {
    const fromSeconds = chance.integer("from", DAY, (DAYS + 1) * DAY);
    return { fromSeconds, toSeconds: fromSeconds + chance.integer("seconds", 60, secondsMax) };
  };
  const level = (knob: keyof Knobs): number =>
    KNOB_MAX[knob] * chance.pick(`knob ${knob}`, [0, 0.3, 1]);
  const withStore: readonly ProcessName[] = ["concentrator", "aggregator", "mdms"];
  return {
    seed,
    startDate: chance.pick("start", START_DATES),
    // Minutes: a day does not fit into one frame.
    intervalSeconds: chance.isTrue("minutes", 0.1) ? 60 : 900,
    profile,
    bus: chance.isTrue("streams", 0.6) ? "streams" : "embedded",
    streamsAreSmall: chance.isTrue("small", 0.4),
    openers,
    trustees,
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
    plantsBadInput: chance.isTrue("bad input", 0.5),
    knobs: {
      drop: level("drop"),
      delay: level("delay"),
      duplicate: level("duplicate"),
      reorder: level("reorder"),
    },
    partitions: some("partitions", 3, () => {
      const who = anybody();
      return { ...window(2 * HOUR), between: [who, peerOf(who, chance)] };
    }),
    diskFull: some("disk full", 2, () => {
      const keepers = [...withStore, ...trustees, ...FLEET_NAMES];
      return { ...window(HOUR), process: chance.pick("keeper", keepers) };
    }),
    slow: some("slow", 2, () => {
      const consumers = [...openers, "aggregator", ...trustees, "mdms"] as const;
      return { ...window(6 * HOUR), process: chance.pick("consumer", consumers) };
    }),
    clockJumps: some("jumps", 2, () => {
      const jumpSeconds = chance.integer("jump", -JUMP_SECONDS_MAX, JUMP_SECONDS_MAX);
      const atSeconds = chance.integer("jump at", DAY, (DAYS + 1) * DAY);
      return { process: anybody(), atSeconds, jumpSeconds };
    }),
    crashes: Array.from({ length: DAYS }, (_, crashDay) =>
      Array.from({ length: chance.integer("crashes", 1, 3) }, () =>
        crashOn(crashDay, [...parties, ...FLEET_NAMES, ...FLEET_NAMES, "bus"], chance),
      ),
    ).flat(),
    unsafeLoss: chance.isTrue("unsafe", 0.12) ? unsafeLoss(chance) : undefined,
  };
}

const openersOf = (profile: Profile, areTwo: boolean): readonly PartyName[] => {
  /** Where meters encrypt for themselves, nobody starts one. */
  if (profile === "meter-encrypts") return [];
  return areTwo ? ["opener", "opener 2"] : ["opener"];
};

const trusteesOf = (areThree: boolean): readonly PartyName[] =>
  areThree ? ["trustee-1", "trustee-2", "trustee-3"] : ["trustee"];

/** Whom a process talks to. */
function peerOf(who: ProcessName, chance: Chance): PeerName {
  if (who === "east" || who === "west") return "concentrator";
  const hasStore = who === "concentrator" || who === "aggregator" || who === "mdms";
  return chance.pick("peer", hasStore ? ["bus", "store", "registry"] : ["bus", "registry"]);
}

function crashOn(day: number, processes: readonly Crash["process"][], chance: Chance): Crash {
  const process = chance.pick("process", processes);
  const isFleet = process === "east" || process === "west";
  return {
    day,
    atSeconds: chance.integer("crash at", 0, 8 * HOUR),
    process,
    operations: chance.integer("operations", 0, 25),
    afterEffect: chance.isTrue("after effect", 0.5),
    outageSeconds: chance.integer("outage", 5, 900),
    losesPower: chance.isTrue("power", 0.5),
    journalBytesLost:
      isFleet && chance.isTrue("journal", 0.15) ? chance.integer("bytes", 1, 6000) : 0,
  };
}

function unsafeLoss(chance: Chance): UnsafeLoss {
  return {
    process: chance.pick("unsafe who", ["bus", "concentrator", "aggregator", "mdms"]),
    day: chance.integer("unsafe day", 1, DAYS - 1),
    atSeconds: chance.integer("unsafe at", HOUR, 8 * HOUR),
    secondsLost: chance.integer("unsafe seconds", 1, 3600),
  };
}
