/**
 * What tests alone do not see in the C of the native engine: `npm run test:sanitizers`.
 *
 * - AddressSanitizer and UBSan under the tests of the addon, LeakSanitizer at the end of a process;
 * - valgrind's memcheck on the library without Node: uninitialised memory, leaks;
 * - secrets: memcheck with secrets marked as undefined, equal instruction counts for two keys, and
 *   an equal path, instruction by instruction (native/test/secrets.c, trace.c).
 *
 * valgrind 3.19 knows no AVX512: the kernel `ifma` runs under the sanitizers and the trace alone.
 * Every check of secrets has a case that it must catch. A missing tool is a failure.
 */
import { generatePrimeSync } from "node:crypto";
import { createRequire } from "node:module";
import { rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import type { NativeAddon } from "../src/engine/native/addon.ts";
import {
  bytesOf,
  compileDriver,
  nativeFolder,
  runProgram,
  temporaryFolder,
  testPrimes,
  type Outcome,
} from "./c-drivers.ts";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const sanitizedAddon = join(nativeFolder, "build", "paillier-asan.node");
const folder = temporaryFolder();
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let failures = 0;
function report(what: string, passed: boolean, detail = ""): void {
  console.log(`${passed ? "ok  " : "FAIL"} ${what}${passed ? "" : `\n${detail}`}`);
  if (!passed) failures += 1;
}

const detailOf = ({ code, stdout, stderr }: Outcome) => `code ${code}\n${stdout}${stderr}`;

/** The kernels of this machine; valgrind runs all but ifma. */
let kernels: string[] = [];
const underValgrind = () => kernels.filter((kernel) => kernel !== "ifma");

async function prepare(): Promise<string> {
  const cc = process.env["CC"] ?? "cc";
  for (const [tool, ...args] of [
    [cc, "--version"],
    ["valgrind", "--version"],
  ] as const) {
    if ((await runProgram([tool, ...args])).code !== 0) throw new Error(`${tool} does not run`);
  }
  const { stdout } = await runProgram([cc, "-print-file-name=libasan.so"]);
  const library = stdout.trim();
  if (!library.includes("/")) throw new Error(`${cc} has no libasan.so`);
  for (const flag of ["--required", "--sanitize"]) {
    const build = await runProgram([process.execPath, join(nativeFolder, "build.mjs"), flag]);
    if (build.code !== 0) throw new Error(build.stderr);
  }
  const plain = join(nativeFolder, "build", "paillier.node");
  kernels = (createRequire(import.meta.url)(plain) as NativeAddon).kernels();
  return library;
}

async function runSanitized(library: string): Promise<void> {
  const env = {
    LD_PRELOAD: library,
    ASAN_OPTIONS: "detect_leaks=0:detect_stack_use_after_return=1",
    UBSAN_OPTIONS: "print_stacktrace=1",
    SMARTER_METERING_TEST_ADDON: sanitizedAddon,
  };
  for (const file of ["sanitized.ts", "addon.test.ts"]) {
    const path = join(packageFolder, "test", file);
    const command = [process.execPath, "--import", "tsx", "--test", path];
    const outcome = await runProgram(command, { env });
    const ran = /^# tests [1-9]|^ℹ tests [1-9]/m.test(outcome.stdout);
    report(`ASAN and UBSan, test/${file}`, outcome.code === 0 && ran, detailOf(outcome));
  }
}

async function findLeaks(library: string): Promise<void> {
  const [{ p, q } = { p: "", q: "" }] = testPrimes();
  const script = join(nativeFolder, "test", "every-operation.mjs");
  const command = [process.execPath, script, sanitizedAddon, p, q];
  const options = { ASAN_OPTIONS: "detect_leaks=1", LSAN_OPTIONS: "exitcode=23" };
  const outcome = await runProgram(command, { env: { ...options, LD_PRELOAD: library } });
  report("LeakSanitizer, every operation", outcome.code === 0, detailOf(outcome));
  const shared = ["-shared", "-fPIC"];
  const leaky = await compileDriver("leaky-library", folder, shared, true);
  const env = { ...options, LD_PRELOAD: `${library} ${leaky}` };
  const control = await runProgram(command, { env });
  const isCaught = control.stderr.includes("leak of 77 byte");
  report("LeakSanitizer finds a leak that is there", isCaught, detailOf(control));
}

/** The two largest primes ≡ 3 mod 4 below 2^256: small enough for slow tools. */
function smallKey(): Uint8Array {
  const [p, q] = [189n, 357n].map((below) => (2n ** 256n - below).toString(16));
  return bytesOf({ p: p ?? "", q: q ?? "" });
}

async function runMemcheck(): Promise<void> {
  const program = await compileDriver("operations", folder);
  const command = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full"];
  const digests = new Set<string>();
  for (const kernel of underValgrind()) {
    const checked = [...command, "--show-leak-kinds=all", "--errors-for-leak-kinds=all", program];
    const outcome = await runProgram([...checked, kernel, "512"], { input: smallKey() });
    report(`memcheck, every operation, ${kernel}`, outcome.code === 0, detailOf(outcome));
    digests.add(outcome.stdout);
  }
  for (const kernel of kernels) {
    digests.add((await runProgram([program, kernel, "512"], { input: smallKey() })).stdout);
  }
  report("all kernels, with valgrind and without, compute the same", digests.size === 1);
}

async function followSecrets(): Promise<void> {
  const program = await compileDriver("secrets", folder);
  const quiet = ["valgrind", "--quiet", "--error-exitcode=9", program];
  for (const kernel of underValgrind()) {
    for (const name of ["decrypt", "power", "messages", "secret-encrypt"]) {
      const outcome = await runProgram([...quiet, kernel, "512", name], { input: smallKey() });
      const passed = outcome.code === 0 && outcome.stderr === "";
      report(
        `no branch and no address depends on a secret: ${name}, ${kernel}`,
        passed,
        outcome.stderr,
      );
    }
    for (const name of ["table", "leaky"]) {
      const { code } = await runProgram([...quiet, kernel, "512", name], { input: smallKey() });
      report(`memcheck catches ${name}, ${kernel}`, code === 9);
    }
  }
}

/** Instructions of the whole program with each of two keys of 2048 bits. */
async function countInstructions(): Promise<void> {
  const program = await compileDriver("secrets", folder);
  const counting = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program];
  for (const kernel of underValgrind()) {
    for (const name of ["decrypt", "power", "leaky"]) {
      const counts = await Promise.all(
        testPrimes().map(async (key) => {
          const run = await runProgram([...counting, kernel, "2048", name], {
            input: bytesOf(key),
          });
          return /Collected : (\d+)/.exec(run.stderr)?.[1] ?? run.stderr;
        }),
      );
      const isCounted = counts.every((count) => /^\d+$/.test(count));
      const isEqual = new Set(counts).size === 1;
      const what = `instructions with two keys: ${name}, ${kernel}: ${counts.join(" and ")}`;
      report(what, isCounted && isEqual === (name !== "leaky"));
    }
  }
}

