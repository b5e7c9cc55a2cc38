/**
 * The servers of a planned deployment, set up with the files that `init --plan` wrote and as docs/operating.md says: each in a folder of its
 * own, as it would be on its node, ended by its own process id.
 */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface PlannedServer {
  readonly folder: string;
  readonly pid: number;
  /** Ends it at once. */
  kill(): Promise<void>;
  /** Starts it again after `kill`. */
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

const START_MS_MAX = 20_000;

/** The NATS server of a node, from the deployment's folder `nats-<node>`. */
export function startPlannedNats(deployment: string, node: string): Promise<PlannedServer> {
  const binary = "/usr/sbin/nats-server";
  assert(existsSync(binary), "NATS is not installed: apt-get install nats-server");
  const folder = ownCopy(join(deployment, `nats-${node}`), {});
  return started(folder, () => launch([binary, "-c", "nats.conf"], folder, {}, "Server is ready"));
}

/** The PostgreSQL server of a node, from `postgres-<node>`, with its databases and their roles. */
export async function startPlannedPostgres(
  deployment: string,
  node: string,
): Promise<PlannedServer> {
  const user = serverUser();
  const folder = ownCopy(join(deployment, `postgres-${node}`), user);
  const run = (words: readonly string[]) =>
    promisify(execFile)("setpriv", [...asUser(user), ...words], { cwd: folder });
  const initdb = ["-D", "data", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"];
  await run([binaryOf("initdb"), ...initdb]);
  const words = [binaryOf("postgres"), "-D", "data", "-c", "config_file=postgresql.conf"];
  const server = await started(folder, () =>
    launch(words, folder, user, "ready to accept connections"),
  );
  const port = /^port = (\d+)$/m.exec(readFileSync(join(folder, "postgresql.conf"), "utf8"))?.[1];
  assert(port !== undefined);
  const psql = ["-h", folder, "-p", port, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q"];
  try {
    await run([binaryOf("psql"), ...psql, "-f", "setup.sql"]);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

interface User {
  readonly uid?: number;
  readonly gid?: number;
}

const asUser = ({ uid, gid }: User): string[] =>
  uid === undefined ? [] : [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];

function ownCopy(from: string, { uid, gid }: User): string {
  const folder = mkdtempSync(join(tmpdir(), "planned-"));
  cpSync(from, folder, { recursive: true });
  if (uid === undefined || gid === undefined) return folder;
  const below = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const path of ["", ...below]) chownSync(join(folder, path), uid, gid);
  return folder;
}

/** PostgreSQL does not run as root. */
function serverUser(): User {
  if (process.getuid?.() !== 0) return {};
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
  assert(line !== null, "there is no user postgres: apt-get install postgresql");
  return { uid: Number(line[1]), gid: Number(line[2]) };
}

function binaryOf(name: string): string {
  const versions = "/usr/lib/postgresql";
  const found = (existsSync(versions) ? readdirSync(versions) : [])
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, "bin", name))
    .find((path) => existsSync(path));
  assert(found !== undefined, "PostgreSQL is not installed: apt-get install postgresql");
  return found;
}

async function started(
  folder: string,
  launched: () => Promise<ChildProcess>,
): Promise<PlannedServer> {
  let child: ChildProcess;
  const begin = async (): Promise<void> => {
    child = await launched().catch((error: unknown) => {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    });
  };
  await begin();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  return {
    folder,
    get pid() {
      assert(child.pid !== undefined);
      return child.pid;
    },
    kill,
    start: begin,
    async close() {
      await kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Resolves when the server says that it is ready. It dies with this process. */
async function launch(
  words: readonly string[],
  cwd: string,
  user: User,
  ready: string,
): Promise<ChildProcess> {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...asUser(user), ...words], {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  const isReady = new Promise<void>((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`${words[0]} ${what}: ${said}`));
    const late = setTimeout(fail, START_MS_MAX, "is not ready");
    child.once("exit", () => fail("ended"));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
      if (!said.includes(ready)) return;
      clearTimeout(late);
      resolve();
    });
  });
  await isReady.catch((error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  });
  return child;
}
