/**
 * Modular arithmetic on bigint. Not constant time: V8's BigInt is not. Secret exponents go through
 * the platform's modular exponentiation where there is one (src/platform).
 */
import { bitLength, bigintFromBytes } from "./big-endian.ts";

/** A source of cryptographic randomness: `length` fresh bytes. Tests hand in a seeded one. */
export type Random = (length: number) => Uint8Array;

/** The Web Crypto generator, which browsers and Node share. */
export const systemRandom: Random = (length) => {
  const bytes = new Uint8Array(length);
  const chunkBytesMax = 65_536; // the limit of one getRandomValues call
  for (let offset = 0; offset < length; offset += chunkBytesMax) {
    globalThis.crypto.getRandomValues(bytes.subarray(offset, offset + chunkBytesMax));
  }
  return bytes;
};

/** Uniform in [1, limit): rejection sampling, no modulo bias. */
export function randomBelow(limit: bigint, random: Random): bigint {
  const bits = bitLength(limit);
  for (;;) {
    const candidate = BigInt.asUintN(bits, bigintFromBytes(random(Math.ceil(bits / 8))));
    if (candidate > 0n && candidate < limit) return candidate;
  }
}

/** Greatest common divisor of two non-negative numbers. */
export function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** a⁻¹ mod modulus by the extended Euclidean algorithm; undefined when there is none. */
export function inverse(a: bigint, modulus: bigint): bigint | undefined {
  let [r0, r1] = [modulus, a % modulus];
  let [t0, t1] = [0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [t0, t1] = [t1, t0 - quotient * t1];
  }
  if (r0 !== 1n) return undefined;
  return t0 < 0n ? t0 + modulus : t0;
}

/** base^exponent mod modulus for exponent ≥ 0: bit by bit, or four at a time where that pays. */
export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const digitBits = bitLength(exponent) > 80 ? 4 : 1;
  const reduced = base % modulus;
  const powers = [1n, reduced];
  for (let i = 2; i < 1 << digitBits; i++) powers.push(((powers[i - 1] ?? 0n) * reduced) % modulus);
  let result = 1n;
  for (const digit of exponent.toString(1 << digitBits)) {
    for (let i = 0; i < digitBits && result !== 1n; i++) result = (result * result) % modulus;
    const value = Number.parseInt(digit, 16);
    if (value > 0) result = (result * (powers[value] ?? 0n)) % modulus;
  }
  return result;
}

const smallPrimes = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73];
const smallPrimesProduct = smallPrimes.reduce((product, prime) => product * BigInt(prime), 1n);

/**
 * Miller-Rabin with random bases; a composite passes with probability ≤ 4^−rounds.
 * (Handbook of Applied Cryptography, algorithm 4.24.)
 */
export function isProbablePrime(candidate: bigint, random: Random, rounds = 40): boolean {
  if (candidate < 6_400n) throw new RangeError("isProbablePrime is for large numbers");
  if (candidate % 2n === 0n || gcd(smallPrimesProduct, candidate) !== 1n) return false;
  let odd = candidate - 1n;
  let twos = 0;
  for (; odd % 2n === 0n; odd /= 2n) twos++;
  for (let round = 0; round < rounds; round++) {
    let x = power(randomBelow(candidate - 1n, random), odd, candidate);
    if (x === 1n) continue;
    for (let i = 1; i < twos && x !== candidate - 1n; i++) x = (x * x) % candidate;
    if (x !== candidate - 1n) return false;
  }
  return true;
}

/** A random prime ≡ 3 mod 4 of exactly `bits` bits, found from `random` alone. */
export function findBlumPrime(bits: number, random: Random): bigint {
  for (;;) {
    const drawn = BigInt.asUintN(bits, bigintFromBytes(random(Math.ceil(bits / 8))));
    const candidate = drawn | (1n << BigInt(bits - 1)) | 3n;
    if (isProbablePrime(candidate, random)) return candidate;
  }
}
