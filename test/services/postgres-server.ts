/**
 * A PostgreSQL server of a test's own: on a free loopback port, in a temporary folder, ended by its own process id. Needs Debian's package
 * `postgresql`. The server refuses to run as root, so root runs it as the user `postgres` whom the package makes.
 */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { PostgresConnection } from "@smarter-metering/runtime";
import { Client } from "pg";

export interface PostgresServer {
  readonly port: number;
  /** Holds everything: `data`, `log` and the Unix socket. */
  readonly folder: string;
  /** Makes a database, and a role of the same name that owns it and may do nothing else. */
  createDatabase(name: string): Promise<PostgresConnection>;
  /** Runs statements as the superuser, one round trip; returns the rows of the last one. */
  admin(sql: string, database?: string): Promise<readonly Record<string, unknown>[]>;
  /** As the superuser, for `pg_dump` and the like. */
  readonly superuser: PostgresConnection;
  /** Starts it again on the same port and folder, after `stop` or `kill`. */
  start(): Promise<void>;
  /** In order: what is open is rolled back, the next start needs no recovery. The data stays. */
  stop(): Promise<void>;
  /** kill -9 of the server and of all its processes. */
  kill(): Promise<void>;
  /** Kills it if it runs, and removes the folder. */
  remove(): Promise<void>;
}

export interface PostgresServerOptions {
  /** True: fsync as in production. Default false, which is faster and bears kill -9 as well. */
  readonly durable?: boolean;
  /** PEM texts. With `ca` a client has to show a certificate of it that names the role. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** More settings of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

const versions = "/usr/lib/postgresql";
const startMsMax = 60_000;

/** Starts a server; the caller calls `remove` in an `after` hook. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "postgres-"));
  const user = serverUser();
  giveTo(user, folder);
  const password = randomBytes(16).toString("hex");
  const port = await freePort();
  const superuser = { host: "127.0.0.1", port, database: "postgres", user: "admin", password };
  let running: ChildProcess | undefined;

  await initialise(folder, password, user, options);
  const server: PostgresServer = {
    port,
    folder,
    superuser,
    admin: (sql, database = "postgres") => runSql({ ...superuser, database }, sql, folder),
    async createDatabase(name) {
      const own = randomBytes(16).toString("hex");
      await server.admin(`create role "${name}" login password '${own}'`);
      await server.admin(`create database "${name}" owner "${name}"`);
      return { ...superuser, database: name, user: name, password: own };
    },
    async start() {
      assert(running === undefined, "the server runs");
      running = await launch(folder, port, user);
    },
    async stop() {
      await end(running, (child) => child.kill("SIGINT"));
      running = undefined;
    },
    async kill() {
      await end(running, killAll);
      running = undefined;
    },
    async remove() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.remove();
    throw error;
  }
}

function binary(name: string): string {
  const newest = (existsSync(versions) ? readdirSync(versions) : [])
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, "bin", name))
    .find((path) => existsSync(path));
  assert(newest !== undefined, "PostgreSQL is not installed: apt-get install postgresql");
  return newest;
}

/** Empty: the user who runs the test. */
interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

function giveTo({ uid, gid }: ServerUser, path: string): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
  assert(line !== null, "there is no user postgres: apt-get install postgresql");
  return { uid: Number(line[1]), gid: Number(line[2]) };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  assert(typeof address === "object" && address !== null, "a port");
  probe.close();
  await once(probe, "close");
  return address.port;
}

async function initialise(
  folder: string,
  password: string,
  user: ServerUser,
  options: PostgresServerOptions,
): Promise<void> {
  const data = join(folder, "data");
  const write = (name: string, text: string): void => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    giveTo(user, path);
  };
  write("password", password);
  const words = ["--no-sync", "-U", "admin", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"];
  const more = ["--pwfile", join(folder, "password"), "-D", data];
  await promisify(execFile)(binary("initdb"), [...words, ...more], { ...user, cwd: folder });
  rmSync(join(folder, "password"));
  const { tls, durable = false } = options;
  if (tls !== undefined) {
    write("server.crt", tls.cert);
    write("server.key", tls.key);
    write("clients.crt", tls.ca ?? "");
  }
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: folder,
    shared_buffers: "32MB",
    fsync: durable ? "on" : "off",
    ...(tls === undefined
      ? {}
      : { ssl: "on", ssl_cert_file: "../server.crt", ssl_key_file: "../server.key" }),
    ...(tls?.ca === undefined ? {} : { ssl_ca_file: "../clients.crt" }),
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  write("data/postgresql.auto.conf", `${lines.join("\n")}\n`);
  const over = tls === undefined ? "host" : "hostssl";
  const shown = tls?.ca === undefined ? "" : " clientcert=verify-full";
  write(
    "data/pg_hba.conf",
    `local all admin scram-sha-256\n${over} all all 127.0.0.1/32 scram-sha-256${shown}\n`,
  );
}

/** Resolves when the server takes connections. The server dies with this process. */
async function launch(folder: string, port: number, user: ServerUser): Promise<ChildProcess> {
  const words = ["--pdeathsig", "KILL", binary("postgres"), "-D", join(folder, "data")];
  const child = spawn("setpriv", [...words, "-p", String(port)], {
    ...user,
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  assert(child.stderr !== null);
  const last: string[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    const fail = (what: string): void => {
      clearTimeout(timer);
      reject(new Error(`PostgreSQL ${what}: ${last.join("\n")}`));
    };
    const timer = setTimeout(fail, startMsMax, "does not start");
    child.once("exit", () => fail("ended"));
    createInterface(child.stderr).on("line", (line) => {
      last.push(line);
      last.splice(0, last.length - 20);
      if (!line.includes("ready to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
  });
  await ready.catch((error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  });
  return child;
}

async function end(
  child: ChildProcess | undefined,
  how: (child: ChildProcess) => void,
): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  how(child);
  await ended;
}

/** Its processes are no group of their own, and one that is busy outlives the server. */
function killAll(child: ChildProcess): void {
  const { pid } = child;
  assert(pid !== undefined);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  child.kill("SIGKILL");
  for (const id of children.split(" ").filter((word) => word !== "")) {
    try {
      process.kill(Number(id), "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}

async function runSql(connection: PostgresConnection, sql: string, folder: string) {
  const { port, database, user, password } = connection;
  const client = new Client({ host: folder, port, database, user, password });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const result = await client.query<Record<string, unknown>>(sql);
    const results: unknown = result;
    return Array.isArray(results) ? (results.at(-1) as typeof result).rows : result.rows;
  } finally {
    await client.end();
  }
}