/** The path through `ifma`, with random primes of 64 bits: a step takes some 10 µs. */
async function tracePaths(): Promise<void> {
  if (!kernels.includes("ifma")) {
    console.log("NOT TESTED here: the path of the kernel ifma, which this machine cannot run");
    return;
  }
  const tracer = await compileDriver("trace", folder, [], true);
  const program = await compileDriver("secrets", folder, ["-static", "-no-pie"]);
  const prime = () => generatePrimeSync(64, { add: 4n, rem: 3n, bigint: true }).toString(16);
  const keys = [1, 2].map(() => ({ p: prime(), q: prime() }));
  for (const name of ["decrypt", "power", "leaky"]) {
    const paths = await Promise.all(
      keys.map(async (key) => {
        const command = [tracer, program, "ifma", "128", name, "traced"];
        const run = await runProgram(command, { input: bytesOf(key) });
        return run.code === 0 ? run.stdout.trim() : detailOf(run);
      }),
    );
    const isTraced = paths.every((path) => /^\d+ [0-9a-f]{16}$/.test(path));
    const isEqual = new Set(paths).size === 1;
    const what = `path with two keys: ${name}, ifma: ${paths.join(" and ")}`;
    report(what, isTraced && isEqual === (name !== "leaky"), JSON.stringify(keys));
  }
}

try {
  const library = await prepare();
  await Promise.all([
    runSanitized(library).then(() => findLeaks(library)),
    runMemcheck().then(followSecrets).then(countInstructions).then(tracePaths),
  ]);
} catch (error) {
  report("test:sanitizers", false, error instanceof Error ? error.message : String(error));
}
console.log(failures === 0 ? "all sanitizer checks passed" : `${failures} checks failed`);
process.exitCode = failures === 0 ? 0 : 1;
