/** `meter send`: the readings of one household, from a file or from its P1 port, through its meter of a deployment that is served. */
import type { Fleet } from "@smarter-metering/meter";
import { seriesEndSeconds, type Series } from "@smarter-metering/readings";
import { runtimeLogFields, systemClock } from "@smarter-metering/runtime";
import {
  addLocalDays,
  dayStartOf,
  localDate,
  localDayStart,
  localDaysBetween,
} from "@smarter-metering/tariff";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { readHouseholds } from "../demo/access.ts";
import { meterLogFields, startDemoFleet, type DemoFleet } from "../demo/fleet.ts";
import { seriesData, type HouseholdData } from "../demo/household-data.ts";
import { loadDays } from "../demo/load.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { readMeters } from "../deployment/meters-file.ts";
import { remoteControl, type LoadControl } from "../serve/control.ts";
import { partyLogger } from "../serve/party.ts";
import { servedDoor, throughDoor, type Door, type OpenDoor } from "../serve/door.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { parsePortAddress, PortReadings, portTelegrams, type PortAddress } from "./readings-p1.ts";
import { readWithProgress, sourceOptions } from "./readings-source.ts";

/** A frame may be judged only after its end; clocks differ by seconds. */
const SETTLE_SECONDS = 30;
/** Of one run: ten years. */
const DAYS_MAX = 3660;
/** How often the meter asks for its customer's messages while its port sends. */
const POLL_MS = 5000;
const MISSING = 1;

export const meterSend: Command = {
  name: "meter send",
  summary: "Send one household's readings, of a file or its P1 port, through its simulated meter.",
  options: {
    ...dirOption,
    household: { type: "string", value: "<label>", text: "whose meter sends" },
    data: { type: "string", value: "<file>", text: "readings to send, a local day a block" },
    p1: { type: "string", value: "<tcp://host:port>", text: "or the port of a smart meter" },
    from: { type: "string", value: "<date>", text: "leave earlier readings out, as missing" },
    to: { type: "string", value: "<date>", text: "end before this local day" },
    limit: { type: "string", value: "<n>", text: "end after this many days" },
    unit: sourceOptions["unit"] ?? { type: "string", text: "" },
    zone: { type: "string", value: "<IANA zone>", text: "zone of the stamps (the meter's)" },
    strict: sourceOptions["strict"] ?? { type: "boolean", text: "" },
  },
  async run(context, args) {
    const layout = layoutFrom(args);
    const meter = await meterOf(layout, args.required("household"));
    const range = rangeOf(args, meter.zone);
    const [path, port] = [args.text("data"), args.text("p1")];
    if ((path === undefined) === (port === undefined)) {
      throw usageError("either --data or --p1 is needed");
    }
    const address = port === undefined ? undefined : parsePortAddress(port);
    if (address !== undefined && range.from !== undefined) {
      throw usageError("--from is for --data: a port tells of the present");
    }
    const file = path === undefined ? undefined : await fileOf(path, meter, range, args, context);
    const found = await concentratorOf(layout);
    return throughDoor(found, async (door) => {
      const control = await controlOf(layout, context.signal);
      const nowSeconds = (): number => Math.floor((control ?? inRealTime).nowMs() / 1000);
      const live = new PortReadings({ ...meter, nowSeconds });
      const running = await startMeter(layout, door, file?.data ?? live, control, context);
      const stop = (): void => void running.fleet.close();
      context.signal.addEventListener("abort", stop, { once: true });
      try {
        const { fleet } = running;
        const run: Run = { meter, range, fleet, control, first: fleet.nextBlock(), context };
        if (address === undefined) await sendFile(run, file?.endSeconds ?? 0);
        else await sendPort(run, live, address);
        report(run);
      } finally {
        context.signal.removeEventListener("abort", stop);
        await running.close();
      }
      return EXIT.ok;
    });
  },
};

interface SendingMeter {
  readonly label: string;
  readonly zone: string;
  readonly intervalSeconds: number;
  readonly contractStart: number;
}

