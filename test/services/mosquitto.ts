/**
 * A Mosquitto broker of a test's own, configured as `init` would: TLS with client certificates, on a
 * free loopback port, in a temporary folder, ended by its own process id. Needs Debian's package
 * `mosquitto`.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { TlsMaterial } from "@smarter-metering/runtime";
import {
  createAuthority,
  issueCertificate,
  type Authority,
} from "../../cli/src/deployment/certificates.ts";
import { mosquittoAcl, mosquittoConf } from "../../cli/src/deployment/mosquitto-files.ts";

export const CONCENTRATOR = "concentrator";
const BINARY = "/usr/sbin/mosquitto";
const START_MS_MAX = 10_000;

export interface MosquittoServer {
  /** Such as mqtts://127.0.0.1:40123. */
  readonly url: string;
  readonly port: number;
  /** What the broker wrote to its log, of all its lives. */
  readonly log: () => string;
  /** Of the process, for measuring. */
  readonly memoryBytes: () => number;
  readonly cpuSeconds: () => number;
  readonly authority: Authority;
  readonly concentrator: TlsMaterial;
  /** What a meter shows and believes. */
  readonly tlsOf: (meterId: string) => TlsMaterial;
  /** Starts it again on the same port and folder, after `kill` or `stop`. */
  start(): Promise<void>;
  /** In order: sessions and what is queued in them are on disk. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Kills it if it runs, and removes the folder. */
  remove(): Promise<void>;
}

/** Starts a broker; the caller calls `remove` in an `after` hook. */
export async function startMosquitto(): Promise<MosquittoServer> {
  assert(existsSync(BINARY), `${BINARY} is missing: install Debian's package mosquitto`);
  const folder = mkdtempSync(join(tmpdir(), "mosquitto-"));
  const port = await freePort();
  const authority = createAuthority(Date.now());
  const issue = (kind: "party" | "server" | "meter", name: string): TlsMaterial => {
    const hosts = kind === "meter" ? [] : ["127.0.0.1", "localhost"];
    const request = { kind, name, hosts, nowMs: Date.now() };
    const { key, certificate: cert } = issueCertificate(authority, request);
    return { ca: authority.certificate, key, cert };
  };
  const confFile = writeConfiguration(folder, port, authority, issue("server", "broker"));
  const meters = new Map<string, TlsMaterial>();
  const log: string[] = [];
  let running: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = running;
    if (child === undefined) return;
    running = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  const server: MosquittoServer = {
    url: `mqtts://127.0.0.1:${port}`,
    port,
    log: () => log.join(""),
    memoryBytes() {
      const status = readFileSync(`/proc/${running?.pid}/status`, "utf8");
      return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
    },
    cpuSeconds() {
      // Fields 14 and 15 of proc(5), in hundredths; the name before them has no blank.
      const fields = readFileSync(`/proc/${running?.pid}/stat`, "utf8").split(" ");
      return (Number(fields[13]) + Number(fields[14])) / 100;
    },
    authority,
    concentrator: issue("party", CONCENTRATOR),
    tlsOf(meterId) {
      const tls = meters.get(meterId) ?? issue("meter", meterId);
      meters.set(meterId, tls);
      return tls;
    },
    async start() {
      assert(running === undefined, "the broker runs");
      const child = spawn(BINARY, ["-c", confFile], { stdio: ["ignore", "ignore", "pipe"] });
      child.stderr.setEncoding("utf8").on("data", (text: string) => log.push(text));
      running = child;
      await listening(port, child, server.log);
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    async remove() {
      await end("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await server.start();
  } catch (error) {
    await server.remove();
    throw error;
  }
  return server;
}

function writeConfiguration(
  folder: string,
  port: number,
  authority: Authority,
  own: TlsMaterial,
): string {
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const persistenceFolder = join(folder, "data/");
  mkdirSync(persistenceFolder);
  const files = {
    ca: write("ca.pem", authority.certificate),
    certificate: write("broker.pem", own.cert),
    key: write("broker.key", own.key),
    acl: write("acl", mosquittoAcl(CONCENTRATOR)),
  };
  const user = userInfo().username;
  const place = { host: "127.0.0.1", port, files, persistenceFolder, user };
  return write("mosquitto.conf", mosquittoConf(place));
}

async function listening(port: number, child: ChildProcess, log: () => string): Promise<void> {
  const limitMs = Date.now() + START_MS_MAX;
  for (;;) {
    assert(child.exitCode === null, `mosquitto ended at its start:\n${log()}`);
    assert(Date.now() < limitMs, `mosquitto does not listen:\n${log()}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.end(() => resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return;
    await wait(20);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
