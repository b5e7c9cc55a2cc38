/**
 * The real command line in processes of its own, for tests: each in a temporary folder, its output caught, ended by its own id alone.
 * Nothing of the project is imported here.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const entry = join(root, "cli/bin/smarter-metering.js");
/** What one process may print; none of the tests comes near. */
const OUTPUT_CHARACTERS_MAX = 64 * 1024 * 1024;

export interface Outcome {
  /** Null when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly outcome: Promise<Outcome>;
  /** Everything printed to stderr so far. */
  stderr(): string;
  /** Resolves when `text` has been printed; rejects when the process ends without it. */
  printed(text: string, where: "stdout" | "stderr"): Promise<void>;
  /** Signals this very process, and resolves when it has ended. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<Outcome>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `smarter-metering <words>`. */
export const start = (...words: readonly string[]): Running => startNode([entry, ...words]);

function startNode(words: readonly string[]): Running {
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"], cwd: root });
  running.add(child);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      assert(output[name].length <= OUTPUT_CHARACTERS_MAX, `${words[0]} prints without end`);
    });
  }
  const outcome = once(child, "close").then((): Outcome => {
    running.delete(child);
    return { code: child.exitCode, ...output };
  });
  return {
    outcome,
    stderr: () => output.stderr,
    async printed(text, where) {
      while (!output[where].includes(text)) {
        const more = once(child[where], "data").then(() => true);
        const goesOn = await Promise.race([more, outcome.then(() => false)]);
        assert(
          goesOn || output[where].includes(text),
          `it ended without "${text}": ${output.stderr}`,
        );
      }
    },
    end(signal) {
      child.kill(signal);
      return outcome;
    },
  };
}

/** Runs `smarter-metering <words>` to its end. */
export const run = (...words: readonly string[]): Promise<Outcome> => start(...words).outcome;

/**
 * Several command lines one after another in one process, which saves the time to load the program. The process must then end by itself:
 * whatever a command left open would keep it.
 */
export async function runAll(all: readonly (readonly string[])[]): Promise<Outcome[]> {
  const program = fileURLToPath(new URL("run-many.ts", import.meta.url));
  // Each call of main listens to the output's errors; a process has but one call, and here are many.
  const node = ["--no-warnings", "--import", "tsx", program];
  const outcome = await startNode([...node, JSON.stringify(all)]).outcome;
  const printed = outcome.stdout.split(/\0(\d+)\n/);
  const noted = outcome.stderr.split("\0\n");
  assert.equal(noted.length, all.length + 1, outcome.stderr);
  return all.map((_, index) => ({
    code: Number(printed[2 * index + 1]),
    stdout: printed[2 * index] ?? "",
    stderr: noted[index] ?? "",
  }));
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder that goes when this process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "smarter-metering-e2e-"));
  folders.push(folder);
  return folder;
}