async function meterOf(layout: Layout, label: string): Promise<SendingMeter> {
  loadDeployment(layout);
  const { provisioning } = await readMeters(layout);
  const meter = provisioning.find((candidate) => candidate.label === label);
  if (meter === undefined) {
    const message = `no meter for household ${label} in ${layout.root}; see its households.json`;
    throw new CliError("HOUSEHOLD_UNKNOWN", message);
  }
  return meter;
}

/** Instants of local midnights. */
interface Range {
  readonly from: number | undefined;
  readonly to: number;
  readonly days: number;
}

function rangeOf(args: Arguments, zone: string): Range {
  const midnight = (name: string): number | undefined => {
    const date = args.text(name);
    if (date === undefined) return undefined;
    try {
      return dayStartOf(date, zone);
    } catch {
      throw usageError(`--${name} takes a date such as 2026-10-01, not "${date}"`);
    }
  };
  return {
    from: midnight("from"),
    to: midnight("to") ?? Number.POSITIVE_INFINITY,
    days: args.integer("limit", DAYS_MAX, { min: 1, max: DAYS_MAX }),
  };
}

/** The household's series of a file: the one of its label, or the only one. */
async function fileOf(
  path: string,
  meter: SendingMeter,
  { from }: Range,
  args: Arguments,
  context: CommandContext,
): Promise<{ data: HouseholdData; endSeconds: number }> {
  const { label, zone, intervalSeconds } = meter;
  const asked = { zone: args.text("zone") ?? zone, intervalSeconds };
  const { series, report } = await readWithProgress(path, args, context, asked);
  const [only, ...others] = series;
  const one = series.find((candidate) => candidate.label === label) ?? only;
  if (one === undefined || (others.length > 0 && one.label !== label)) {
    const message = `${path} holds ${series.length} households, none of them ${label}`;
    throw new CliError("HOUSEHOLD_UNKNOWN", message);
  }
  if (one.intervalSeconds !== intervalSeconds) {
    const message = `${path} has intervals of ${one.intervalSeconds} s, the meter of ${label} ${intervalSeconds} s`;
    throw new CliError("METER_INTERVAL_DIFFERS", message);
  }
  const faults = Object.entries(report.counts).map(([kind, count]) => `${kind} ${count}`);
  if (faults.length > 0)
    context.terminal.note(`${path}: ${faults.join(", ")}; see readings inspect`);
  const data = { ...seriesData(cutBefore(one, from), zone), label };
  const dayEnd = addLocalDays(localDayStart(seriesEndSeconds(one) - 1, zone), 1, zone);
  return { data, endSeconds: dayEnd };
}

/** Earlier intervals become missing: a meter's blocks follow each other without a hole. */
function cutBefore(series: Series, from: number | undefined): Series {
  if (from === undefined) return series;
  const { startSeconds, intervalSeconds, quality } = series;
  const slot = (from - startSeconds) / intervalSeconds;
  const cut = Math.min(quality.length, Math.max(0, Math.ceil(slot)));
  return {
    ...series,
    importMilliwattHours: series.importMilliwattHours.slice().fill(0, 0, cut),
    exportMilliwattHours: series.exportMilliwattHours.slice().fill(0, 0, cut),
    quality: quality.slice().fill(MISSING, 0, cut),
  };
}

/** Time and work of the deployment: a replay clock is moved on as days are sent, the system's goes by itself. */
async function controlOf(layout: Layout, signal: AbortSignal): Promise<LoadControl | undefined> {
  return loadDeployment(layout).clock === "replay" ? remoteControl(layout, signal) : undefined;
}

const inRealTime: LoadControl = {
  nowMs: () => systemClock.nowMs(),
  advanceTo: () => Promise.resolve(),
  pending: () => Promise.resolve(0),
  hasUnanswered: () => Promise.resolve(false),
};

