/**
 * Whether time tells secrets apart: `npm run bench:constant-time [-- SECONDS]` (10 for each case).
 * Statistics of native/test/timing.c for each kernel; exits 1 when a case looks like a leak, or
 * when the one that is leaky does not. What is exact about it is in sanitizers.ts.
 */
import { createRequire } from "node:module";
import { rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

import type { NativeAddon } from "../src/engine/native/addon.ts";
import {
  bytesOf,
  compileDriver,
  nativeFolder,
  runProgram,
  temporaryFolder,
  testPrimes,
} from "./c-drivers.ts";

/** dudect's bounds for |t|. */
const suspiciousT = 4.5;
const leakyT = 10;

const seconds = process.argv[2] ?? "10";
const folder = temporaryFolder();
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const addon = join(nativeFolder, "build", "paillier.node");
const program = await compileDriver("timing", folder);
const input = Buffer.concat(testPrimes().map(bytesOf));
for (const kernel of (createRequire(import.meta.url)(addon) as NativeAddon).kernels()) {
  const { code, stdout, stderr } = await runProgram([program, kernel, seconds], { input });
  if (code !== 0) throw new Error(`timing ${kernel}: code ${code} ${stderr}`);
  for (const line of stdout.trim().split("\n")) {
    const [, name = "", count, t = "NaN"] = line.split(" ");
    const size = Math.abs(Number(t));
    const isLeaky = !(size < leakyT);
    const verdict = isLeaky
      ? "told apart"
      : size < suspiciousT
        ? "alike"
        : "suspicious, run longer";
    console.log(`${kernel.padEnd(8)}${name.padEnd(26)}${count} runs, t = ${t}: ${verdict}`);
    if (isLeaky !== (name === "leaky")) process.exitCode = 1;
  }
}
