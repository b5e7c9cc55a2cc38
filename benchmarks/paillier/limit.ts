/**
 * How far the IFMA kernel is from what the multiplier could do: the multiplications of 52 by 52 bits
 * in an operation, by the formulas of packages/paillier/native/kernel.h, against the rate at which
 * the processor issues them when nothing else happens.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const lanes = 8;
/** A word product has a lower and an upper half, one instruction each. */
const instructionsPerProduct = 2;

/** Word products of one call of a kernel's function on numbers of h limbs. */
const products = {
  mul: (h: number) => 2 * h * h,
  mulPlain: (h: number) => h * h,
  dualStep: (h: number) => 4 * h * h,
  dualSquare: (h: number) => 3.5 * h * h,
  dualMul: (h: number) => 5 * h * h,
};

/** Limbs of 52 bits with 16 bits of headroom, in tens (native/ifma.c). */
const limbs = (bits: number) => Math.ceil((bits + 16) / 52 / 10) * 10;

/** Word products of an encryption (native/encryption.c). */
export function encryptionProducts(bits: number, windowBits: number): number {
  const h = limbs(bits);
  const steps = Math.ceil(bits / 2 / windowBits);
  return steps * products.dualStep(h) + 2 * products.mul(h) + products.mulPlain(h);
}

/** Word products of an encryption with the primes (native/secret-encryption.c). */
export function secretEncryptionProducts(bits: number, windowBits: number): number {
  const h = limbs(bits / 2);
  const steps = Math.ceil(bits / 2 / windowBits);
  const half = steps * products.dualStep(h) + 4 * products.mul(h);
  const joining = 2 * products.dualMul(h) + 3 * products.dualStep(h) + 2 * products.mulPlain(h);
  return 2 * half + joining + products.mulPlain(2 * h);
}

/** Word products of a decryption, modulo p and modulo q (native/secret.c, ring_power). */
export function decryptionProducts(bits: number): number {
  const windowBits = 5;
  const h = limbs(bits / 2);
  const windows = Math.ceil(bits / 2 / windowBits);
  const tableEntries = 2 ** windowBits - 2; // squares and products in turns
  const table = (tableEntries / 2) * (products.dualSquare(h) + products.dualMul(h));
  const power = (windows - 1) * (windowBits * products.dualSquare(h) + products.dualMul(h));
  const half = 4 * products.dualStep(h) + table + power + products.dualStep(h) + products.mul(h);
  return 2 * half + products.mul(h) + products.mulPlain(h);
}

/** What the multiplier alone would allow, per second and core. */
export function limitPerSecond(wordProducts: number, peak: number): number {
  return (lanes * peak) / (instructionsPerProduct * wordProducts);
}

export type Peak = { readonly instructionsPerSecond: number; readonly how: string };

/** IFMA instructions on 512-bit registers per second and core. */
export function measurePeak(): Peak {
  const folder = mkdtempSync(join(tmpdir(), "ifma-peak-"));
  try {
    const source = fileURLToPath(new URL("ifma-peak.c", import.meta.url));
    const program = join(folder, "ifma-peak");
    const compiler = (process.env["CC"] ?? "cc").split(" ").filter(Boolean);
    const [command, ...words] = [...compiler, "-O2", "-o", program, source];
    if (spawnSync(command, words, { stdio: "ignore" }).status === 0) {
      const rate = Number(spawnSync(program, { encoding: "utf8" }).stdout);
      if (rate > 0) return { instructionsPerSecond: rate, how: "measured (ifma-peak.c)" };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const how = "no compiler here: one a cycle assumed, at the clock that a chain of sums shows";
  return { instructionsPerSecond: measureClock(), how };
}

/** Cycles per second: a multiplication and an addition, each waiting for the last, take 3 + 1. */
function measureClock(): number {
  const rounds = 1_000_000;
  let best = 0;
  let x = 1;
  for (let burst = 0; burst < 200; burst++) {
    const startMs = performance.now();
    for (let i = 0; i < rounds; i++) x = (Math.imul(x, x) + 1) | 0;
    best = Math.max(best, (4 * rounds * 1000) / (performance.now() - startMs));
  }
  return x === 0 ? 0 : best; // x is used, and never 0: −1 is no square modulo 4
}
