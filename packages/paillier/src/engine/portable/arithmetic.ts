/**
 * The portable engine's arithmetic: a job in, flat bytes out, synchronously, on bigint. Runs in
 * each worker thread, or inline. Keeps tables of public keys, and where it decrypts, the secret
 * exponents of the keys it was given: the process that sends them holds the key anyway.
 */
import { secretPower } from "#platform";
import { bigintFromBytes, bytesFromBigint, itemAt } from "../../big-endian.ts";
import { PaillierError } from "../../errors.ts";
import { gcd, inverse, power } from "../../modular.ts";
import { itemBytes, type EngineKey, type EngineSecretKey } from "../engine.ts";
import { createDecryption, type Decryption } from "./decryption.ts";
import { blind, buildFixedBaseTable, type FixedBaseTable } from "./fixed-base.ts";
import type { Job, PublicJob, DecryptJob } from "../job.ts";

/** About 0.3 s to build, 6 ms an encryption at 3072 bits: for the first ones under a key. */
const narrowWindowBits = 5;
/** About 2 s, 3.3 ms, 71 MB: the least total time for some thousands of encryptions. */
const wideWindowBits = 9;
/** Encryptions under the narrow table that cost as much as building the wide one. */
const narrowEncryptionsMax = 800;
/** Keys of which something is kept: the current one and its successor; the oldest goes first. */
const keysMax = 2;

type CachedTable = { table: FixedBaseTable; encryptions: number };

/** Runs jobs one by one; `run` returns count × (item width of the operation's result) bytes. */
export type Arithmetic = { run(job: Job): Uint8Array };

export function createArithmetic(): Arithmetic {
  const tables = new Map<string, CachedTable>();
  const decryptions = new Map<string, Decryption>();

  function tableFor(key: EngineKey, encryptions: number): FixedBaseTable {
    let cached = tables.get(key.id);
    const wanted = (cached?.encryptions ?? 0) + encryptions;
    const windowBits = wanted > narrowEncryptionsMax ? wideWindowBits : narrowWindowBits;
    if (cached === undefined || cached.table.windowBits < windowBits) {
      const [n, hs] = [bigintFromBytes(key.n), bigintFromBytes(key.hs)];
      cached = { table: buildFixedBaseTable(n, hs, key.bits / 2, windowBits), encryptions: 0 };
    }
    cached.encryptions = wanted;
    return keep(tables, key.id, cached).table;
  }

  function decryptionFor({ id, p, q }: EngineSecretKey): Decryption {
    const cached = decryptions.get(id);
    const made = cached ?? createDecryption(bigintFromBytes(p), bigintFromBytes(q));
    return keep(decryptions, id, made);
  }

  return {
    run(job) {
      switch (job.operation) {
        case "warm":
          tableFor(job.key, narrowEncryptionsMax + 1);
          return new Uint8Array(0);
        case "encrypt":
        case "rerandomize":
        case "blind":
          return encrypt(job, tableFor(job.key, job.count));
        case "encryptSecret": // the primes are of no use to these tables
          return encrypt(
            { ...job, operation: "encrypt", key: job.publicKey },
            tableFor(job.publicKey, job.count),
          );
        case "encryptBlinded":
          return encryptBlinded(job);
        case "check":
          return check(job);
        case "product":
          return product(job);
        case "subtract":
          return subtract(job);
        case "weightedProduct":
          return weightedProduct(job);
        case "repack":
          return repack(job);
        case "power":
          return powerOfEach(job);
        default: // "decrypt"
          return decrypt(job, decryptionFor(job.key));
      }
    },
  };
}

/** Makes `value` the youngest of what is kept. */
function keep<Value>(kept: Map<string, Value>, id: string, value: Value): Value {
  kept.delete(id); // re-inserting puts it last
  kept.set(id, value);
  const [oldest] = kept.keys();
  if (kept.size > keysMax && oldest !== undefined) kept.delete(oldest);
  return value;
}

/** Blinding with a message, of a ciphertext, or alone. */
function encrypt(job: PublicJob, table: FixedBaseTable): Uint8Array {
  const { message, ciphertext, blinding } = itemBytes(job.key.bits);
  const blindings = job.columns.at(-1) ?? new Uint8Array(0);
  const messages = job.operation === "encrypt" ? readColumn(job, 0, message) : [];
  const factors = job.operation === "rerandomize" ? readColumn(job, 0, ciphertext) : [];
  return writeItems(ciphertext, job.count, (i) => {
    const power = blind(table, messages[i] ?? 0n, itemAt(blindings, blinding, i));
    const factor = factors[i];
    return factor === undefined ? power : (factor * power) % table.n2;
  });
}

function encryptBlinded(job: PublicJob): Uint8Array {
  const { message, ciphertext } = itemBytes(job.key.bits);
  const n = bigintFromBytes(job.key.n);
  const powers = readColumn(job, 0, ciphertext);
  const messages = readColumn(job, 1, message);
  return writeItems(ciphertext, job.count, (i) => {
    const power = powers[i] ?? 0n;
    return (power + n * (((power % n) * (messages[i] ?? 0n)) % n)) % (n * n);
  });
}

