/**
 * The three-node sample (deploy/three-nodes.json, docs/operating.md): every role a process of its own, two of opener and aggregator, two
 * PostgreSQL servers, a NATS cluster of three, TLS and certificates everywhere, all from the files that `init --plan` writes. The days of a
 * demonstration go through it, and every bill and every load is what the plaintext says; once more after a server and roles were killed.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { networkReader } from "@smarter-metering/protocol";
import { connectJetStream, loadConfig, type JetStreamBus } from "@smarter-metering/runtime";
import { readHouseholds } from "../../cli/src/demo/access.ts";
import { meterLogFields, startDemoFleet, type DemoFleet } from "../../cli/src/demo/fleet.ts";
import { demoTariff } from "../../cli/src/demo/demo-tariff.ts";
import { openDemo, type Demo } from "../../cli/src/demo/prepare.ts";
import { releasedOf, truthOf } from "../../cli/src/demo/report.ts";
import { playDays } from "../../cli/src/demo/run-demo.ts";
import { checkLoads, statementDifference } from "../../cli/src/demo/truth.ts";
import { natsOperatorConfig, natsOperatorPath } from "../../cli/src/deployment/bus-config.ts";
import { layoutOf } from "../../cli/src/deployment/layout.ts";
import { hasUnanswered, type LoadControl } from "../../cli/src/serve/control.ts";
import { servedDoor, throughDoor, type DoorRole, type OpenDoor } from "../../cli/src/serve/door.ts";
import { openMdms } from "../../cli/src/serve/mdms-session.ts";
import { natsConnection } from "../../cli/src/serve/party-bus.ts";
import { partyLogger } from "../../cli/src/serve/party.ts";
import { newestView } from "../../cli/src/serve/registry-access.ts";
import { readLoads, readStatements, secondsOf } from "../../cli/src/serve/released.ts";
import { streamsOf } from "../../cli/src/serve/streams.ts";
import { Terminal } from "../../cli/src/terminal.ts";
import { runAll, temporaryFolder } from "../e2e/command-line.ts";
import { startPlanned, type PlannedDeployment } from "../support/planned-deployment.ts";
import { shiftedClock } from "../support/shifted-clock.ts";

const HOUSEHOLDS = 24;
const DAYS = 3;
const PORTS_OF_A_NODE = 224;
/** The roles' timers run in real time: bills are decided at a tick after the last cut-off, released after another. */
const RELEASED_MS_MAX = 60_000;
const LOOK_MS = 500;
const sample = new URL("../../deploy/three-nodes.json", import.meta.url);

/** The sample with ports that are free here. */
async function plan(): Promise<object> {
  const { nodes, ...rest } = JSON.parse(readFileSync(sample, "utf8")) as {
    readonly nodes: Readonly<Record<string, object>>;
  };
  const first = await freePorts(Object.keys(nodes).length * (PORTS_OF_A_NODE + 3));
  const placed = Object.entries(nodes).map(([name, node], index) => {
    const ports = first + index * (PORTS_OF_A_NODE + 3);
    const at = (offset: number): number => ports + PORTS_OF_A_NODE + offset;
    const servers = {
      nats: { port: at(0), clusterPort: at(1) },
      ...("postgres" in node && { postgres: { port: at(2) } }),
    };
    return [name, { ...node, ports, ...servers }] as const;
  });
  return { ...rest, nodes: Object.fromEntries(placed) };
}

/** The first of `count` in a row, below those that the system gives away. */
async function freePorts(count: number): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const first = 20_000 + Math.floor(Math.random() * (32_000 - 20_000 - count));
    const free = await Promise.all(
      Array.from({ length: count }, (_, index) => isFree(first + index)),
    );
    if (!free.includes(false)) return first;
  }
  throw new Error("no ports are free");
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const outcome = Promise.race([
    once(probe.listen(port, "127.0.0.1"), "listening").then(() => true),
    once(probe, "error").then(() => false),
  ]).catch(() => false);
  const free = await outcome;
  if (free) {
    probe.close();
    await once(probe, "close");
  }
  return free;
}

