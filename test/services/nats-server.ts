/**
 * NATS servers for a test: one, or a cluster of three on the loopback address, each with a folder of
 * its own under the temporary one and ended by its own process id. The configuration is the one that
 * a deployment has.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { jetstreamManager } from "@nats-io/jetstream";
import { nkeyAuthenticator } from "@nats-io/nats-core";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { createBusKey, natsConfigOf } from "@smarter-metering/runtime";
import type {
  BusGrant,
  BusKey,
  JetStreamConnection,
  NatsConfigOptions,
  StreamOptions,
} from "@smarter-metering/runtime";

export interface NatsOptions {
  readonly streams: readonly StreamOptions[];
  readonly grants: Readonly<Record<string, BusGrant>>;
  readonly size?: 1 | 3;
  readonly tls?: NatsConfigOptions["tls"];
}

export interface Nats {
  readonly servers: readonly NatsServer[];
  /** How one of the users connects, `operator` among them. */
  connectionOf(user: string): JetStreamConnection;
  /** Ends the servers and removes their folders. */
  close(): Promise<void>;
}

const readyMsMax = 20_000;
const operator = "operator";
const host = "127.0.0.1";

/** Resolves when the servers take connections; of a cluster the leaders are not chosen yet. */
export async function startNats(options: NatsOptions): Promise<Nats> {
  const { size = 1, streams, grants, tls } = options;
  const folder = await mkdtemp(join(tmpdir(), "nats-"));
  const names = [operator, ...Object.keys(grants)];
  const keys = new Map<string, BusKey>(names.map((name) => [name, createBusKey()]));
  const keyOf = (name: string): BusKey => {
    const key = keys.get(name);
    assert(key !== undefined, `no user ${name}`);
    return key;
  };
  const users = Object.entries(grants).map(([user, grant]) => {
    return { user, publicKey: keyOf(user).publicKey, ...grant };
  });
  const ports = await freePorts(size * 2);
  const listens = ports.slice(0, size);
  const routes = ports.slice(size).map((port) => ({ host, port }));
  const scheme = tls === undefined ? "nats" : "tls";
  const servers = listens.map((port, index) => {
    const route = routes[index];
    assert(route !== undefined);
    const name = `nats-${index + 1}`;
    const text = natsConfigOf({
      serverName: name,
      listen: { host, port },
      storeFolder: join(folder, `store-${index + 1}`),
      storeBytesMax: 4 * 1024 ** 3,
      streams,
      users,
      operator: { user: operator, publicKey: keyOf(operator).publicKey },
      ...(tls === undefined ? {} : { tls }),
      ...(size === 1 ? {} : { cluster: { name: "bus", listen: route, routes } }),
    });
    return new NatsServer(name, `${scheme}://${host}:${port}`, join(folder, `${name}.conf`), text);
  });
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.end("SIGKILL")));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    servers,
    connectionOf: (user) => {
      return { servers: servers.map(({ url }) => url), user, seed: keyOf(user).seed };
    },
    close,
  };
}

export class NatsServer {
  readonly name: string;
  readonly url: string;
  readonly #configFile: string;
  readonly #text: string;
  #child: ChildProcess | undefined;

  constructor(name: string, url: string, configFile: string, text: string) {
    this.name = name;
    this.url = url;
    this.#configFile = configFile;
    this.#text = text;
  }

  /** 0 when it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it on what its folder holds, and resolves when it takes connections. */
  async start(): Promise<void> {
    await writeFile(this.#configFile, this.#text, { mode: 0o600 });
    const child = spawn("nats-server", ["-c", this.#configFile], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    const lines: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => {
        kill();
        reject(new Error(`nats-server ${why}\n${lines.slice(-10).join("\n")}`));
      };
      const timer = setTimeout(() => fail("is not ready after 20 s"), readyMsMax);
      child.once("error", () => fail("cannot be started: install the package nats-server"));
      child.once("exit", (code) => fail(`ended with ${code}`));
      createInterface({ input: child.stderr }).on("line", (line) => {
        lines.push(line);
        if (!line.includes("Server is ready")) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Resolves when the process is gone. Idempotent. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }
}

/** Ports of the loopback address that nobody listens on. */
async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, host));
  await Promise.all(probes.map((probe) => once(probe, "listening")));
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port);
  await Promise.all(probes.map((probe) => once(probe.close(), "close")));
  return ports;
}

/** A connection of one of the users, without the bus. */
export async function rawConnection(to: JetStreamConnection): Promise<NatsConnection> {
  const check = { checkServerIdentity: () => undefined };
  return connect({
    servers: [...to.servers],
    authenticator: nkeyAuthenticator(new TextEncoder().encode(to.seed)),
    inboxPrefix: `_INBOX.${to.user}`,
    tls: to.tls === undefined ? null : { ...to.tls, ...check },
  });
}

/** Removes all streams with their messages. */
export async function removeStreams(nats: Nats): Promise<void> {
  const connection = await rawConnection(nats.connectionOf(operator));
  const { streams } = await jetstreamManager(connection);
  for await (const { config } of streams.list()) await streams.delete(config.name);
  await connection.close();
}

/** The server that leads a stream of the cluster, as the operator sees it. */
export async function streamLeader(
  nats: Nats,
  to: JetStreamConnection,
  stream: string,
): Promise<NatsServer> {
  const connection = await rawConnection(to);
  const { streams } = await jetstreamManager(connection);
  const { cluster } = await streams.info(`SM_${stream}`);
  await connection.close();
  const server = nats.servers.find(({ name }) => name === cluster?.leader);
  assert(server !== undefined, `${stream} has no leader`);
  return server;
}
