/**
 * The whole system at a utility's rate: meters' frames through concentrator, opener and aggregator to the ledger, and the releases behind
 * them, over PostgreSQL and NATS JetStream, every role a process of its own, TLS everywhere, everything durable, all on this machine:
 *
 *     npm run bench:system -- [--meters 6000] [--rate 300] [--seconds 120] [--openers 1] [--aggregators 1] [--per-request 1] [--json]
 *
 * What is real and what is not: frames are of distinct meters with keys, envelopes, chains and slot commitments of their own, of a local
 * day with 96 quarters each, sealed and signed before the measurement (`prepared-frames.ts`); readings are pseudorandom. A million meters
 * that send a day's block within one hour make 278 frames a second. Days pass faster than in life: the roles' clocks are moved from one to
 * the next, timers and time limits stay real. Latency is from the moment a frame is due at the meter until the aggregator has counted as
 * many LOAD contributions in committed transactions as frames were sent by then, asked for every 50 ms.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { addLocalDays } from "@smarter-metering/tariff";
import { prepareDemo, type Demo } from "../cli/src/demo/prepare.ts";
import { instancesOf, loadPlan } from "../cli/src/deployment/plan.ts";
import { doorAt, type OpenDoor } from "../cli/src/serve/door.ts";
import { Terminal } from "../cli/src/terminal.ts";
import { startPlanned, type PlannedDeployment } from "../test/support/planned-deployment.ts";
import { Arrivals } from "./system/arrivals.ts";
import {
  syntheticMeters,
  type PreparedFrame,
  type SyntheticMeter,
} from "./system/prepared-frames.ts";
import { sendFrames } from "./system/sender.ts";
import { usageOf } from "./system/usage.ts";

const { values } = parseArgs({
  options: {
    meters: { type: "string", default: "6000" },
    rate: { type: "string", default: "300" },
    seconds: { type: "string", default: "120" },
    openers: { type: "string", default: "1" },
    aggregators: { type: "string", default: "1" },
    "per-request": { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const metersCount = Number(values.meters);
const framesPerSecond = Number(values.rate);
const seconds = Number(values.seconds);
const perRequest = Number(values["per-request"]);
const BASE_PORT = 24_000;
const REQUESTS_MAX = 256;
/** Of requests that carry installations, which are not measured. */
const INSTALLATIONS_AT_ONCE = 64;
/** A frame is judged after its end. */
const SETTLE_MS = 30_000;
const USAGE_EVERY_MS = 2_000;
/** Sets of the last day become releases meanwhile. */
const RELEASE_MS_MAX = 120_000;

const note = (text: string): void => void process.stderr.write(`${text}\n`);
const folder = mkdtempSync(join(tmpdir(), "bench-system-"));
const planFile = join(folder, "plan.json");
writeFileSync(
  planFile,
  JSON.stringify({
    kind: "smarter-metering/plan",
    nodes: {
      one: {
        host: "127.0.0.1",
        ports: BASE_PORT,
        roles: {
          registry: 1,
          concentrator: 1,
          opener: Number(values.openers),
          aggregator: Number(values.aggregators),
          trustee: 1,
          mdms: 1,
          ucs: 1,
        },
        nats: { port: BASE_PORT + 224, clusterPort: BASE_PORT + 225 },
        postgres: { port: BASE_PORT + 226 },
      },
    },
  }),
);

async function prepare(): Promise<Demo> {
  const request = {
    root: join(folder, "deployment"),
    plan: loadPlan(planFile),
    file: undefined,
    clock: "system" as const,
    zone: undefined,
    households: metersCount,
    days: 31,
    intervalSeconds: undefined,
    customers: 0,
    contributorsMin: undefined,
    unsafePolicy: false,
    startDate: "2026-10-01",
    seed: "benchmark",
    keyBits: 3072,
    profile: "pes-encrypts" as const,
  };
  return prepareDemo(request, new Terminal({ json: false, quiet: true }));
}

