/**
 * What Node lends to the portable code (package.json `imports`, condition "node"): primes, modular
 * exponentiation with a secret exponent, threads. `browser.ts` is its twin.
 */
import { checkPrime, createDiffieHellman, generatePrime } from "node:crypto";

import { bitLength, bigintFromBytes, bytesFromBigint } from "../big-endian.ts";
import { power } from "../modular.ts";

export { loadAddon } from "../engine/native/load.ts";
export { createPool } from "../engine/portable/pool.ts";

export const hasThreads = true;

/** A prime ≡ 3 mod 4 of exactly `bits` bits from OpenSSL's generator, off the event loop. */
export async function randomBlumPrime(bits: number): Promise<bigint> {
  return await new Promise((resolve, reject) => {
    generatePrime(bits, { add: 4n, rem: 3n, bigint: true }, (error, prime) =>
      error ? reject(error) : resolve(prime),
    );
  });
}

/** A prime p of exactly `bits` bits, its top two set, whose (p − 1)/2 is prime; some seconds. */
export async function randomSafePrime(bits: number): Promise<bigint> {
  return await new Promise((resolve, reject) => {
    generatePrime(bits, { safe: true, bigint: true }, (error, prime) =>
      error ? reject(error) : resolve(prime),
    );
  });
}

export async function isPrime(candidate: bigint): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    checkPrime(candidate, (error, prime) => (error ? reject(error) : resolve(prime)));
  });
}

/**
 * base ↦ base^exponent mod modulus, in constant time for the exponent where OpenSSL accepts the
 * input: a Diffie-Hellman "shared secret" is exactly this power (BN_mod_exp_mont_consttime), and
 * the modulus need not be prime. OpenSSL refuses bases and results of 0, 1 and −1 and moduli over
 * 10,000 bits; those go to BigInt. Set-up checks the modulus and costs some milliseconds: make one
 * and use it again. The caller tests the result (decryption.ts: Fermat).
 */
export function secretPower(exponent: bigint, modulus: bigint): (base: bigint) => bigint {
  const widthBytes = Math.ceil(bitLength(modulus) / 8);
  const toBytes = (value: bigint) => bytesFromBigint(value, widthBytes);
  const group = createDiffieHellman(toBytes(modulus), Uint8Array.of(2)); // generator: not used
  const exponentBytes = Math.max(1, Math.ceil(bitLength(exponent) / 8)); // 0 has a byte, too
  group.setPrivateKey(bytesFromBigint(exponent, exponentBytes));
  return (base) => {
    const reduced = base % modulus;
    try {
      return bigintFromBytes(group.computeSecret(toBytes(reduced)));
    } catch {
      return power(reduced, exponent, modulus); // a refused value is still an exact power
    }
  };
}