/** One gcd for the whole batch; only when it fails, one each. */
function check(job: PublicJob): Uint8Array {
  const n = bigintFromBytes(job.key.n);
  const n2 = n * n;
  const ciphertexts = readColumn(job, 0, itemBytes(job.key.bits).ciphertext);
  const residues = ciphertexts.map((c) => (c < n2 ? c % n : 0n));
  const coprime =
    gcd(
      n,
      residues.reduce((all, residue) => (all * residue) % n, 1n),
    ) === 1n;
  return Uint8Array.from(residues, (residue) => (coprime || gcd(n, residue) === 1n ? 1 : 0));
}

function product(job: PublicJob): Uint8Array {
  return foldGroups(job, (product, factor, n2) => (product * factor) % n2);
}

function weightedProduct(job: PublicJob): Uint8Array {
  const items = job.groupSizes?.reduce((sum, size) => sum + size, 0) ?? 0;
  const flat = job.columns[1] ?? new Uint8Array(0);
  const widthBytes = flat.length / items;
  const scalar = (index: number) => bigintFromBytes(itemAt(flat, widthBytes, index));
  return foldGroups(
    job,
    (product, factor, n2, index) => (product * power(factor, scalar(index), n2)) % n2,
  );
}

function repack(job: PublicJob): Uint8Array {
  const shift = 1n << BigInt(job.shiftBits ?? 0);
  return foldGroups(job, (packed, next, n2) => (power(packed, shift, n2) * next) % n2);
}

/** One value for each group: `step` over its ciphertexts, from 1. */
function foldGroups(
  job: PublicJob,
  step: (value: bigint, ciphertext: bigint, n2: bigint, index: number) => bigint,
): Uint8Array {
  const { ciphertext } = itemBytes(job.key.bits);
  const n2 = bigintFromBytes(job.key.n) ** 2n;
  const column = job.columns[0] ?? new Uint8Array(0);
  let next = 0;
  return writeItems(ciphertext, job.count, (group) => {
    let value = 1n;
    for (let i = 0; i < (job.groupSizes?.[group] ?? 1); i++, next++) {
      value = step(value, bigintFromBytes(itemAt(column, ciphertext, next)), n2, next);
    }
    return value;
  });
}

/** Montgomery's trick: one inversion for the batch and three multiplications an item. */
function subtract(job: PublicJob): Uint8Array {
  const { ciphertext } = itemBytes(job.key.bits);
  const n2 = bigintFromBytes(job.key.n) ** 2n;
  const minuends = readColumn(job, 0, ciphertext);
  const subtrahends = readColumn(job, 1, ciphertext);
  const prefixes: bigint[] = [];
  let all = 1n;
  for (const subtrahend of subtrahends) {
    prefixes.push(all);
    all = (all * subtrahend) % n2;
  }
  let suffixInverse = inverse(all, n2);
  if (suffixInverse === undefined) {
    throw new PaillierError("PAILLIER_CIPHERTEXT_INVALID", "cannot subtract a ciphertext");
  }
  const differences = minuends;
  for (let i = job.count - 1; i >= 0; i--) {
    const inverted = (suffixInverse * (prefixes[i] ?? 0n)) % n2;
    suffixInverse = (suffixInverse * (subtrahends[i] ?? 0n)) % n2;
    differences[i] = ((minuends[i] ?? 0n) * inverted) % n2;
  }
  return writeItems(ciphertext, job.count, (i) => differences[i] ?? 0n);
}

/** The platform's power: the exponent is secret. */
function powerOfEach(job: PublicJob): Uint8Array {
  const { ciphertext } = itemBytes(job.key.bits);
  const exponent = bigintFromBytes(job.exponent ?? new Uint8Array(0));
  const raise = secretPower(exponent, bigintFromBytes(job.key.n) ** 2n);
  const ciphertexts = readColumn(job, 0, ciphertext);
  return writeItems(ciphertext, job.count, (i) => raise(ciphertexts[i] ?? 0n));
}

function decrypt(job: DecryptJob, decryption: Decryption): Uint8Array {
  const { message, ciphertext } = itemBytes(job.key.bits);
  const ciphertexts = readColumn(job, 0, ciphertext);
  return writeItems(message, job.count, (i) => decryption(ciphertexts[i] ?? 0n));
}

function readColumn(job: Job, column: number, widthBytes: number): bigint[] {
  const flat = job.columns[column] ?? new Uint8Array(0);
  return Array.from({ length: job.count }, (_, i) => bigintFromBytes(itemAt(flat, widthBytes, i)));
}

function writeItems(
  widthBytes: number,
  count: number,
  itemOf: (index: number) => bigint,
): Uint8Array {
  const flat = new Uint8Array(count * widthBytes);
  for (let i = 0; i < count; i++) {
    flat.set(bytesFromBigint(itemOf(i), widthBytes), i * widthBytes);
  }
  return flat;
}
