/**
 * One phase of benchmarks/paillier.ts, in a process of its own so that it can be bound to one core:
 * `measure.ts one|all rounds sliceMs`. Prints a Phase as JSON.
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import { createPortableEngine, type Engine, type KeyPair } from "@smarter-metering/paillier";
import type { Kernel, NativeAddon } from "../../packages/paillier/src/engine/native/addon.ts";
import { loadAddon } from "../../packages/paillier/src/engine/native/load.ts";
import { createNativeEngine } from "../../packages/paillier/src/engine/native/native.ts";
import { loadTestKey2048, loadTestKey3072 } from "../../packages/paillier/test/fixed-keys.ts";
import { keyGeneration, ourContender, paillierBigint, type Contender } from "./contenders.ts";
import { operations, type Operation } from "./operations.ts";
import { startPythonPhe } from "./python-phe.ts";
import type { Measurement, Phase, Scaling } from "./results.ts";
import { race, type Effort, type Trial } from "./rounds.ts";
import { nativeTables, portableTables, type TableCost } from "./tables.ts";

type Setting = { readonly effort: Effort; readonly isQuick: boolean };
type Fighter = { readonly engine: Engine; readonly contender: Contender };

const names = Object.keys(operations) as Operation[]; // the keys of that very object
const loaded = loadAddon();
const addon: NativeAddon | undefined = "addon" in loaded ? loaded.addon : undefined;
const kernels = addon?.kernels() ?? [];

/**
 * Items for each thread in one call, some 50 to 250 ms of work: at the end of a call one thread waits
 * for the other, which in calls of 20 ms cost up to a third of the second core.
 */
const wide: Readonly<Record<Kernel | "portable", number>> = {
  ifma: 768,
  mulx: 192,
  generic: 128,
  portable: 64,
};

async function native(kernel: Kernel, pair: KeyPair, threads: number): Promise<Fighter> {
  if (addon === undefined) throw new Error("no native engine");
  const engine = await createNativeEngine(addon, { kernel, threads });
  const size = { threads, wide: wide[kernel] };
  return { engine, contender: await ourContender(`native-${kernel}`, engine, pair, size) };
}

/** `threads` 0 is inline, and one at work. */
async function portable(pair: KeyPair, threads: number): Promise<Fighter> {
  const engine = createPortableEngine({ threads });
  const size = { threads: Math.max(1, threads), wide: wide.portable };
  return { engine, contender: await ourContender("portable", engine, pair, size) };
}

async function compare(
  bits: number,
  contenders: readonly Contender[],
  { effort, isQuick }: Setting,
): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const operation of names) {
    if (isQuick && operation === "generateKeys") continue; // seconds each, and luck
    process.stderr.write(`${bits} bits: ${operations[operation]}\n`);
    const taking = contenders.flatMap(({ name, trials }) => {
      const trial = trials[operation];
      return trial === undefined ? [] : [{ name, trial }];
    });
    const rates = await race(
      taking.map(({ trial }) => trial),
      effort,
    );
    for (const [i, { name }] of taking.entries()) {
      const rate = rates[i];
      if (rate !== undefined) measurements.push({ bits, operation, contender: name, ...rate });
    }
  }
  return measurements;
}

/**
 * Two threads against one, in turns: the fastest kernel and the portable engine. More rounds than elsewhere: with both
 * cores asked for, whatever else the machine does is in the way.
 */
async function compareThreads(pair: KeyPair, setting: Setting): Promise<Scaling[]> {
  const effort = { ...setting.effort, rounds: 4 * setting.effort.rounds };
  const { bits } = pair.publicKey;
  const [fastest] = kernels;
  const scaling: Scaling[] = [];
  for (const start of [
    (threads: number) => portable(pair, threads),
    ...(fastest === undefined ? [] : [(threads: number) => native(fastest, pair, threads)]),
  ]) {
    const [one, two] = [await start(1), await start(2)];
    for (const operation of ["encrypt", "decryptBatch"] as const) {
      const trials = [one, two].map(({ contender }) => contender.trials[operation] as Trial); // ours
      const [single, double] = await race(trials, effort);
      const ratio = (double?.best ?? 0) / (single?.best ?? 1);
      scaling.push({ bits, operation, contender: one.contender.name, ratio });
    }
    await Promise.all([one.engine.close(), two.engine.close()]);
  }
  return scaling;
}

async function measureTables(pair: KeyPair, { effort }: Setting): Promise<TableCost[]> {
  process.stderr.write(`${pair.publicKey.bits} bits: tables\n`);
  const costs = [];
  for (const kernel of kernels) {
    if (addon !== undefined) costs.push(...(await nativeTables(addon, kernel, pair, effort)));
  }
  return [...costs, ...(await portableTables(pair, effort))];
}

async function measureOneCore(pairs: readonly KeyPair[], setting: Setting): Promise<Phase> {
  const python = await startPythonPhe(pairs);
  const tables: TableCost[] = [];
  const measurements: Measurement[] = [];
  const engines = new Set<string>();
  for (const pair of pairs) {
    const { bits } = pair.publicKey;
    if (!setting.isQuick) tables.push(...(await measureTables(pair, setting)));
    const fighters = [await portable(pair, 0)];
    for (const kernel of kernels) fighters.push(await native(kernel, pair, 1));
    const ours = fighters.map(({ contender }) => contender);
    const generator = { name: "portable", trials: { generateKeys: keyGeneration(bits) } };
    const theirs = [
      paillierBigint(pair),
      ...(python === undefined ? [] : [python.contender(bits)]),
    ];
    measurements.push(...(await compare(bits, [...ours, generator, ...theirs], setting)));
    for (const { engine } of fighters) {
      engines.add(engine.name);
      await engine.close();
    }
  }
  python?.close();
  return { ...about(engines, python?.versions), measurements, tables, scaling: [] };
}

async function measureAllCores(pairs: readonly KeyPair[], setting: Setting): Promise<Phase> {
  const threads = availableParallelism();
  const scaling: Scaling[] = [];
  const measurements: Measurement[] = [];
  const engines = new Set<string>();
  for (const pair of pairs) {
    const { bits } = pair.publicKey;
    process.stderr.write(`${bits} bits: two threads against one\n`);
    if (threads >= 2) scaling.push(...(await compareThreads(pair, setting)));
    if (setting.isQuick) continue;
    const fighters = [await portable(pair, threads)];
    for (const kernel of kernels) fighters.push(await native(kernel, pair, threads));
    const contenders = fighters.map(({ contender }) => contender);
    measurements.push(...(await compare(bits, contenders, setting)));
    for (const { engine } of fighters) {
      engines.add(engine.name);
      await engine.close();
    }
  }
  return { ...about(engines, undefined), measurements, tables: [], scaling };
}

function about(engines: ReadonlySet<string>, python: string | undefined) {
  return {
    engines: [...engines],
    kernels,
    whyPortable: "reason" in loaded ? loaded.reason : undefined,
    python,
  };
}

const [which, rounds = "3", sliceMs = "200", isQuick] = process.argv.slice(2);
const setting: Setting = {
  effort: { rounds: Number(rounds), sliceMs: Number(sliceMs) },
  isQuick: isQuick === "quick",
};
const isPart = setting.isQuick && which === "all";
const pairs = [...(isPart ? [] : [await loadTestKey2048()]), await loadTestKey3072()];
const phase = await (which === "one" ? measureOneCore : measureAllCores)(pairs, setting);
process.stdout.write(JSON.stringify(phase));