/** Processor seconds and resident bytes of every role and server. */
async function usages({ roles, servers }: PlannedDeployment) {
  const all = new Map<string, { processorSeconds: number; residentBytes: number }>();
  for (const role of roles) all.set(role.name, await role.usage());
  for (const [name, { pid }] of servers) all.set(name.split(" ")[0] ?? name, usageOf(pid));
  const { user, system } = process.cpuUsage();
  const own = { processorSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
  return all.set("generator (this process)", own);
}

/** Days of frames, one after the other, as many as the measurement takes. */
async function prepareDays(
  meters: readonly SyntheticMeter[],
  { options }: Demo,
): Promise<PreparedFrame[][]> {
  const count = Math.ceil((framesPerSecond * seconds) / meters.length);
  const days: PreparedFrame[][] = [];
  for (let day = 0; day < count; day++) {
    const start = addLocalDays(options.contractStart, day, options.zone);
    const frames: PreparedFrame[] = [];
    for (const meter of meters) frames.push(await meter.day(start));
    days.push(frames);
  }
  return days;
}

async function measure(demo: Demo, deployment: PlannedDeployment, doors: readonly OpenDoor[]) {
  const [concentrator, mdms, ...aggregators] = doors;
  if (concentrator === undefined || mdms === undefined) throw new Error("two doors at least");
  const { contractStart, zone } = demo.options;
  const meters = await syntheticMeters(demo.layout);
  note(`sealing frames of ${meters.length} meters`);
  const installations = await Promise.all(meters.map((meter) => meter.installation()));
  const days = await prepareDays(meters, demo);
  const frames = days.reduce((sum, day) => sum + day.length, 0);
  const arrivals = new Arrivals(aggregators, mdms);
  const send = { door: concentrator, framesPerSecond, requestsMax: REQUESTS_MAX };

  note("sending installations");
  const first = { ...send, framesPerSecond: 2_000, perRequest: INSTALLATIONS_AT_ONCE };
  await sendFrames(installations, { ...first, onSend: () => undefined });
  await arrivals.untilRecorded("BILL", installations.length);

  note(`sending ${frames} days' blocks at ${framesPerSecond} a second`);
  const before = await usages(deployment);
  const memory: Awaited<ReturnType<typeof usages>>[] = [];
  const looking = setInterval(() => {
    usages(deployment).then(
      (now) => memory.push(now),
      () => undefined,
    );
  }, USAGE_EVERY_MS);
  const watching = arrivals.watch("LOAD", frames);
  const startMs = performance.now();
  let retried = 0;
  for (const [day, blocks] of days.entries()) {
    deployment.setTo(1000 * addLocalDays(contractStart, day + 1, zone) + SETTLE_MS);
    const sent = await sendFrames(blocks, {
      ...send,
      perRequest,
      onSend: (place, count) => arrivals.sent(day * meters.length + place, count),
    });
    retried += sent.retried;
  }
  const latencies = await watching;
  const wallSeconds = (performance.now() - startMs) / 1000;
  clearInterval(looking);
  const after = await usages(deployment);
  const releases = await arrivals.untilReleased(RELEASE_MS_MAX);
  const parties = [...after].map(([name, usage]) => {
    const usedSeconds = usage.processorSeconds - (before.get(name)?.processorSeconds ?? 0);
    return { name, millisecondsPerFrame: (1000 * usedSeconds) / frames, ...memoryOf(name, memory) };
  });
  return {
    frames,
    wallSeconds,
    framesPerSecond: frames / wallSeconds,
    retried,
    ...latencies,
    releases,
    parties,
  };
}

/** Mean of the first and of the last third of the measurement. */
function memoryOf(name: string, memory: readonly Awaited<ReturnType<typeof usages>>[]) {
  const sizes = memory.map((all) => all.get(name)?.residentBytes ?? 0);
  const third = Math.max(1, Math.floor(sizes.length / 3));
  const mean = (part: readonly number[]): number =>
    Math.round(part.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, part.length) / 1e6);
  return { firstMegabytes: mean(sizes.slice(0, third)), lastMegabytes: mean(sizes.slice(-third)) };
}

note(`making a deployment of ${metersCount} meters`);
const demo = await prepare();
const { layout, options } = demo;
let deployment: PlannedDeployment | undefined;
const doors: OpenDoor[] = [];
try {
  deployment = await startPlanned(layout.root, planFile, 1000 * options.contractStart + SETTLE_MS);
  const urlOf = (name: string, key: string): string =>
    deployment?.roles.find((role) => role.name === name)?.urls[key] ?? "";
  doors.push(
    await doorAt(layout, "concentrator", urlOf("concentrator", "concentrator"), "meters"),
    await doorAt(layout, "mdms", urlOf("mdms", "mdms")),
  );
  for (const { role, number } of instancesOf(loadPlan(planFile))) {
    if (role !== "aggregator") continue;
    const url = urlOf(number === 1 ? role : `${role} ${number}`, role);
    doors.push(await doorAt(layout, "aggregator", url));
  }
  const result = await measure(demo, deployment, doors);
  const { openers, aggregators } = values;
  if (values.json) console.log(JSON.stringify({ ...values, ...result }));
  else
    print(result, `${openers} openers, ${aggregators} aggregators, ${perRequest} frames a request`);
} finally {
  for (const door of doors) await door.close();
  await deployment?.close();
  rmSync(folder, { recursive: true, force: true });
}

function print(result: Awaited<ReturnType<typeof measure>>, how: string): void {
  const { frames, wallSeconds, p50Ms, p99Ms, maxMs, retried, releases, parties } = result;
  const lines = [
    `${frames} block frames of ${metersCount} meters in ${wallSeconds.toFixed(1)} s: ${result.framesPerSecond.toFixed(0)} a second (${how})`,
    `end to end: median ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms, longest ${maxMs.toFixed(0)} ms; sent again: ${retried}`,
    `neighbourhoods' days released: ${releases}`,
    ...parties.map(
      ({ name, millisecondsPerFrame, firstMegabytes, lastMegabytes }) =>
        `${name.padEnd(26)} ${millisecondsPerFrame.toFixed(2).padStart(7)} ms of processor a frame, ${firstMegabytes} MB in the first third, ${lastMegabytes} MB in the last`,
    ),
  ];
  console.log(lines.join("\n"));
}
