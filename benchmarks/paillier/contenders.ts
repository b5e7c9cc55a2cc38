/**
 * The contenders: our engines, npm paillier-bigint, and python phe where it is installed. All have
 * the same fixed TEST keys and the same work, taken from and given back in the form that each of
 * them computes with: ours in bytes, bigints for paillier-bigint, gmpy2's integers for phe.
 */
import { generateRandomKeys, PrivateKey, PublicKey } from "paillier-bigint";
import {
  encryptBatch,
  engineKeyOf,
  engineSecretKeyOf,
  generateKeyPair,
  itemBytes,
  pack,
  packingFor,
  type Engine,
  type KeyPair,
} from "@smarter-metering/paillier";
import { inverse } from "../../packages/paillier/src/modular.ts";
import type { Operation } from "./operations.ts";
import { trialOf, type Trial } from "./rounds.ts";

export type Contender = {
  readonly name: string;
  /** Absent: it does not have the operation, or not a form of its own. */
  readonly trials: Partial<Record<Operation, Trial>>;
};

const quartersPerDay = 96;
const factors = 1000;
/** Wh in a quarter of an hour behind three fuses of 63 A, the protocol's bound (docs/protocol.md §5). */
const readingMax = 13_585;

/** A local day: its plaintexts, as few as the key has slots for (one at 3072 bits, two at 2048). */
function packedDays(bits: number, days: number): { messages: () => bigint[]; readings: number } {
  const packing = packingFor({ modulusBits: bits, maxValue: readingMax });
  const parts = Math.ceil(quartersPerDay / packing.slots);
  const quarters = Array.from({ length: quartersPerDay / parts }, (_, i) => (i * 7919) % 13_000);
  const count = days * parts;
  return {
    messages: () => Array.from({ length: count }, () => pack(packing, quarters)),
    readings: days * quartersPerDay,
  };
}

/** Random messages below n, deterministic, and scalars of 32 bits. */
function inputsFor(bits: number, count: number) {
  const width = itemBytes(bits).message;
  const messages = new Uint8Array(count * width).map((_, i) => (i % width === 0 ? 0 : i * 151));
  const scalars = new Uint8Array(4 * count).map((_, i) => (i * 197) | 0x81);
  return { messages, scalars };
}

/** One of our engines. `wide` is how many items a call has for each thread. */
export async function ourContender(
  name: string,
  engine: Engine,
  { publicKey, secretKey }: KeyPair,
  { threads, wide }: { readonly threads: number; readonly wide: number },
): Promise<Contender> {
  const { bits } = publicKey;
  const key = engineKeyOf(publicKey);
  const secret = engineSecretKeyOf(secretKey);
  const count = wide * threads;
  const { messages, scalars } = inputsFor(bits, count);
  await engine.warm(key);
  const encrypted = await engine.encrypt(key, messages);
  const bytes = itemBytes(bits).ciphertext;
  const many = (items: number) =>
    new Uint8Array(items * bytes).map((_, i) => encrypted[i % encrypted.length] ?? 0);
  const group = many(factors * threads);
  const batch = many(64 * threads);
  const one = many(1);
  const pairs = Array.from({ length: count / 2 }, () => 2);
  const products = Array.from({ length: threads }, () => factors);
  const days = packedDays(bits, count / 2);
  return {
    name,
    trials: {
      encrypt: trialOf(count, () => engine.encrypt(key, messages)),
      encryptSecret: trialOf(count, () => engine.encryptSecret(secret, key, messages)),
      addPair: trialOf(count / 2, () => engine.product(key, encrypted, pairs)),
      addInProduct: trialOf(factors * threads, () => engine.product(key, group, products)),
      scale: trialOf(count, () => engine.scale(key, encrypted, scalars)),
      decryptOne: trialOf(1, () => engine.decrypt(secret, one)),
      decryptBatch: trialOf(64 * threads, () => engine.decrypt(secret, batch)),
      readings: trialOf(days.readings, () => encryptBatch(engine, publicKey, days.messages())),
    },
  };
}

/** The same code whichever engine serves, so it is one contender's. */
export function keyGeneration(bits: number): Trial {
  return trialOf(1, () => generateKeyPair({ bits }));
}

export function paillierBigint({
  publicKey: { n, bits },
  secretKey: { p, q },
}: KeyPair): Contender {
  const theirs = new PublicKey(n, n + 1n);
  const lambda = (p - 1n) * (q - 1n);
  const secret = new PrivateKey(lambda, inverse(lambda, n) ?? 0n, theirs, p, q);
  const message = n / 3n;
  const [a, b] = [theirs.encrypt(message), theirs.encrypt(message)];
  const list = Array.from({ length: factors }, (_, i) => (i % 2 === 0 ? a : b));
  const days = packedDays(bits, 1);
  return {
    name: "paillier-bigint",
    trials: {
      generateKeys: trialOf(1, () => generateRandomKeys(bits)),
      encrypt: trialOf(1, () => theirs.encrypt(message)),
      addPair: trialOf(1, () => theirs.addition(a, b)),
      addInProduct: trialOf(factors, () => theirs.addition(...list)),
      scale: trialOf(1, () => theirs.multiply(a, 0xa5a5a5a5n)),
      decryptOne: trialOf(1, () => secret.decrypt(a)),
      decryptBatch: trialOf(1, () => secret.decrypt(b)),
      readings: trialOf(days.readings, () => days.messages().map((m) => theirs.encrypt(m))),
    },
  };
}
