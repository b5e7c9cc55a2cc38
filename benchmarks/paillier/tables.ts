/**
 * What a wider fixed-base table costs and brings: time to build, memory, encryptions per second on
 * one core. The engines' own widths are chosen by this (native/runner.ts, portable/arithmetic.ts).
 */
import { engineKeyOf, itemBytes, type Kernel, type KeyPair } from "@smarter-metering/paillier";
import {
  blind,
  buildFixedBaseTable,
} from "../../packages/paillier/src/engine/portable/fixed-base.ts";
import type { NativeAddon } from "../../packages/paillier/src/engine/native/addon.ts";
import { race, trialOf, type Effort } from "./rounds.ts";

export type TableCost = {
  readonly engine: string;
  readonly bits: number;
  readonly windowBits: number;
  readonly buildMs: number;
  readonly megabytes: number;
  readonly encryptionsPerSecond: number;
};

const windows = [4, 6, 8, 9, 10];

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
    const startMs = performance.now();
    await addon.run("buildTable", key, undefined, undefined, undefined, windowBits);
    const buildMs = performance.now() - startMs;
    const encrypt = () => addon.run("encrypt", key, messages, blindings, undefined, 0);
    const [rate] = await race([trialOf(count, encrypt)], effort);
    addon.close(key);
    const entries = Math.ceil(bits / 2 / windowBits) * 2 ** windowBits;
    costs.push({
      engine: `native-${kernel}`,
      bits,
      windowBits,
      buildMs,
      megabytes: (entries * 2 * width.message) / 1e6,
      encryptionsPerSecond: rate?.best ?? 0,
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
    const startMs = performance.now();
    const table = buildFixedBaseTable(n, hs, bits / 2, windowBits);
    const buildMs = performance.now() - startMs;
    const [rate] = await race([trialOf(1, () => blind(table, 1n, exponent))], effort);
    costs.push({
      engine: "portable",
      bits,
      windowBits,
      buildMs,
      megabytes: (table.residues.length * 2 * (bits / 8 + 16 + 8)) / 1e6,
      encryptionsPerSecond: rate?.best ?? 0,
    });
  }
  return costs;
}
