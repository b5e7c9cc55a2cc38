/**
 * Paillier's operations on typed values (docs/protocol.md §6): what the roles call. Meter or
 * opener: encryptBatch. Aggregator: product, add, subtract, scale. Key holder: decryptBatch.
 * Batches come back in order. A ciphertext under another key is PAILLIER_WRONG_KEY.
 */
import { bigintFromBytes, bytesFromBigint, concatBytes, itemAt } from "./big-endian.ts";
import type { BlindingPool } from "./blinding-pool.ts";
import { trustedCiphertext, weightMaxDefault, type Ciphertext } from "./ciphertext.ts";
import { itemBytes, type Engine } from "./engine/engine.ts";
import { assert, PaillierError } from "./errors.ts";
import { engineKeyOf, engineSecretKeyOf, type PublicKey, type SecretKey } from "./keys.ts";

export type EncryptOptions = {
  /**
   * One exponent of bits/16 bytes for each message, for blinding that a protocol derives (§6.4);
   * the message must be part of what it is derived from. Default: fresh randomness.
   */
  readonly blindings?: readonly Uint8Array[];
  /** Takes the blinding from here instead; of the same key. */
  readonly pool?: BlindingPool;
  /** Additions the plaintext leaves room for (Packing.additionsMax); default 1024. */
  readonly weightMax?: number;
};

/**
 * Encrypts each message in [0, n), blinded in full: (1 + M·n)·hs^a mod n², a < 2^(|n|/2).
 * PAILLIER_PLAINTEXT_RANGE.
 */
export async function encryptBatch(
  engine: Engine,
  key: PublicKey,
  messages: readonly bigint[],
  { blindings, pool, weightMax = weightMaxDefault }: EncryptOptions = {},
): Promise<Ciphertext[]> {
  const widths = itemBytes(key.bits);
  if (messages.some((message) => message < 0n || message >= key.n)) {
    throw new PaillierError("PAILLIER_PLAINTEXT_RANGE", "a message is not in [0, n)");
  }
  assert(
    blindings === undefined ||
      (blindings.length === messages.length &&
        blindings.every((a) => a.length === widths.blinding && a.some((byte) => byte !== 0))),
    `one blinding of ${widths.blinding} bytes, not all zero, for each message`,
  );
  assert(pool === undefined || blindings === undefined, "blindings or a pool of them");
  assert(pool === undefined || pool.key.id === key.id, "a pool of the same key");
  const flat = concatBytes(messages.map((message) => bytesFromBigint(message, widths.message)));
  const engineKey = engineKeyOf(key);
  const powers = await pool?.take(messages.length);
  const encrypted =
    powers === undefined
      ? await engine.encrypt(engineKey, flat, blindings && concatBytes(blindings))
      : await engine.encryptBlinded(engineKey, flat, powers);
  powers?.fill(0); // as secret as the readings
  flat.fill(0); // they are readings
  return messages.map((_, i) =>
    trustedCiphertext(key.id, 1, weightMax, encrypted.slice(...range(widths.ciphertext, i))),
  );
}

/** The sum of all plaintexts of each group. Groups are not empty. PACKING_OVERFLOW. */
export async function productOfEach(
  engine: Engine,
  key: PublicKey,
  groups: readonly (readonly Ciphertext[])[],
): Promise<Ciphertext[]> {
  const heads = groups.map((group) => {
    const weight = group.reduce((sum, { weight }) => sum + weight, 0);
    const weightMax = group.reduce((min, { weightMax }) => Math.min(min, weightMax), Infinity);
    return trustedCiphertext(key.id, weight, weightMax, new Uint8Array(0)); // before any work
  });
  const sizes = groups.map((group) => group.length);
  const results = await engine.product(engineKeyOf(key), flatten(key, groups.flat()), sizes);
  return heads.map((head, i) => ({ ...head, bytes: results.slice(...rangeOf(key, i)) }));
}

/** The sum of all plaintexts; at least one. PACKING_OVERFLOW. */
export async function product(
  engine: Engine,
  key: PublicKey,
  ciphertexts: readonly Ciphertext[],
): Promise<Ciphertext> {
  const [result] = await productOfEach(engine, key, [ciphertexts]);
  assert(result !== undefined, "one product for one group");
  return result;
}

/** The sum of two plaintexts. PACKING_OVERFLOW. */
export async function add(
  engine: Engine,
  key: PublicKey,
  a: Ciphertext,
  b: Ciphertext,
): Promise<Ciphertext> {
  return await product(engine, key, [a, b]);
}

/**
 * later − earlier, pair by pair: consumption between two cumulative registers (§6.1). The result
 * has the weight of `later`, which is right for as long as no slot of `earlier` is greater; where
 * one is, `unpack` finds the borrow.
 */
export async function subtract(
  engine: Engine,
  key: PublicKey,
  later: readonly Ciphertext[],
  earlier: readonly Ciphertext[],
): Promise<Ciphertext[]> {
  assert(later.length === earlier.length, "as many earlier as later ciphertexts");
  const results = await engine.subtract(
    engineKeyOf(key),
    flatten(key, later),
    flatten(key, earlier),
  );
  return later.map(({ weight, weightMax }, i) =>
    trustedCiphertext(key.id, weight, weightMax, results.slice(...rangeOf(key, i))),
  );
}

/**
 * scalar · plaintext, pair by pair, 1 ≤ scalar < 2^32 (a price that is known afterwards).
 * PAILLIER_SCALAR_RANGE, PACKING_OVERFLOW.
 */
