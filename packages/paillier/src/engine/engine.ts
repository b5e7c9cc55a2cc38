/**
 * What an arithmetic engine offers: whole batches of fixed-width big-endian numbers in flat byte
 * buffers, so that an engine needs no bigint. `test/engine-conformance.ts` is the contract as a
 * test; every engine passes the same vectors.
 */

/** A public key in bytes: n of bits/8, hs of bits/4. `id` identifies it in an engine's caches. */
export type EngineKey = {
  readonly id: string;
  readonly bits: number;
  readonly n: Uint8Array;
  readonly hs: Uint8Array;
};

/**
 * A secret key in bytes: p and q of bits/16 each. `id` identifies it in an engine's caches: what
 * makes decryption fast holds the primes in another form, and an engine may keep it for two keys
 * until it is closed. The caller has the key for as long; these buffers are the caller's to wipe.
 */
export type EngineSecretKey = {
  readonly id: string;
  readonly bits: number;
  readonly p: Uint8Array;
  readonly q: Uint8Array;
};

/** Items in one call at most, 50 MB of 3072-bit ciphertexts; more is a programmer error. */
export const batchItemsMax = 65_536;

/** Bytes per item: messages < n, ciphertexts < n², blinding exponents of half the modulus. */
export function itemBytes(bits: number): {
  readonly message: number;
  readonly ciphertext: number;
  readonly blinding: number;
} {
  return { message: bits / 8, ciphertext: bits / 4, blinding: bits / 16 };
}

/** What a call may carry besides its batch, at most: a secret exponent, and a shift in bits. */
export const exponentBytesMax = 2_048;
export const shiftBitsMax = 8_192;

/**
 * Lengths are checked (a wrong one is a programmer error); ranges are the caller's business, who
 * has them from the typed layer. Input buffers are neither kept nor changed. Failures: PaillierError
 * with PAILLIER_ENGINE_BUSY (too many calls waiting: slow down), _CLOSED, _FAILED (a thread died),
 * PAILLIER_CIPHERTEXT_INVALID from `subtract` and `decrypt` (item not coprime to n), and
 * PAILLIER_KEY_INVALID from what multiplies by powers of hs (hs not coprime to n).
 *
 * `groupSizes` (each ≥ 1) add up to the number of ciphertexts; there is one result for each group.
 * `blindings` are exponents a < 2^(bits/2), one for each item; without them they are fresh randomness.
 */
export interface Engine {
  /** Shown in `--version --verbose`, metrics and benchmark output: "native/2 (ifma)", "portable/2". */
  readonly name: string;

  /** Builds what makes encryption under `key` fast, ahead of the first batch. */
  warm(key: EngineKey): Promise<void>;

  /** (1 + M·n) · hs^a mod n² for each pair (M, a). */
  encrypt(key: EngineKey, messages: Uint8Array, blindings?: Uint8Array): Promise<Uint8Array>;

  /**
   * The same bytes, at half the cost where the engine makes use of the primes. For tests and
   * benchmarks: no party of this system has readings and a secret key.
   */
  encryptSecret(
    key: EngineSecretKey,
    publicKey: EngineKey,
    messages: Uint8Array,
    blindings?: Uint8Array,
  ): Promise<Uint8Array>;

  /** c · hs^a mod n²: the same plaintexts, not to be recognised. */
  rerandomize(key: EngineKey, ciphertexts: Uint8Array, blindings?: Uint8Array): Promise<Uint8Array>;

  /** hs^a mod n², for `encryptBlinded` later. */
  blind(key: EngineKey, blindings: Uint8Array): Promise<Uint8Array>;

  /** (1 + M·n) · z mod n² for powers z from `blind`. Use each z once, for one message. */
  encryptBlinded(key: EngineKey, messages: Uint8Array, powers: Uint8Array): Promise<Uint8Array>;

  /** One byte per ciphertext: 1 when 0 < c < n² and gcd(c, n) = 1, else 0. */
  check(key: EngineKey, ciphertexts: Uint8Array): Promise<Uint8Array>;

  /** Π c mod n²: the sum of the plaintexts. */
  product(
    key: EngineKey,
    ciphertexts: Uint8Array,
    groupSizes: readonly number[],
  ): Promise<Uint8Array>;

  /** Π c^k mod n²: the weighted sum. The width of a scalar is scalars.length / ciphertexts. */
  weightedProduct(
    key: EngineKey,
    ciphertexts: Uint8Array,
    scalars: Uint8Array,
    groupSizes: readonly number[],
  ): Promise<Uint8Array>;

  /** (…(c₁^(2^s) · c₂)^(2^s) · …) · c_m mod n²: plaintexts side by side, the last one lowest. */
  repack(
    key: EngineKey,
    ciphertexts: Uint8Array,
    shiftBits: number,
    groupSizes: readonly number[],
  ): Promise<Uint8Array>;

  /** minuend · subtrahend⁻¹ mod n², pair by pair: the difference of the plaintexts. */
  subtract(key: EngineKey, minuends: Uint8Array, subtrahends: Uint8Array): Promise<Uint8Array>;

  /** c^k mod n², pair by pair; the width of a scalar is scalars.length / number of ciphertexts. */
  scale(key: EngineKey, ciphertexts: Uint8Array, scalars: Uint8Array): Promise<Uint8Array>;

  /** c^e mod n² for one secret exponent (a trustee's partial decryption), in constant time for it. */
  power(key: EngineKey, ciphertexts: Uint8Array, exponent: Uint8Array): Promise<Uint8Array>;

  /** The plaintexts, each at full message width. */
  decrypt(key: EngineSecretKey, ciphertexts: Uint8Array): Promise<Uint8Array>;

  /** Ends threads and forgets keys and tables; calls still waiting fail with _CLOSED. */
  close(): Promise<void>;
}
