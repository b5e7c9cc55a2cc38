/** A demonstration from its preparation to its summary: the whole system on one machine, with every party in this process. */
import type { Fleet } from "@smarter-metering/meter";
import { runtimeLogFields } from "@smarter-metering/runtime";
import { addLocalDays } from "@smarter-metering/tariff";
import { readClock, writeClock } from "../serve/clock-file.ts";
import { partyLogger } from "../serve/party.ts";
import { replayClock, type ReplayClock } from "../serve/replay-clock.ts";
import { serveAll, type Everything } from "../serve/serve.ts";
import type { Terminal } from "../terminal.ts";
import { readHouseholds, readOperators, type HouseholdAccess } from "./access.ts";
import { startDemoFleet } from "./fleet.ts";
import { allSettled, loadDays } from "./load.ts";
import type { Demo } from "./prepare.ts";

/** A minute past the cut-off of the last day's load: incomplete sets are sealed, and the next day has not ended. */
const PAST_CUTOFF_SECONDS = 6 * 3600 + 60;

export interface RunningDemo {
  readonly demo: Demo;
  readonly everything: Everything;
  readonly fleet: Fleet;
  readonly clock: ReplayClock;
  readonly access: ReadonlyMap<string, HouseholdAccess>;
  close(): Promise<void>;
}

/** Starts every party and the meters. */
export async function startDemo(demo: Demo, terminal: Terminal): Promise<RunningDemo> {
  const { layout, options, households } = demo;
  const clock = replayClock((await readClock(layout)) ?? 1000 * options.contractStart);
  const logLine = (line: string): void => terminal.warn(line);
  const everything = await serveAll(layout, { clock, logLine });
  for (const operator of await readOperators(layout)) {
    await everything.mdms.service.createOperator(operator).catch((error: unknown) => {
      if (!isKnownOperator(error)) throw error;
    });
  }
  const access = await readHouseholds(layout);
  const shared = { clock, logLine, bus: undefined, registry: undefined };
  const fleet = await startDemoFleet({
    layout,
    households,
    access,
    concentratorUrl: everything.urls["concentrator"] ?? "",
    clock,
    log: partyLogger("meters", runtimeLogFields, shared),
  });
  return {
    demo,
    everything,
    fleet,
    clock,
    access,
    async close() {
      await fleet.close();
      await everything.close();
    },
  };
}

const isKnownOperator = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "MDMS_OPERATOR_EXISTS";

/**
 * Plays the days of the demonstration that were not played yet, while customers join, then lets the last cut-off strike.
 */
export async function playDays(
  { demo, everything, fleet, clock }: RunningDemo,
  terminal: Terminal,
  signal: AbortSignal,
  joining: Promise<unknown>,
): Promise<void> {
  const { layout, options } = demo;
  const { zone, contractStart, days } = options;
  const bus = everything.bus.service;
  // Whoever fails first ends the other: a customer waits for his meter, which the load drives.
  joining.catch(() => undefined);
  await loadDays({
    fleet,
    bus,
    clock,
    zone,
    contractStart,
    days,
    signal,
    progress: (done) => terminal.progress("loading days", done, days),
    rememberClock: () => writeClock(layout, clock.nowMs()),
  });
  await whileAsking(fleet, joining);
  await allSettled(bus, signal);
  const end = addLocalDays(contractStart, days, zone);
  await clock.advanceTo(1000 * (end + PAST_CUTOFF_SECONDS));
  await writeClock(layout, clock.nowMs());
  await everything.aggregator.service.tick();
  await allSettled(bus, signal);
}

const POLL_MS = 200;

/** Lets the meters ask for messages until everybody has joined. */
async function whileAsking(fleet: Fleet, joining: Promise<unknown>): Promise<void> {
  let joined = false;
  const done = joining.finally(() => (joined = true));
  done.catch(() => undefined); // Awaited below.
  while (!joined) {
    await fleet.poll();
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
  }
  await done;
}