describe("three nodes", { timeout: 240_000 }, () => {
  const dir = join(temporaryFolder(), "deployment");
  const layout = layoutOf(dir);
  const terminal = new Terminal({ json: false, quiet: true });
  let deployment: PlannedDeployment | undefined;
  let demo: Demo;
  let bus: JetStreamBus | undefined;
  let concentrator: OpenDoor | undefined;
  let meters: DemoFleet | undefined;
  let control: LoadControl;

  const inOrder = async (...lines: readonly (readonly string[])[]): Promise<void> => {
    for (const { code, stderr } of await runAll(lines)) assert.equal(code, 0, stderr);
  };
  const through = async <T>(role: DoorRole, use: Parameters<typeof throughDoor<T>>[1]) => {
    const door = await servedDoor(layout, role);
    assert(door !== undefined, `${role} is not served`);
    return throughDoor(door, use);
  };

  /** What the MDMS has, once it is so much; else what it has after a minute. */
  const arrived = (loads: number, statements: number) =>
    through("mdms", async (door) => {
      const mdms = await openMdms(door, layout);
      for (const endMs = performance.now() + RELEASED_MS_MAX; ; await setTimeout(LOOK_MS)) {
        const all = { loads: await readLoads(mdms), statements: await readStatements(mdms) };
        const isAll = all.loads.length >= loads && all.statements.length >= statements;
        if (isAll || performance.now() > endMs) return all;
      }
    });

  before(async () => {
    const file = join(temporaryFolder(), "plan.json");
    writeFileSync(file, JSON.stringify(await plan()));
    const size = ["--households", String(HOUSEHOLDS), "--days", String(DAYS), "--customers", "0"];
    const policy = ["--min-contributors", "10", "--unsafe-policy"];
    const where = ["--dir", dir, "--system-clock", "--plan", file];
    await inOrder(["init", ...where, ...size, ...policy]);
    for (const name of ["config.json", "config-2.json"]) {
      const path = join(layout.folder("aggregator"), name);
      const config = JSON.parse(readFileSync(path, "utf8")) as object;
      writeFileSync(path, JSON.stringify({ ...config, tickSeconds: 1 }));
    }
    demo = await openDemo(layout, terminal);
    const clock = shiftedClock(1000 * demo.options.contractStart);
    deployment = await startPlanned(dir, file, clock.nowMs());
    const planned = deployment;
    const config = loadConfig(natsOperatorPath(layout), natsOperatorConfig).value;
    const connection = await natsConnection(config, config.nats);
    bus = await connectJetStream({ ...connection, streams: streamsOf(0) });
    const looking = bus;
    control = {
      nowMs: () => clock.nowMs(),
      async advanceTo(timeMs) {
        clock.setTo(timeMs);
        planned.setTo(timeMs);
      },
      pending: (stream, consumer) => looking.pending(stream, consumer),
      hasUnanswered: () => through("aggregator", hasUnanswered),
    };
    concentrator = await servedDoor(layout, "concentrator", "meters");
    assert(concentrator !== undefined);
    meters = await startDemoFleet({
      layout,
      households: demo.households,
      access: await readHouseholds(layout),
      door: concentrator,
      clock,
      log: partyLogger("meters", meterLogFields, {
        clock,
        logLine: (line) => process.stderr.write(`${line}\n`),
        bus: undefined,
        registry: undefined,
      }),
    });
  });

  after(async () => {
    await meters?.close();
    await concentrator?.close();
    await bus?.close();
    await deployment?.close();
  });

  test("every bill and every load is what the plaintext says", async () => {
    assert(meters !== undefined);
    const neverAborted = new AbortController().signal;
    const played = { demo, fleet: meters.fleet, control };
    await playDays(played, terminal, neverAborted, Promise.resolve());

    const operators = JSON.parse(readFileSync(join(dir, "mdms/operators.json"), "utf8")) as {
      readonly login: string;
      readonly password: string;
      readonly role: string;
    }[];
    const file = join(temporaryFolder(), "password");
    const [operator] = operators.filter(({ role }) => role === "operator");
    assert(operator !== undefined);
    writeFileSync(file, operator.password, { mode: 0o600 });
    const account = ["--login", operator.login, "--role", operator.role, "--password-file", file];
    await inOrder(["operator", "create", "--dir", dir, ...account]);

    const { view } = await newestView(layout, networkReader);
    const truth = truthOf({ demo, access: await readHouseholds(layout) }, view);
    const { contractStart, zone } = demo.options;
    const cohorts = new Set(truth.map(({ cohort }) => cohort)).size;
    const { loads, statements } = await arrived(DAYS * cohorts, HOUSEHOLDS);
    const released = loads.map(({ cohort, start, intervalSeconds, energy_Wh }) => {
      return { cohort, start: secondsOf(start), intervalSeconds, energyWattHours: energy_Wh };
    });
    assert.equal(loads.length, DAYS * cohorts);
    assert.deepEqual(checkLoads(released, truth, contractStart), {
      intervals: DAYS * cohorts * 96,
      lost: 0,
      doubled: 0,
    });
    assert.equal(statements.length, HOUSEHOLDS);
    const { calendar } = demoTariff(zone);
    assert.equal(statementDifference(statements.map(releasedOf), truth, calendar, zone), 0n);
    assert.deepEqual(await bus?.deadLetters(), []);
  });
});
