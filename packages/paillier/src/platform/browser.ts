/**
 * The browser's twin of `node.ts`: the same functions with nothing but the language. No threads,
 * and secret exponents are not constant time; a browser encrypts and verifies, and holds no
 * Paillier secret in any profile (docs/protocol.md §6).
 */
import type { Loaded } from "../engine/native/load.ts";
import type { Runner } from "../engine/job.ts";
import { findBlumPrime, isProbablePrime, power, systemRandom } from "../modular.ts";

export async function randomBlumPrime(bits: number): Promise<bigint> {
  return findBlumPrime(bits, systemRandom);
}

export async function randomSafePrime(): Promise<bigint> {
  throw new TypeError("paillier: a threshold key is dealt offline, in Node");
}

export async function isPrime(candidate: bigint): Promise<boolean> {
  return isProbablePrime(candidate, systemRandom);
}

export function secretPower(exponent: bigint, modulus: bigint): (base: bigint) => bigint {
  return (base) => power(base, exponent, modulus);
}

export const hasThreads = false;

export function createPool(): Runner {
  throw new TypeError("paillier: threads need Node; use createPortableEngine({ threads: 0 })");
}

export function loadAddon(): Loaded {
  return { reason: "a browser loads no native engine" };
}
