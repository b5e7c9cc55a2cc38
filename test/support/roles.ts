/** The parties of a measured deployment, one process each: started, told the time, asked what they have used, ended by their own ids. */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { RoleName } from "../../cli/src/deployment/role-config.ts";
import type { FromRole, ToRole, Usage } from "./role-process.ts";

const PROGRAM = fileURLToPath(new URL("role-process.ts", import.meta.url));
const START_MS_MAX = 120_000;

export interface RunningRole {
  readonly name: string;
  readonly urls: Readonly<Record<string, string>>;
  setTo(timeMs: number): void;
  usage(): Promise<Usage>;
  /** Ends in order. */
  stop(): Promise<void>;
  /** Ends at once. */
  kill(): Promise<void>;
}

/** `name` tells several of one role apart. Rejects when the role refuses to start. */
export async function startRole(
  role: RoleName,
  config: string,
  startMs: number,
  name: string = role,
): Promise<RunningRole> {
  const child = fork(PROGRAM, [role, config, String(startMs)], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = once(child, "exit");
  const answers: ((usage: Usage) => void)[] = [];
  const ready = new Promise<Readonly<Record<string, string>>>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name} did not start`)), START_MS_MAX);
    child.on("message", (message: FromRole) => {
      if ("ready" in message) resolve(message.ready);
      else if ("usage" in message) answers.shift()?.(message.usage);
      else process.stderr.write(`${name}: ${message.warning}\n`);
      if ("ready" in message) clearTimeout(late);
    });
    void ended.then(() => reject(new Error(`${name} ended at its start`)));
  });
  const urls = await ready.catch((error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  });
  return {
    name,
    urls,
    setTo: (timeMs) => tell(child, { setTo: timeMs }),
    usage() {
      tell(child, { usage: true });
      return new Promise((resolve) => answers.push(resolve));
    },
    async stop() {
      tell(child, { stop: true });
      await ended;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function tell(child: ChildProcess, message: ToRole): void {
  assert(child.connected, "the role has ended");
  child.send(message);
}