export async function scale(
  engine: Engine,
  key: PublicKey,
  ciphertexts: readonly Ciphertext[],
  scalars: readonly number[],
): Promise<Ciphertext[]> {
  assert(ciphertexts.length === scalars.length, "one scalar for each ciphertext");
  checkScalars(scalars);
  const heads = ciphertexts.map(({ weight, weightMax }, i) =>
    trustedCiphertext(key.id, weight * (scalars[i] ?? 0), weightMax, new Uint8Array(0)),
  );
  const flat = concatBytes(scalars.map((scalar) => bytesFromBigint(BigInt(scalar), 4)));
  const results = await engine.scale(engineKeyOf(key), flatten(key, ciphertexts), flat);
  return heads.map((head, i) => ({ ...head, bytes: results.slice(...rangeOf(key, i)) }));
}

/** A ciphertext and the factor that its plaintext counts with, 1 ≤ factor < 2^32. */
export type Weighted = { readonly ciphertext: Ciphertext; readonly factor: number };

/**
 * Σ factor · plaintext of each group; groups are not empty. Faster than scaling and adding.
 * PAILLIER_SCALAR_RANGE, PACKING_OVERFLOW.
 */
export async function weightedSums(
  engine: Engine,
  key: PublicKey,
  groups: readonly (readonly Weighted[])[],
): Promise<Ciphertext[]> {
  const factors = groups.flatMap((group) => group.map(({ factor }) => factor));
  checkScalars(factors);
  const heads = groups.map((group) => {
    const weight = group.reduce(
      (sum, { ciphertext, factor }) => sum + ciphertext.weight * factor,
      0,
    );
    const weightMax = Math.min(...group.map(({ ciphertext }) => ciphertext.weightMax));
    return trustedCiphertext(key.id, weight, weightMax, new Uint8Array(0));
  });
  const results = await engine.weightedProduct(
    engineKeyOf(key),
    flatten(
      key,
      groups.flatMap((group) => group.map(({ ciphertext }) => ciphertext)),
    ),
    concatBytes(factors.map((factor) => bytesFromBigint(BigInt(factor), 4))),
    groups.map((group) => group.length),
  );
  return heads.map((head, i) => ({ ...head, bytes: results.slice(...rangeOf(key, i)) }));
}

/** The same plaintexts under fresh blinding: who knew the ciphertexts does not recognise them. */
export async function rerandomize(
  engine: Engine,
  key: PublicKey,
  ciphertexts: readonly Ciphertext[],
): Promise<Ciphertext[]> {
  const results = await engine.rerandomize(engineKeyOf(key), flatten(key, ciphertexts));
  return ciphertexts.map(({ weight, weightMax }, i) =>
    trustedCiphertext(key.id, weight, weightMax, results.slice(...rangeOf(key, i))),
  );
}

/**
 * One ciphertext of each group's plaintexts side by side, `shiftBits` apart, the last one lowest, so
 * that they are decrypted at once. Every plaintext must be below 2^shiftBits, or it spills into its
 * neighbour: check the fields after decryption, and take nothing from a group with one out of range.
 * Nothing can be added to the result.
 */
export async function repack(
  engine: Engine,
  key: PublicKey,
  groups: readonly (readonly Ciphertext[])[],
  shiftBits: number,
): Promise<Ciphertext[]> {
  assert(
    groups.every((group) => group.length * shiftBits < key.bits),
    "the plaintexts of a group fit below n",
  );
  const results = await engine.repack(
    engineKeyOf(key),
    flatten(key, groups.flat()),
    shiftBits,
    groups.map((group) => group.length),
  );
  return groups.map((_, i) => trustedCiphertext(key.id, 1, 1, results.slice(...rangeOf(key, i))));
}

/** The plaintexts in [0, n). What the engine keeps of the secret key: see `EngineSecretKey`. */
export async function decryptBatch(
  engine: Engine,
  secretKey: SecretKey,
  ciphertexts: readonly Ciphertext[],
): Promise<bigint[]> {
  const key = secretKey.publicKey;
  const secret = engineSecretKeyOf(secretKey);
  try {
    const plain = await engine.decrypt(secret, flatten(key, ciphertexts));
    const width = itemBytes(key.bits).message;
    return ciphertexts.map((_, i) => bigintFromBytes(itemAt(plain, width, i)));
  } finally {
    secret.p.fill(0);
    secret.q.fill(0);
  }
}

function checkScalars(scalars: readonly number[]): void {
  if (scalars.some((scalar) => !Number.isInteger(scalar) || scalar < 1 || scalar >= 2 ** 32)) {
    throw new PaillierError("PAILLIER_SCALAR_RANGE", "a scalar is not an integer in [1, 2^32)");
  }
}

/** The ciphertexts behind one another. PAILLIER_WRONG_KEY. */
export function flatten(key: PublicKey, ciphertexts: readonly Ciphertext[]): Uint8Array {
  for (const { keyId } of ciphertexts) {
    if (keyId !== key.id) {
      const message = `a ciphertext under key ${keyId} where key ${key.id} is expected`;
      throw new PaillierError("PAILLIER_WRONG_KEY", message);
    }
  }
  return concatBytes(ciphertexts.map(({ bytes }) => bytes));
}

function range(widthBytes: number, index: number): [number, number] {
  return [index * widthBytes, (index + 1) * widthBytes];
}

function rangeOf(key: PublicKey, index: number): [number, number] {
  return range(itemBytes(key.bits).ciphertext, index);
}
