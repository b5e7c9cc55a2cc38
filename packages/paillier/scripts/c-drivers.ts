/**
 * Compiles and runs the C programs of native/test, which drive the library without Node, for
 * sanitizers.ts and constant-time.ts.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const nativeFolder = fileURLToPath(new URL("../native", import.meta.url));
const compiler = process.env["CC"] ?? "cc";

/** How a program ended: -1 for one that is not there, or that a signal ended. */
export type Outcome = {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
};

export type RunOptions = {
  readonly input?: Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
};

export function runProgram(
  [command = "", ...args]: readonly string[],
  { input, env }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...process.env, ...env } });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("latin1").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    child.on("error", (error) => resolve({ code: -1, stdout: "", stderr: error.message }));
    child.on("close", (code) => resolve({ code: code ?? -1, ...output }));
    child.stdin.on("error", () => {}); // it ended without reading: its code says why
    child.stdin.end(input);
  });
}

/** The program made of native/test/`name`.c and, unless it stands `alone`, the library. */
export async function compileDriver(
  name: string,
  folder: string,
  flags: readonly string[] = [],
  alone = false,
): Promise<string> {
  const sources = readdirSync(nativeFolder)
    .filter((file) => file.endsWith(".c") && !file.startsWith("addon"))
    .map((file) => join(nativeFolder, file));
  const program = join(folder, `${name}${flags.includes("-static") ? "-static" : ""}`);
  const source = join(nativeFolder, "test", `${name}.c`);
  const command = [compiler, "-std=gnu11", "-O3", "-g", "-Wall", "-Wextra", ...flags, source];
  if (!alone) command.push(...sources, "-pthread", "-lm");
  const { code, stderr } = await runProgram([...command, "-o", program]);
  if (code !== 0) throw new Error(`${name}.c does not compile:\n${stderr}`);
  return program;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "paillier-drivers-"));
}

/** The primes of the TEST keys of 2048 bits, in hex. */
export function testPrimes(): { readonly p: string; readonly q: string }[] {
  const path = new URL("../test/fixed-keys.json", import.meta.url);
  const keys = JSON.parse(readFileSync(path, "utf8")) as { p: string; q: string }[];
  return keys.slice(0, 2);
}

/** What the drivers read from standard input. */
export function bytesOf({ p, q }: { readonly p: string; readonly q: string }): Uint8Array {
  return new Uint8Array(Buffer.from(p + q, "hex"));
}