async function concentratorOf(layout: Layout): Promise<OpenDoor> {
  const door = await servedDoor(layout, "concentrator", "meters");
  if (door !== undefined) return door;
  const message = `nobody serves ${layout.root}; start: smarter-metering serve --role all --dir ${layout.root}`;
  throw new CliError("NOT_SERVED", message);
}

async function startMeter(
  layout: Layout,
  door: Door,
  household: HouseholdData | PortReadings,
  control: LoadControl | undefined,
  { terminal }: CommandContext,
): Promise<DemoFleet> {
  const clock =
    control === undefined ? systemClock : { ...systemClock, nowMs: () => control.nowMs() };
  const logLine = (line: string): void => terminal.warn(line);
  const shared = { clock, logLine, bus: undefined, registry: undefined };
  return startDemoFleet({
    layout,
    only: household.label,
    households: [household],
    access: await readHouseholds(layout),
    door,
    clock,
    log: partyLogger("meters", { ...runtimeLogFields, ...meterLogFields }, shared),
  });
}

interface Run {
  readonly meter: SendingMeter;
  readonly range: Range;
  readonly fleet: Fleet;
  readonly control: LoadControl | undefined;
  /** Start of the first block that this run may send. */
  readonly first: number;
  readonly context: CommandContext;
}

/** Sends the days that end by `untilSeconds`, within the range; true when there is none left in it. */
async function sendDays(run: Run, untilSeconds: number): Promise<boolean> {
  const { meter, range, fleet, control, first, context } = run;
  const { zone, contractStart } = meter;
  const last = Math.min(range.to, addLocalDays(first, range.days, zone));
  const end = localDayStart(Math.min(untilSeconds, last), zone);
  if (fleet.nextBlock() < end) {
    await loadDays({
      fleet,
      control: control ?? inRealTime,
      prepareDay: () => Promise.resolve(),
      zone,
      contractStart,
      quorum: undefined,
      days: localDaysBetween(contractStart, end, zone),
      progress: (done) => {
        const sent = addLocalDays(contractStart, done, zone) - first;
        if (sent > 0) context.terminal.progress("sending", sent, end - first);
      },
      signal: context.signal,
    });
  }
  return fleet.nextBlock() >= last;
}

async function sendFile(run: Run, endSeconds: number): Promise<void> {
  const { control, context } = run;
  const now = Math.floor(systemClock.nowMs() / 1000);
  const isAhead = control === undefined && endSeconds > now;
  if (isAhead) context.terminal.note("days that have not ended yet are left for another time");
  await sendDays(run, isAhead ? now : endSeconds);
}

/** Until the range is sent or the command is stopped: each day when it has ended, each interval to the customer as it ends. */
async function sendPort(run: Run, readings: PortReadings, address: PortAddress): Promise<void> {
  const { control, fleet, context } = run;
  const { terminal, signal } = context;
  const lost = (reason: string): void => terminal.note(`P1: ${reason}; connecting again`);
  const polling = setInterval(() => {
    fleet.poll().catch(() => undefined); // Closed meanwhile; whatever else fails, the next one tells.
  }, POLL_MS);
  try {
    for await (const found of portTelegrams(address, signal, lost)) {
      const before = readings.endSeconds;
      if (!readings.take(found)) continue;
      const end = readings.endSeconds ?? 0;
      await control?.advanceTo(1000 * (end + SETTLE_SECONDS));
      if (await sendDays(run, end)) return;
      if (signal.aborted) return;
      if (before !== undefined) await fleet.sendLive(before, end);
    }
  } finally {
    clearInterval(polling);
  }
}

function report({ meter, fleet, first, context }: Run): void {
  const { label, zone } = meter;
  const next = fleet.nextBlock();
  const days = localDaysBetween(first, next, zone);
  const date = localDate(next, zone);
  if (context.terminal.json) context.terminal.printJson({ household: label, days, next: date });
  else context.terminal.print(`${label}: ${days} days sent; the next is ${date}`);
}
