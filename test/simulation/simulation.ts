/**
 * One seed is one history (docs/protocol.md, all of it but the customer's part): all services in one process with real cryptography over
 * a faulty network, bus and store, on a simulated clock. Threads are real: a replay meets the same faults, not the same interleaving.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPortableEngine, type Engine } from "@smarter-metering/paillier";
import { openStore, type Store } from "@smarter-metering/runtime";
import { makeWorld } from "../support/world.ts";
import { COMPLETENESS_MIN_BASIS_POINTS, CONTRIBUTORS_MIN, type Case } from "./check.ts";
import { foundCity, type City } from "./city.ts";
import { gather } from "./evidence.ts";
import { live } from "./history.ts";
import { Measurements } from "./measurements.ts";
import { DAYS, HOUR, HOUSEHOLDS, planOf, WINDOW_DAYS } from "./plan.ts";
import { simulatedClock } from "./simulated-clock.ts";

/** What histories share, because it costs more than one of them. */
export interface Laboratory {
  /** One database for all parties, a name space for each. */
  readonly store: Store;
  readonly engine: Engine;
  close(): Promise<void>;
}

export async function openLaboratory(): Promise<Laboratory> {
  const store = await openStore({ schema: "simulation", migrations: [] });
  const engine = createPortableEngine({ threads: 0 });
  return {
    store,
    engine,
    async close() {
      await Promise.all([store.close(), engine.close()]);
    },
  };
}

/** Runs the history of a seed; the store is emptied first. */
export async function simulate(
  seed: number,
  { store, engine }: Pick<Laboratory, "store" | "engine">,
): Promise<Case> {
  await empty(store);
  const plan = planOf(seed);
  const world = await makeWorld({
    households: HOUSEHOLDS,
    startDate: plan.startDate,
    intervalSeconds: plan.intervalSeconds,
    loadIntervalSeconds: HOUR,
    profile: plan.profile,
    policy: {
      contributorsMin: CONTRIBUTORS_MIN,
      completenessMinBasisPoints: COMPLETENESS_MIN_BASIS_POINTS,
      billWindowDaysMin: WINDOW_DAYS,
      billGrid: { unit: "day", days: WINDOW_DAYS },
      // No band holds for sixty hours of so short a window.
      bandIntervalsMin: 0,
    },
  });
  const days = Array.from({ length: DAYS + 1 }, (_, day) => world.dayStart(day));
  const measurements = new Measurements(plan, days);
  const clock = simulatedClock((world.startSeconds + HOUR) * 1000);
  const folder = await mkdtemp(join(tmpdir(), "smarter-metering-simulation-"));
  let city: City | undefined;
  try {
    city = await foundCity({ plan, world, store, engine, folder, clock, measurements });
    const notes = await live(city);
    return { plan, world, measurements, evidence: await gather(city, notes) };
  } finally {
    const { parties, fleets, bus } = city ?? {};
    const processes = [...Object.values(parties ?? {}), ...Object.values(fleets ?? {})];
    await Promise.all(processes.map((process) => process.bury()));
    await bus?.running.bus.close();
    await world.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a history was like, for who watches a soak. */
export function summaryOf({ evidence, plan }: Case): string {
  const { loads, sets, statements, frames, dead, conflicts, notes } = evidence;
  const late = evidence.tally("LOAD", "late");
  const duplicates = evidence.tally("LOAD", "duplicate") + evidence.tally("BILL", "duplicate");
  const forked = [...frames.values()].filter((frame) => frame.forked).length;
  return [
    `${plan.profile}, ${plan.startDate} at ${plan.intervalSeconds} s`,
    `${loads.length} of ${sets.length} blocks`,
    `${statements.length} statements`,
    `${frames.size} frames (${forked} forked)`,
    `${[...notes.crashes.values()].reduce((sum, times) => sum + times, 0)} crashes`,
    `${duplicates} duplicates, ${late} late, ${conflicts} in conflict, ${dead.length} dead letters`,
  ].join(", ");
}

export const replayCommand = (seed: number): string =>
  `node --import tsx test/simulation/run.ts --seed ${seed}`;

async function empty(store: Store): Promise<void> {
  const tables = await store.query<{ name: string }>(
    `select tablename::text as name from pg_tables
      where schemaname = 'public' and tablename <> 'runtime_migration'`,
  );
  if (tables.length === 0) return;
  await store.query(`truncate ${tables.map(({ name }) => name).join(", ")}`);
}
