/**
 * Spreads a new deployment over the nodes of a plan (docs/operating.md, "Three nodes"): writes each role's addresses, database and bus into
 * its configuration, one more for each further process of a role, and what the servers of each node are set up with. Run by `init --plan`.
 */
import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  createBusKey,
  natsConfigOf,
  writeFileAtomic,
  writeSecretFile,
  type BusUser,
} from "@smarter-metering/runtime";
import { busGrant, streamsOf } from "../serve/streams.ts";
import type { Holders } from "./authority.ts";
import { natsOperatorPath } from "./bus-config.ts";
import { databaseFiles, MIGRATOR } from "./database-files.ts";
import { IDENTITY_FILE, TRUSTED_FILE, type Layout, type PartyFolder } from "./layout.ts";
import {
  databaseNode,
  firstOf,
  instancesOf,
  natsNodes,
  WITH_DATABASE,
  type Address,
  type Instance,
  type Plan,
  type PlannedRole,
} from "./plan.ts";

const SEED_FILE = "bus-seed";
const OPERATOR = "operator";
/** Of one server. */
const NATS_STORE_BYTES_MAX = 64 * 1024 ** 3;
const TLS = { certFile: IDENTITY_FILE, keyFile: IDENTITY_FILE, caFile: TRUSTED_FILE };

export interface PlanOptions {
  readonly plan: Plan;
  /** 0: one trustee holds the whole key. */
  readonly shareHolders: number;
}

/** The folder of a process's party. */
const folderOf = ({ role, number }: Instance, shareHolders: number): PartyFolder =>
  role === "trustee" && shareHolders > 0 ? `trustee-${number}` : role;

const natsFolder = (node: string): string => `nats-${node}`;
const postgresFolder = (node: string): string => `postgres-${node}`;

