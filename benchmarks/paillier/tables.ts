/**
 * What a wider fixed-base table costs and brings: time to build, memory, encryptions per second. The
 * engines' own widths are chosen by this (native/runner.ts, portable/arithmetic.ts). One thread
 * works, so processor time is what it takes on a machine that does nothing else.
 */
import process from "node:process";
import { engineKeyOf, itemBytes, type Kernel, type KeyPair } from "@smarter-metering/paillier";
import {
  blind,
  buildFixedBaseTable,
} from "../../packages/paillier/src/engine/portable/fixed-base.ts";
import type { NativeAddon } from "../../packages/paillier/src/engine/native/addon.ts";
import type { Effort } from "./rounds.ts";

export type TableCost = {
  readonly engine: string;
  readonly bits: number;
  readonly windowBits: number;
  readonly buildMs: number;
  readonly megabytes: number;
  readonly encryptionsPerSecond: number;
};

const windows = [4, 6, 8, 9, 10];

/** Milliseconds of processor time, in whatever thread. */
async function processorMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Per second of processor time, the best of all rounds; `batch` encryptions a call. */
async function rateOf(batch: number, run: () => unknown, effort: Effort): Promise<number> {
  await run();
  let best = 0;
  for (let round = 0; round < effort.rounds; round++) {
    let calls = 0;
    let spentMs = 0;
    do {
      spentMs += await processorMs(run);
      calls += 1;
    } while (spentMs < effort.sliceMs);
    best = Math.max(best, (1000 * batch * calls) / spentMs);
  }
  return best;
}

export async function nativeTables(
  addon: NativeAddon,
  kernel: Kernel,
  { publicKey }: KeyPair,
  effort: Effort,
): Promise<TableCost[]> {
  const { bits } = publicKey;
  const { n, hs } = engineKeyOf(publicKey);
  const width = itemBytes(bits);
  const count = kernel === "ifma" ? 256 : 32;
  const messages = new Uint8Array(count * width.message).fill(1);
  const blindings = new Uint8Array(count * width.blinding).map((_, i) => i * 167 + (i >> 8));
  const costs: TableCost[] = [];
  for (const windowBits of windows) {
    // A key's table only grows and is shared by everyone who has it open: a key for each width.
    const key = addon.openPublicKey(n, hs, kernel);
    const buildMs = await processorMs(() =>
      addon.run("buildTable", key, undefined, undefined, undefined, windowBits),
    );
    const encrypt = () => addon.run("encrypt", key, messages, blindings, undefined, 0);
    const encryptionsPerSecond = await rateOf(count, encrypt, effort);
    addon.close(key);
    const entries = Math.ceil(bits / 2 / windowBits) * 2 ** windowBits;
    costs.push({
      engine: `native-${kernel}`,
      bits,
      windowBits,
      buildMs,
      megabytes: (entries * 2 * width.message) / 1e6,
      encryptionsPerSecond,
    });
  }
  return costs;
}

/** Signed digits: half the entries. A bigint is its digits, a header of 16 bytes and a slot of 8. */
export async function portableTables(
  { publicKey: { n, hs, bits } }: KeyPair,
  effort: Effort,
): Promise<TableCost[]> {
  const exponent = new Uint8Array(bits / 16).map((_, i) => i * 167);
  const costs: TableCost[] = [];
  for (const windowBits of [5, 9]) {
    let table = buildFixedBaseTable(n, hs, bits / 2, 1);
    const buildMs = await processorMs(() => {
      table = buildFixedBaseTable(n, hs, bits / 2, windowBits);
    });
    const encryptionsPerSecond = await rateOf(1, () => blind(table, 1n, exponent), effort);
    costs.push({
      engine: "portable",
      bits,
      windowBits,
      buildMs,
      megabytes: (table.residues.length * 2 * (bits / 8 + 16 + 8)) / 1e6,
      encryptionsPerSecond,
    });
  }
  return costs;
}
