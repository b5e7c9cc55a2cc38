/**
 * A Paillier ciphertext as a value: bound to its key, known to be well-formed, and counting how
 * much has been added into it (docs/protocol.md §5, §6). Public; passes through every role.
 */
import { bigintFromBytes, bytesFromBigint, concatBytes, hexFromBigint } from "./big-endian.ts";
import { itemBytes, type Engine } from "./engine/engine.ts";
import { assert, PaillierError } from "./errors.ts";
import { engineKeyOf, type PublicKey } from "./keys.ts";

declare const valid: unique symbol;

/**
 * Made only by this package: 0 < c < n² and gcd(c, n) = 1. `weight` bounds the sum of scalars with
 * which fresh plaintexts went in; it never exceeds `weightMax`, the additions its slots have room
 * for (Packing.additionsMax), so a slot cannot run over into the next.
 */
export type Ciphertext = {
  readonly [valid]: true;
  readonly keyId: string;
  readonly weight: number;
  readonly weightMax: number;
  /** c, big-endian, bits/4 bytes. */
  readonly bytes: Uint8Array;
};

/** The largest set that is decrypted as one, unless a packing says otherwise (A_max, §5). */
export const weightMaxDefault = 1024;

/** `weight` and `weightMax` for ciphertexts that come from outside; default 1 and 1024. */
export type Headroom = { readonly weight?: number; readonly weightMax?: number };

/** A verdict for each candidate, in order. */
export type Validation =
  | { readonly ok: true; readonly ciphertext: Ciphertext }
  | { readonly ok: false; readonly code: "PAILLIER_CIPHERTEXT_INVALID" | "PAILLIER_WRONG_KEY" };

/**
 * Checks raw ciphertexts (bits/4 bytes each) from a message that names their key and headroom. The
 * coprimality test is one gcd for the whole batch, so hand in many at once.
 */
export async function validateCiphertexts(
  engine: Engine,
  key: PublicKey,
  candidates: readonly Uint8Array[],
  { weight = 1, weightMax = weightMaxDefault }: Headroom = {},
): Promise<Validation[]> {
  assert(isHeadroom(weight, weightMax), "1 ≤ weight ≤ weightMax < 2^32");
  const { ciphertext: widthBytes } = itemBytes(key.bits);
  const whole = candidates.filter((candidate) => candidate.length === widthBytes);
  const verdicts = await engine.check(engineKeyOf(key), concatBytes(whole));
  let next = 0;
  return candidates.map((bytes) => {
    if (bytes.length !== widthBytes || verdicts[next++] !== 1) return invalid;
    return {
      ok: true,
      ciphertext: trustedCiphertext(key.id, weight, weightMax, new Uint8Array(bytes)),
    };
  });
}

/** version 1 ‖ key id (32) ‖ weight (4) ‖ weightMax (4) ‖ c (bits/4), big-endian. */
export function encodeCiphertext({ keyId, weight, weightMax, bytes }: Ciphertext): Uint8Array {
  return concatBytes([
    Uint8Array.of(formatVersion),
    bytesFromBigint(BigInt(`0x${keyId}`), keyIdBytes),
    bytesFromBigint(BigInt(weight), 4),
    bytesFromBigint(BigInt(weightMax), 4),
    bytes,
  ]);
}

/**
 * The inverse, strict: version, key id, length and headroom must fit, then validateCiphertexts.
 * The headroom is the sender's word; whoever must not rely on it re-computes the product.
 */
export async function decodeCiphertexts(
  engine: Engine,
  key: PublicKey,
  encoded: readonly Uint8Array[],
): Promise<Validation[]> {
  const bodies = encoded.map((bytes) => bytes.subarray(headerBytes));
  const validations = await validateCiphertexts(engine, key, bodies);
  return validations.map((validation, i) => {
    const header = encoded[i]?.subarray(0, headerBytes) ?? new Uint8Array(0);
    if (header.length < headerBytes || header[0] !== formatVersion) return invalid;
    const numberAt = (from: number, to: number) => bigintFromBytes(header.subarray(from, to));
    const keyId = hexFromBigint(numberAt(1, 1 + keyIdBytes), keyIdBytes);
    if (keyId !== key.id) return { ok: false, code: "PAILLIER_WRONG_KEY" };
    const weight = Number(numberAt(1 + keyIdBytes, 5 + keyIdBytes));
    const weightMax = Number(numberAt(5 + keyIdBytes, headerBytes));
    if (!validation.ok || !isHeadroom(weight, weightMax)) return invalid;
    return { ok: true, ciphertext: { ...validation.ciphertext, weight, weightMax } };
  });
}

/** For this package's own results, which need no check. Refuses to pass `weightMax`. */
export function trustedCiphertext(
  keyId: string,
  weight: number,
  weightMax: number,
  bytes: Uint8Array,
): Ciphertext {
  if (weight > weightMax) {
    const message = `${weight} additions into a ciphertext with room for ${weightMax}`;
    throw new PaillierError("PACKING_OVERFLOW", message);
  }
  return { keyId, weight, weightMax, bytes } as Ciphertext; // the brand exists in types only
}

const formatVersion = 1;
const keyIdBytes = 32;
const headerBytes = 1 + keyIdBytes + 4 + 4;
const invalid: Validation = { ok: false, code: "PAILLIER_CIPHERTEXT_INVALID" };

function isHeadroom(weight: number, weightMax: number): boolean {
  const isCount = (value: number) => Number.isInteger(value) && value >= 1 && value < 2 ** 32;
  return isCount(weight) && isCount(weightMax) && weight <= weightMax;
}
