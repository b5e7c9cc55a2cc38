/**
 * One seed is one history (docs/protocol.md, all of it but the customer's part): all services in one process with real cryptography over
 * a faulty network, bus, database and disk, on a simulated clock. The same seed is the same order of events, on every machine.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aggregatorMigrations } from "@smarter-metering/aggregator";
import { migrations as mdmsMigrations } from "@smarter-metering/mdms";
import { openEngine, type Engine } from "@smarter-metering/paillier";
import { makeWorld } from "../support/world.ts";
import { COMPLETENESS_MIN_BASIS_POINTS, CONTRIBUTORS_MIN, type Case } from "./check.ts";
import { foundCity, type City } from "./city.ts";
import { gather } from "./evidence.ts";
import type { FaultKind } from "./faults.ts";
import { live } from "./history.ts";
import { Measurements } from "./measurements.ts";
import { DAYS, HOUR, HOUSEHOLDS, planOf, WINDOW_DAYS } from "./plan.ts";
import { threads } from "./schedule.ts";
import { SimulatedTime } from "./simulated-clock.ts";
import { SimulatedDatabase } from "./simulated-database.ts";

/** What histories share, because it costs more than one of them. */
export interface Laboratory {
  /** Of all parties, each with its own tables; emptied before each history. */
  readonly database: SimulatedDatabase;
  readonly engine: Engine;
  close(): Promise<void>;
}

export async function openLaboratory(): Promise<Laboratory> {
  const database = await SimulatedDatabase.open();
  const { engine } = await openEngine({ threads: 1 });
  const laboratory = {
    database,
    engine: inThreads(engine),
    async close() {
      await Promise.all([database.close(), engine.close()]);
    },
  };
  // All tables are made by now: the first history is like any other.
  await simulate(FOUNDING_SEED, laboratory, { untilEvent: 0 });
  return laboratory;
}

/** Of a history whose bus is in the database, too. */
const FOUNDING_SEED = 8;

/** An engine whose threads the schedule waits for. */
export function inThreads(engine: Engine): Engine {
  return new Proxy(engine, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown =>
        threads.during(async () => Reflect.apply(value, target, args) as unknown);
    },
  });
}

export interface SimulateOptions {
  /** Ends the history after so many of its events, to find the one that matters. */
  readonly untilEvent?: number;
  readonly onEvent?: (event: string) => void;
}

/** Runs the history of a seed. */
export async function simulate(
  seed: number,
  { database, engine }: Pick<Laboratory, "database" | "engine">,
  { untilEvent, onEvent }: SimulateOptions = {},
): Promise<Case> {
  const plan = planOf(seed);
  const world = await makeWorld({
    households: HOUSEHOLDS,
    startDate: plan.startDate,
    intervalSeconds: plan.intervalSeconds,
    loadIntervalSeconds: HOUR,
    profile: plan.profile,
    ...(plan.trustees.length > 1 && { quorum: { threshold: 2, trustees: plan.trustees.length } }),
    policy: {
      contributorsMin: CONTRIBUTORS_MIN,
      completenessMinBasisPoints: COMPLETENESS_MIN_BASIS_POINTS,
      billWindowDaysMin: WINDOW_DAYS,
      billGrid: { unit: "day", days: WINDOW_DAYS },
      // No band holds for sixty hours of so short a window.
      bandIntervalsMin: 0,
    },
  });
  await database.found("aggregator", { aggregator: aggregatorMigrations });
  await database.found("mdms", { mdms: mdmsMigrations });
  await database.empty();
  const days = Array.from({ length: DAYS + 1 }, (_, day) => world.dayStart(day));
  const measurements = new Measurements(plan, days);
  const folder = mkdtempSync(join(inMemory(), "smarter-metering-simulation-"));
  const surprises: string[] = [];
  const log = createHash("sha256");
  let events = 0;
  const time = new SimulatedTime((world.startSeconds + HOUR) * 1000, (error) => {
    surprises.push(`a timer failed: ${String(error)}`);
  });
  const note = (event: string): void => {
    const line = `${(time.nowMs() / 1000 - world.startSeconds).toFixed(3)} ${event}\n`;
    log.update(line);
    events += 1;
    onEvent?.(line);
  };
  let city: City | undefined;
  try {
    const made = { plan, world, database, engine, folder, time, measurements, onEvent: note };
    city = await foundCity(made);
    const notes = await live(city, untilEvent);
    notes.surprises.push(...surprises);
    const evidence = await gather(city, notes);
    const { counts } = city.faults;
    return {
      plan,
      world,
      measurements,
      evidence,
      faults: counts,
      events,
      digest: log.digest("hex"),
    };
  } finally {
    for (const process of city?.processes ?? []) await process.end();
    await city?.bus.close();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where files cost nothing: what a power loss does to them is simulated. */
const inMemory = (): string => (existsSync("/dev/shm") ? "/dev/shm" : tmpdir());

/** What a history was like, for who watches a soak. */
export function summaryOf({ evidence, plan, faults, events }: Case): string {
  const { loads, sets, statements, frames, dead, conflicts } = evidence;
  const late = evidence.tally("LOAD", "late");
  const duplicates = evidence.tally("LOAD", "duplicate") + evidence.tally("BILL", "duplicate");
  const forked = [...frames.values()].filter((frame) => frame.forked).length;
  const counted = (kind: FaultKind): string => `${faults.get(kind) ?? 0} × ${kind}`;
  return [
    `${plan.profile}, ${plan.bus}, ${plan.startDate} at ${plan.intervalSeconds} s`,
    `${events} events`,
    `${plan.openers.length} openers, ${plan.trustees.length} trustees`,
    `${loads.length} of ${sets.length} blocks`,
    `${statements.length} statements`,
    `${frames.size} frames (${forked} forked)`,
    `${duplicates} duplicates, ${late} late, ${conflicts} in conflict, ${dead.length} dead letters`,
    ...[...faults.keys()].toSorted().map(counted),
  ].join(", ");
}

export const replayCommand = (seed: number): string =>
  `node --import tsx test/simulation/run.ts --seed ${seed}`;
