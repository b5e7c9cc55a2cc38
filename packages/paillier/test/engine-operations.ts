/**
 * Every operation of `Engine` that takes a public key, twice: as a call of an engine, and as the
 * formula of its docstring on bigint, the slow reference that vectors are made of and that all
 * engines are held against.
 */
import { bytesFromBigint, itemBytes, type Engine, type EngineKey } from "../src/index.ts";
import { flat } from "./flat-numbers.ts";
import { raise } from "./textbook.ts";

/** What the operations work on: as many of each as there are items, in the ranges of `Engine`. */
export type Operands = {
  readonly bits: number;
  readonly n: bigint;
  readonly hs: bigint;
  readonly messages: readonly bigint[];
  readonly blindings: readonly bigint[];
  readonly ciphertexts: readonly bigint[];
  /** Units mod n. */
  readonly divisors: readonly bigint[];
  readonly scalars: readonly bigint[];
  readonly scalarBytes: number;
  readonly groupSizes: readonly number[];
  readonly shiftBits: number;
  readonly exponent: bigint;
  readonly exponentBytes: number;
};

type Operation = {
  readonly run: (engine: Engine, o: Operands) => Promise<Uint8Array>;
  readonly reference: (o: Operands) => bigint[];
};

const ciphertexts = ({ bits }: Operands, numbers: readonly bigint[]) =>
  flat(numbers, itemBytes(bits).ciphertext);
const messages = (o: Operands) => flat(o.messages, itemBytes(o.bits).message);
const blindings = (o: Operands) => flat(o.blindings, itemBytes(o.bits).blinding);
const scalars = (o: Operands) => flat(o.scalars, o.scalarBytes);
const exponent = (o: Operands) => flat([o.exponent], o.exponentBytes);

/** hs^a mod n², kept: operands repeat blindings, and several operations use the same. */
const powers = new Map<string, bigint>();
function power({ n, hs }: Operands, a: bigint): bigint {
  const name = `${n}/${hs}/${a}`;
  const value = powers.get(name) ?? raise(hs, a, n * n);
  powers.set(name, value);
  return value;
}

const sealed = ({ n }: Operands, message: bigint, z: bigint) => ((1n + message * n) * z) % (n * n);

/** `step` over the ciphertexts of each group, from 1. */
function fold(o: Operands, step: (value: bigint, c: bigint, index: number) => bigint): bigint[] {
  let next = 0;
  return o.groupSizes.map((size) => {
    let value = 1n;
    for (let i = 0; i < size; i++, next++) {
      value = step(value, o.ciphertexts[next] ?? 0n, next) % o.n ** 2n;
    }
    return value;
  });
}

export const publicOperations = {
  encrypt: {
    run: (engine, o) => engine.encrypt(engineKey(o), messages(o), blindings(o)),
    reference: (o) => o.messages.map((m, i) => sealed(o, m, power(o, o.blindings[i] ?? 0n))),
  },
  rerandomize: {
    run: (engine, o) =>
      engine.rerandomize(engineKey(o), ciphertexts(o, o.ciphertexts), blindings(o)),
    reference: (o) => o.ciphertexts.map((c, i) => (c * power(o, o.blindings[i] ?? 0n)) % o.n ** 2n),
  },
  blind: {
    run: (engine, o) => engine.blind(engineKey(o), blindings(o)),
    reference: (o) => o.blindings.map((a) => power(o, a)),
  },
  encryptBlinded: {
    run: (engine, o) =>
      engine.encryptBlinded(engineKey(o), messages(o), ciphertexts(o, o.ciphertexts)),
    reference: (o) => o.messages.map((m, i) => sealed(o, m, o.ciphertexts[i] ?? 0n)),
  },
  product: {
    run: (engine, o) => engine.product(engineKey(o), ciphertexts(o, o.ciphertexts), o.groupSizes),
    reference: (o) => fold(o, (value, c) => value * c),
  },
  weightedProduct: {
    run: (engine, o) => {
      const items = ciphertexts(o, o.ciphertexts);
      return engine.weightedProduct(engineKey(o), items, scalars(o), o.groupSizes);
    },
    reference: (o) => fold(o, (value, c, i) => value * raise(c, o.scalars[i] ?? 0n, o.n ** 2n)),
  },
  repack: {
    run: (engine, o) =>
      engine.repack(engineKey(o), ciphertexts(o, o.ciphertexts), o.shiftBits, o.groupSizes),
    reference: (o) => fold(o, (value, c) => raise(value, 1n << BigInt(o.shiftBits), o.n ** 2n) * c),
  },
  subtract: {
    run: (engine, o) =>
      engine.subtract(engineKey(o), ciphertexts(o, o.ciphertexts), ciphertexts(o, o.divisors)),
    reference: (o) =>
      o.ciphertexts.map((c, i) => (c * inverse(o.divisors[i] ?? 0n, o.n ** 2n)) % o.n ** 2n),
  },
  scale: {
    run: (engine, o) => engine.scale(engineKey(o), ciphertexts(o, o.ciphertexts), scalars(o)),
    reference: (o) => o.ciphertexts.map((c, i) => raise(c, o.scalars[i] ?? 0n, o.n ** 2n)),
  },
  power: {
    run: (engine, o) => engine.power(engineKey(o), ciphertexts(o, o.ciphertexts), exponent(o)),
    reference: (o) => o.ciphertexts.map((c) => raise(c, o.exponent, o.n ** 2n)),
  },
} satisfies Record<string, Operation>;

export type OperationName = keyof typeof publicOperations;
export const operationNames = Object.keys(publicOperations) as OperationName[];

/** A key for engines; `id` follows from n and hs. */
export function engineKey({ bits, n, hs }: Pick<Operands, "bits" | "n" | "hs">): EngineKey {
  const id = `${bits}/${(n * hs) % (2n ** 61n - 1n)}`;
  return { id, bits, n: bytesFromBigint(n, bits / 8), hs: bytesFromBigint(hs, bits / 4) };
}

/** By extended Euclid, kept apart from the package's own; 0 for a number that has none. */
export function inverse(number: bigint, modulus: bigint): bigint {
  let [a, b, s, t] = [number % modulus, modulus, 1n, 0n];
  while (b !== 0n) [a, b, s, t] = [b, a % b, t, s - (a / b) * t];
  return a === 1n ? ((s % modulus) + modulus) % modulus : 0n;
}
