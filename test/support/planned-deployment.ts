/**
 * A planned deployment on this machine, as docs/operating.md brings one up: its servers, tables and streams, then every role in a process
 * of its own, with a clock that a test or a benchmark moves. Needs PostgreSQL and NATS.
 */
import assert from "node:assert/strict";
import { instancesOf, loadPlan, type Plan } from "../../cli/src/deployment/plan.ts";
import { layoutOf } from "../../cli/src/deployment/layout.ts";
import { runAll } from "../e2e/command-line.ts";
import {
  startPlannedNats,
  startPlannedPostgres,
  type PlannedServer,
} from "../services/planned-servers.ts";
import { startRole, type RunningRole } from "./roles.ts";

export interface PlannedDeployment {
  /** By kind and node, such as `postgres network`. */
  readonly servers: ReadonlyMap<string, PlannedServer>;
  readonly roles: readonly RunningRole[];
  /** Tells every role the time. */
  setTo(timeMs: number): void;
  close(): Promise<void>;
}

/** `dir` and `plan` as `init --plan` had them. With one trustee. */
export async function startPlanned(
  dir: string,
  planFile: string,
  startMs: number,
): Promise<PlannedDeployment> {
  const plan = loadPlan(planFile);
  const servers = new Map<string, PlannedServer>();
  const roles: RunningRole[] = [];
  const deployment: PlannedDeployment = {
    servers,
    roles,
    setTo: (timeMs) => roles.forEach((role) => role.setTo(timeMs)),
    async close() {
      await Promise.all(roles.map((role) => role.stop()));
      await Promise.all([...servers.values()].map((server) => server.close()));
    },
  };
  try {
    await startServers(dir, plan, servers);
    const lines = [
      ["database", "migrate", "--dir", dir],
      ["bus", "provision", "--dir", dir],
    ];
    for (const { code, stderr } of await runAll(lines)) assert.equal(code, 0, stderr);
    await startRoles(dir, plan, startMs, roles);
    return deployment;
  } catch (error) {
    await deployment.close();
    throw error;
  }
}

async function startServers(
  dir: string,
  plan: Plan,
  servers: Map<string, PlannedServer>,
): Promise<void> {
  const starting = Object.entries(plan.nodes).flatMap(([node, { nats, postgres }]) => [
    ...(nats === undefined ? [] : [["nats", node, startPlannedNats] as const]),
    ...(postgres === undefined ? [] : [["postgres", node, startPlannedPostgres] as const]),
  ]);
  await Promise.all(
    starting.map(async ([kind, node, start]) => {
      servers.set(`${kind} ${node}`, await start(dir, node));
    }),
  );
}

/** The registry first: nobody starts without it. */
async function startRoles(
  dir: string,
  plan: Plan,
  startMs: number,
  roles: RunningRole[],
): Promise<void> {
  const layout = layoutOf(dir);
  const all = instancesOf(plan).map(({ role, number }) => {
    const path = layout.config(role);
    const config = number === 1 ? path : path.replace(/\.json$/, `-${number}.json`);
    return { role, config, name: number === 1 ? role : `${role} ${number}` };
  });
  const registry = all.filter(({ role }) => role === "registry");
  const others = all.filter(({ role }) => role !== "registry");
  for (const { role, config, name } of registry) {
    roles.push(await startRole(role, config, startMs, name));
  }
  const starting = others.map(async ({ role, config, name }) => {
    roles.push(await startRole(role, config, startMs, name));
  });
  // When one refuses, the others have to be there before they can be ended.
  await Promise.allSettled(starting);
  await Promise.all(starting);
}
