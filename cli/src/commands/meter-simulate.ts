/** `meter simulate`: the simulated meters of a deployment, in a process of their own, against a running `serve`. */
import { SEND_WINDOWS, type Fleet } from "@smarter-metering/meter";
import { runtimeLogFields, systemClock } from "@smarter-metering/runtime";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command, CommandContext } from "../command.ts";
import { readHouseholds } from "../demo/access.ts";
import { meterLogFields, startDemoFleet } from "../demo/fleet.ts";
import { goLive } from "../demo/live.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { openDemo, type Demo } from "../demo/prepare.ts";
import { playDays } from "../demo/run-demo.ts";
import { remoteControl } from "../serve/control.ts";
import { partyLogger } from "../serve/party.ts";
import { servedDoor, throughDoor, type Door } from "../serve/door.ts";
import { readRunFile } from "../serve/run-file.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

/** How often meters of a deployment in real time look whether a day has ended. */
const LOOK_MS = 10_000;

export const meterSimulate: Command = {
  name: "meter simulate",
  summary:
    "Run a deployment's simulated meters against its running serve; go on where they stopped.",
  options: {
    ...dirOption,
    live: { type: "boolean", text: "after the prepared days go on, an hour every second" },
  },
  async run(context, args) {
    const layout = layoutFrom(args);
    const demo = await openDemo(layout, context.terminal);
    const door = await servedDoor(layout, "concentrator", "meters");
    if (door === undefined) {
      const message = `nobody serves ${layout.root}; start: smarter-metering serve --role all --demo --dir ${layout.root}`;
      throw new CliError("NOT_SERVED", message);
    }
    await throughDoor(door, (concentrator) =>
      simulate({ layout, demo, door: concentrator, isLive: args.flag("live") }, context),
    );
    return EXIT.ok;
  },
};

interface Simulation {
  readonly layout: Layout;
  readonly demo: Demo;
  readonly door: Door;
  readonly isLive: boolean;
}

async function simulate(
  { layout, demo, door, isLive }: Simulation,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const logLine = (line: string): void => terminal.warn(line);
  const isReplay = loadDeployment(layout).clock === "replay";
  const remote = isReplay ? await remoteControl(layout, signal) : undefined;
  const clock =
    remote === undefined ? systemClock : { ...systemClock, nowMs: () => remote.nowMs() };
  const shared = { clock, logLine, bus: undefined, registry: undefined };
  const meters = await startDemoFleet({
    layout,
    households: demo.households,
    access: await readHouseholds(layout),
    door: atItsPresentAddress(layout, door),
    clock,
    log: partyLogger("meters", { ...runtimeLogFields, ...meterLogFields }, shared),
    ...(remote === undefined && { windows: SEND_WINDOWS }),
  });
  const { fleet } = meters;
  try {
    if (remote === undefined) await liveInRealTime(demo, fleet, signal);
    else {
      const played = { demo, fleet, control: remote };
      await playDays(played, terminal, signal, Promise.resolve());
      if (isLive) await goLive(played, signal);
    }
  } finally {
    await meters.close();
  }
}

/** `serve` may be killed and started again, with its concentrator at another port: each request goes where it is now. */
function atItsPresentAddress(layout: Layout, { url, fetch }: Door): Door {
  return {
    url,
    async fetch(asked, init) {
      const now = (await readRunFile(layout))?.urls["concentrator"] ?? url;
      return fetch(new URL(new URL(asked).pathname, now), init);
    },
  };
}

/** Sends each day when it has ended, and the newest interval of meters with a customer as it ends. */
async function liveInRealTime({ options }: Demo, fleet: Fleet, signal: AbortSignal): Promise<void> {
  const { zone, intervalSeconds, contractStart } = options;
  let sent = Math.floor(Date.now() / 1000 / intervalSeconds) * intervalSeconds;
  let day: Promise<void> | undefined;
  let failure: unknown;
  while (!signal.aborted) {
    const now = Math.floor(Date.now() / 1000);
    const today = localDayStart(now, zone);
    if (today >= addLocalDays(contractStart, 1, zone) && fleet.nextBlock() < today) {
      // Its meters wait for their moments; what is newest goes meanwhile.
      day ??= fleet
        .sendDay(today)
        .catch((error: unknown) => void (failure = error))
        .then(() => void (day = undefined));
    }
    if (failure !== undefined) throw failure;
    const end = Math.floor(now / intervalSeconds) * intervalSeconds;
    if (end > sent && sent >= contractStart) await fleet.sendLive(sent, end);
    sent = end;
    await fleet.poll();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
