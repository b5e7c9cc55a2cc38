/**
 * The Paillier engines beside each other and beside other implementations, in one run, first on one
 * core, then on all: `npm run bench:paillier -- [--quick] [--json] [--readme] [--gates]`. Ratios are
 * the claim; absolute figures belong to the machine. Keys are the fixed TEST keys.
 *
 *   --quick   less than a minute: two short rounds, no key generation, no tables; of all cores the
 *             ratio of two to one alone, at 3072 bits
 *   --json    a Report (paillier/results.ts) in place of markdown
 *   --readme  the tables into packages/paillier/README.md as well
 *   --gates   exit 1 when a ratio is not what it must be
 */
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gatesOf, targetsOf } from "./paillier/checks.ts";
import {
  decryptionProducts,
  encryptionProducts,
  limitPerSecond,
  measurePeak,
  secretEncryptionProducts,
} from "./paillier/limit.ts";
import { describeMachine, firstProcessor } from "./paillier/machine.ts";
import { markdownOf, readmePart } from "./paillier/markdown.ts";
import { writeReadme } from "./paillier/readme.ts";
import { bestOf, type LimitShare, type Phase, type Report } from "./paillier/results.ts";

/** Of the native engine's wide table (native/runner.ts). */
const wideWindowBits = 9;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    readme: { type: "boolean", default: false },
    gates: { type: "boolean", default: false },
  },
});
const effort = options.quick ? { rounds: 2, sliceMs: 30 } : { rounds: 3, sliceMs: 250 };

function measure(cores: "one" | "all", pin: readonly string[]): Phase {
  const script = fileURLToPath(new URL("paillier/measure.ts", import.meta.url));
  const words = [cores, effort.rounds, effort.sliceMs, options.quick ? "quick" : "full"].map(
    String,
  );
  const line = [...pin, process.execPath, "--import", "tsx", script, ...words];
  const [command = process.execPath, ...args] = line;
  const { status, stdout } = spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(Math.max(4, availableParallelism())) },
  });
  if (status !== 0) throw new Error(`measuring on ${cores} core(s) failed`);
  return JSON.parse(stdout) as Phase; // written by measure.ts
}

function limitsOf(oneCore: Phase, instructionsPerSecond: number): LimitShare[] {
  return [2048, 3072].flatMap((bits) => {
    const products = {
      encrypt: encryptionProducts(bits, wideWindowBits),
      encryptSecret: secretEncryptionProducts(bits, wideWindowBits),
      decryptBatch: decryptionProducts(bits),
    };
    return (["encrypt", "encryptSecret", "decryptBatch"] as const).map((operation) => ({
      bits,
      operation,
      wordProducts: products[operation],
      limitPerSecond: limitPerSecond(products[operation], instructionsPerSecond),
      reachedPerSecond: bestOf(oneCore, bits, operation, "native-ifma") ?? 0,
    }));
  });
}

async function run(): Promise<Report> {
  const startMs = performance.now();
  const machine = describeMachine();
  const hasTaskset = spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0;
  const pinnedTo = hasTaskset ? firstProcessor() : undefined;
  const oneCore = measure("one", pinnedTo === undefined ? [] : ["taskset", "-c", `${pinnedTo}`]);
  const allCores = measure("all", []);
  const peak = oneCore.kernels.includes("ifma") ? measurePeak() : undefined;
  return {
    machine,
    effort,
    pinnedTo,
    oneCore,
    allCores,
    peak,
    limits: peak === undefined ? [] : limitsOf(oneCore, peak.instructionsPerSecond),
    gates: gatesOf(oneCore, allCores),
    targets: targetsOf(oneCore),
    seconds: (performance.now() - startMs) / 1000,
  };
}

const report = await run();
console.log(options.json ? JSON.stringify(report) : markdownOf(report));
if (options.readme) await writeReadme(readmePart(report));
const failed = report.gates.filter(({ holds }) => !holds);
if (options.gates && failed.length > 0) {
  for (const { name, bits, value, wanted } of failed) {
    console.error(
      `gate: ${name}, ${bits} bits: ${value.toFixed(2)}, at least ${wanted} is asked for`,
    );
  }
  process.exitCode = 1;
}
