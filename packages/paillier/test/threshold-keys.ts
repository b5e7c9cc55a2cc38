/**
 * TEST threshold keys, from safe primes that everybody can read here (`openssl prime -generate -safe`
 * makes such): the ceremony itself takes seconds of luck. For the tests of this and other packages
 * and for benchmarks, never for a deployment.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import type { Ceremony, Quorum, Random, SecretKey } from "../src/index.ts";
import { secretKeyOf } from "../src/keys.ts";
import { dealFrom } from "../src/threshold/ceremony.ts";
import { seededRandom } from "./seeded-random.ts";

/** Pairs, in hex, by the bits of their product. */
const primes = JSON.parse(
  readFileSync(new URL("safe-primes.json", import.meta.url), "utf8"),
) as Record<string, [string, string][]>;

/** Pair `which` of the primes whose product has `bits` bits: 2048 (two pairs) or 3072. */
export function safePrimes(bits: number, which = 0): [bigint, bigint] {
  const pair = primes[bits]?.[which];
  assert(pair !== undefined, `safe primes for ${bits} bits`);
  return [BigInt(`0x${pair[0]}`), BigInt(`0x${pair[1]}`)];
}

export type DealOptions = Quorum & {
  readonly bits?: number;
  readonly which?: number;
  readonly random?: Random;
  readonly progress?: (stepsDone: number, steps: number) => void;
};

/** The ceremony over those primes; the rest comes from a seed. */
export function dealTestKey({ bits = 2048, which = 0, ...options }: DealOptions) {
  const left = safePrimes(bits, which);
  const random = seededRandom(`ceremony ${bits} ${which}`);
  return dealFrom(async () => left.pop() ?? 0n, { bits, random, ...options });
}

/** The same key in one hand. */
export function undivided({ publicKey }: Ceremony, which = 0): Promise<SecretKey> {
  return secretKeyOf(publicKey, ...safePrimes(publicKey.bits, which));
}