const url = ({ host, port }: Address, scheme = "https"): string =>
  `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;

/** Hosts of each party, as `init --host` would name them. */
export function plannedHosts({ plan, shareHolders }: PlanOptions): Record<string, string[]> {
  const hosts: Record<string, string[]> = {};
  for (const instance of instancesOf(plan)) {
    const own = (hosts[folderOf(instance, shareHolders)] ??= []);
    if (!own.includes(instance.listen.host)) own.push(instance.listen.host);
  }
  return hosts;
}

/** Who gets a certificate beside the parties. */
export function plannedHolders(plan: Plan): Holders {
  const servers = Object.entries(plan.nodes).flatMap(([name, { host, nats, postgres }]) => [
    ...(nats === undefined ? [] : [[natsFolder(name), host] as const]),
    ...(postgres === undefined ? [] : [[postgresFolder(name), host] as const]),
  ]);
  return {
    ...Object.fromEntries(servers.map(([name, host]) => [name, { kind: "server", hosts: [host] }])),
    [MIGRATOR]: { kind: "monitor", hosts: [] },
  };
}

/** After `init` has written all else. */
export async function applyPlan(layout: Layout, options: PlanOptions): Promise<void> {
  await writeBus(layout, options);
  for (const instance of instancesOf(options.plan)) await writeInstance(layout, instance, options);
  await writeDatabases(layout, options.plan);
}

/** A role's first process has `config.json`, the others `config-2.json` and so on; trustees that hold shares have a folder each. */
function configPath(layout: Layout, instance: Instance, shareHolders: number): string {
  const path = layout.config(folderOf(instance, shareHolders));
  if (instance.number === 1 || instance.role === "trustee") return path;
  return join(dirname(path), `${basename(path, ".json")}-${instance.number}.json`);
}

async function writeInstance(
  layout: Layout,
  instance: Instance,
  { plan, shareHolders }: PlanOptions,
): Promise<void> {
  const folder = folderOf(instance, shareHolders);
  // Of the first process: what it shares with the others is written already.
  const { busUrl: _, ...base } = JSON.parse(await readFile(layout.config(folder), "utf8")) as {
    readonly busUrl?: string;
    readonly ledger?: object;
  };
  const { role, number, listen, door } = instance;
  const aggregator = firstOf(plan, "aggregator");
  const registryUrl = url(firstOf(plan, "registry").listen);
  const nats = { servers: natsServers(plan), user: folder, seedFile: SEED_FILE, shareHolders };
  const own: Partial<Record<PlannedRole, object>> = {
    registry: {},
    concentrator: { mqttListen: { ...door, host: "127.0.0.1" } },
    aggregator: { ledger: { ...base.ledger, listen: door }, member: `aggregator-${number}` },
    mdms: { ledger: { ...base.ledger, url: url(aggregator.door) } },
    ucs: { aggregatorUrl: url(aggregator.listen) },
  };
  const config = {
    ...base,
    listen,
    ...(role === "registry" ? {} : { registryUrl, nats }),
    ...own[role],
    ...(hasDatabase(role) && { store: { postgres: databaseOf(plan, role) } }),
  };
  const path = configPath(layout, instance, shareHolders);
  await writeFileAtomic(path, `${JSON.stringify(config, null, 2)}\n`);
}

const natsServers = (plan: Plan): string[] =>
  natsNodes(plan).map(([, { host, nats }]) => url({ host, port: nats?.port ?? 0 }, "tls"));

const hasDatabase = (role: PlannedRole): role is (typeof WITH_DATABASE)[number] =>
  WITH_DATABASE.some((one) => one === role);

function databaseOf(plan: Plan, role: (typeof WITH_DATABASE)[number]): object {
  const [, { host, postgres }] = databaseNode(plan, role);
  return { host, port: postgres?.port, database: role, user: role, tls: TLS };
}

async function writeBus(layout: Layout, { plan, shareHolders }: PlanOptions): Promise<void> {
  const folders = new Set(instancesOf(plan).map((instance) => folderOf(instance, shareHolders)));
  const users: BusUser[] = [];
  for (const folder of folders) {
    const grant = busGrant(folder);
    if (grant === undefined) continue;
    const { publicKey, seed } = createBusKey();
    await writeSecretFile(join(layout.folder(folder), SEED_FILE), seed);
    users.push({ user: folder, publicKey, ...grant });
  }
  const operator = createBusKey();
  await writeSecretFile(join(layout.folder("bus"), SEED_FILE), operator.seed);
  const nodes = natsNodes(plan);
  const replicas = nodes.length >= 3 ? 3 : 1;
  const nats = { servers: natsServers(plan), user: OPERATOR, seedFile: SEED_FILE, shareHolders };
  const config = { nats, replicas, tls: TLS };
  await writeFileAtomic(natsOperatorPath(layout), `${JSON.stringify(config, null, 2)}\n`);
  // Nobody serves an embedded bus here.
  for (const path of [layout.config("bus"), join(layout.folder("bus"), "tokens.json")])
    await rm(path);
  const routes = nodes.map(([, { host, nats: own }]) => ({ host, port: own?.clusterPort ?? 0 }));
  for (const [name, { host, nats: own }] of nodes) {
    if (own === undefined) continue;
    const text = natsConfigOf({
      serverName: name,
      listen: { host, port: own.port },
      storeFolder: "store",
      storeBytesMax: NATS_STORE_BYTES_MAX,
      streams: streamsOf(shareHolders),
      users,
      operator: { user: OPERATOR, publicKey: operator.publicKey },
      tls: TLS,
      ...(nodes.length > 1 && {
        cluster: { name: "bus", listen: { host, port: own.clusterPort }, routes },
      }),
    });
    await writeFileAtomic(join(layout.root, natsFolder(name), "nats.conf"), text);
  }
}

async function writeDatabases(layout: Layout, plan: Plan): Promise<void> {
  for (const [name, { host, postgres }] of Object.entries(plan.nodes)) {
    if (postgres === undefined) continue;
    const folder = join(layout.root, postgresFolder(name));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const databases = WITH_DATABASE.filter((role) => databaseNode(plan, role)[0] === name);
    const files = databaseFiles(databases, { host, port: postgres.port });
    for (const [file, text] of Object.entries(files)) {
      await writeFileAtomic(join(folder, file), text);
    }
  }
}
