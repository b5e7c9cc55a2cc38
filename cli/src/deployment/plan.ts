/**
 * A deployment over several machines (docs/operating.md, "Three nodes"): which role runs where, on which ports, with which database and bus.
 * Read from a JSON file by `init --plan`.
 */
import { loadConfig } from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import { isHostName } from "./certificates.ts";
import { EPOCH_READERS } from "./layout.ts";

/** In the order of the ports that a node gives them. */
const PLANNED = ["registry", ...EPOCH_READERS] as const;
export type PlannedRole = (typeof PLANNED)[number];

/** Those that several processes may share, on one node or more; trustees are several where each holds a share. */
const SEVERAL: ReadonlySet<string> = new Set<PlannedRole>(["opener", "aggregator", "trustee"]);
/** Those whose state is in a database; each has one of its own. */
export const WITH_DATABASE = [
  "concentrator",
  "aggregator",
  "mdms",
  "ucs",
] as const satisfies readonly PlannedRole[];

const INSTANCES_MAX = 16;
const NODES_MAX = 64;
const port = z.number().int().min(1).max(65_535);

const node = z.strictObject({
  /** By which the other nodes reach it. */
  host: z.string().refine(isHostName, "not a host name or an address"),
  /** The first of its roles' ports: each role has two for each process that it may have. */
  ports: port,
  /** How many processes of each role. */
  roles: z.partialRecord(z.enum(PLANNED), z.number().int().min(1).max(INSTANCES_MAX)),
  nats: z.strictObject({ port, clusterPort: port }).optional(),
  /** Of the server on this node, which holds the databases of its roles and of those that name it. */
  postgres: z.strictObject({ port }).optional(),
});

const document = z.strictObject({
  kind: z.literal("smarter-metering/plan"),
  nodes: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/), node)
    .refine((nodes) => Object.keys(nodes).length <= NODES_MAX, `at most ${NODES_MAX} nodes`),
});

export type Plan = z.output<typeof document>;
export type PlannedNode = Plan["nodes"][string];

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One process of a role. */
export interface Instance {
  readonly node: string;
  readonly role: PlannedRole;
  /** From 1, over all nodes; of a trustee that holds a share, the number in its folder's name. */
  readonly number: number;
  readonly listen: Address;
  /** Of an aggregator's for the MDMS, and a concentrator's for MQTT. */
  readonly door: Address;
}

/** Throws CONFIG_UNREADABLE, CONFIG_INVALID, PLAN_INVALID. */
export function loadPlan(path: string): Plan {
  const plan = loadConfig(path, () => document).value;
  for (const role of PLANNED) {
    const nodes = Object.values(plan.nodes).filter(({ roles }) => roles[role] !== undefined);
    const count = nodes.reduce((sum, { roles }) => sum + (roles[role] ?? 0), 0);
    if (count === 0 && role !== "opener") throw invalid(path, `no node has the role ${role}`);
    if (count > 1 && !SEVERAL.has(role)) throw invalid(path, `the role ${role} runs once`);
  }
  for (const role of WITH_DATABASE) databaseNode(plan, role, path);
  if (natsNodes(plan).length === 0) throw invalid(path, "no node has a NATS server");
  return plan;
}

const invalid = (path: string, what: string): CliError =>
  new CliError("PLAN_INVALID", `${path}: ${what}`);

/** Every process of the plan, in the order of nodes, roles and numbers. */
export function instancesOf(plan: Plan): Instance[] {
  const numbers = new Map<PlannedRole, number>();
  return Object.entries(plan.nodes).flatMap(([name, { host, ports, roles }]) =>
    PLANNED.flatMap((role, place) =>
      Array.from({ length: roles[role] ?? 0 }, (_, index): Instance => {
        const number = (numbers.get(role) ?? 0) + 1;
        numbers.set(role, number);
        const port = ports + 2 * INSTANCES_MAX * place + index;
        const door = { host, port: port + INSTANCES_MAX };
        return { node: name, role, number, listen: { host, port }, door };
      }),
    ),
  );
}

/** The role's first process, which the others call. Throws PLAN_INVALID. */
export function firstOf(plan: Plan, role: PlannedRole): Instance {
  const found = instancesOf(plan).find((instance) => instance.role === role);
  if (found === undefined) throw invalid("the plan", `no node has the role ${role}`);
  return found;
}

export const natsNodes = (plan: Plan): [name: string, node: PlannedNode][] =>
  Object.entries(plan.nodes).filter(([, { nats }]) => nats !== undefined);

/** The node whose server holds the role's database: its own, for all processes of a role share one. */
export function databaseNode(
  plan: Plan,
  role: (typeof WITH_DATABASE)[number],
  path = "the plan",
): [name: string, node: PlannedNode] {
  const having = Object.entries(plan.nodes).filter(([, { roles }]) => roles[role] !== undefined);
  const found = having.find(([, { postgres }]) => postgres !== undefined);
  if (found === undefined) throw invalid(path, `no node of ${role} has a PostgreSQL server`);
  return found;
}
