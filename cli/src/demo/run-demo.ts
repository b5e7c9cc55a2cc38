/** A demonstration in one process: every party, the meters, and the days that are played through them. */
import { setImmediate } from "node:timers/promises";
import type { Fleet } from "@smarter-metering/meter";
import { runtimeLogFields } from "@smarter-metering/runtime";
import { localControl, type LoadControl } from "../serve/control.ts";
import { readClock } from "../serve/clock-file.ts";
import { partyLogger } from "../serve/party.ts";
import { replayClock, type ReplayClock } from "../serve/replay-clock.ts";
import { serveAll, type Everything } from "../serve/serve.ts";
import type { Terminal } from "../terminal.ts";
import { createOperators, readHouseholds, type HouseholdAccess } from "./access.ts";
import { plainDoor } from "../serve/door.ts";
import { meterLogFields, startDemoFleet } from "./fleet.ts";
import { finishLoad, loadDays } from "./load.ts";
import type { Demo } from "./prepare.ts";

export interface RunningDemo {
  readonly demo: Demo;
  readonly everything: Everything;
  readonly fleet: Fleet;
  readonly clock: ReplayClock;
  readonly control: LoadControl;
  readonly access: ReadonlyMap<string, HouseholdAccess>;
  close(): Promise<void>;
}

/** Starts every party and the meters. */
export async function startDemo(demo: Demo, terminal: Terminal): Promise<RunningDemo> {
  const { layout, options, households } = demo;
  const clock = replayClock((await readClock(layout)) ?? 1000 * options.contractStart);
  const logLine = (line: string): void => terminal.warn(line);
  const everything = await serveAll(layout, { clock, logLine });
  await createOperators(layout, everything.mdms.service);
  const access = await readHouseholds(layout);
  const shared = { clock, logLine, bus: undefined, registry: undefined };
  const meters = await startDemoFleet({
    layout,
    households,
    access,
    door: plainDoor(everything.urls["concentrator"]),
    clock,
    log: partyLogger("meters", { ...runtimeLogFields, ...meterLogFields }, shared),
  });
  return {
    demo,
    everything,
    fleet: meters.fleet,
    clock,
    control: localControl(clock, everything.bus.service, everything.urls, layout),
    access,
    async close() {
      await meters.close();
      await everything.close();
    },
  };
}

/** Plays the days that were not played yet, while customers join, then lets the last cut-off strike. */
export async function playDays(
  { demo, fleet, control }: Pick<RunningDemo, "demo" | "fleet" | "control">,
  terminal: Terminal,
  signal: AbortSignal,
  joining: Promise<unknown>,
): Promise<void> {
  const { zone, contractStart, quorum, days } = demo.options;
  const progress = (done: number): void => terminal.progress("loading days", done, days);
  const prepareDay = (from: number, to: number): Promise<void> => prepareDayOf(demo, from, to);
  const pace = { zone, contractStart, quorum, days, signal, progress };
  const load = { fleet, control, prepareDay, ...pace };
  joining.catch(() => undefined); // Awaited below; a load that fails first is the cause.
  await loadDays(load);
  await whileAsking(fleet, joining);
  await finishLoad(load);
}

/** Household by household, so that nothing else waits. */
async function prepareDayOf({ households }: Demo, from: number, to: number): Promise<void> {
  for (const household of households) {
    household.window(from, to);
    await setImmediate();
  }
}

const POLL_MS = 200;

/** Lets the meters ask for messages until everybody has joined. */
async function whileAsking(fleet: Fleet, joining: Promise<unknown>): Promise<void> {
  const joined = joining.then(() => true);
  const waited = (): Promise<false> =>
    new Promise((resolve) => setTimeout(() => resolve(false), POLL_MS));
  while (!(await Promise.race([joined, waited()]))) await fleet.poll();
}
