/**
 * What trustees are asked to decrypt together: ciphertexts under one key, in a context that says what
 * for. Public.
 */
import { bytesFromBigint } from "../big-endian.ts";
import type { Ciphertext } from "../ciphertext.ts";
import { assert } from "../errors.ts";
import { flatten } from "../paillier.ts";
import { expandedBytesMax, hashFields } from "./transcript.ts";
import type { VerificationKey } from "./verification-key.ts";

/** Of a coefficient in a proof (proof.ts). */
export const coefficientBytes = 16;

/** Ciphertexts in one request at most, 1020: as many coefficients as one expansion gives. */
export const requestItemsMax = Math.floor(expandedBytesMax / coefficientBytes);

export type Request = {
  readonly key: VerificationKey;
  /** Behind one another, bits/4 bytes each. */
  readonly ciphertexts: Uint8Array;
  readonly count: number;
  /** Binds key, quorum, ciphertexts and context. */
  readonly digest: Uint8Array;
};

/** PAILLIER_WRONG_KEY. */
export async function requestOf(
  key: VerificationKey,
  items: readonly Ciphertext[],
  context: Uint8Array,
): Promise<Request> {
  const count = items.length;
  assert(count >= 1 && count <= requestItemsMax, `1 to ${requestItemsMax} ciphertexts`);
  const { publicKey, threshold, trustees, v } = key;
  const ciphertexts = flatten(publicKey, items);
  const digest = await hashFields("request", [
    context,
    keyIdBytes(key),
    Uint8Array.of(threshold, trustees),
    bytesFromBigint(v, publicKey.bits / 4),
    ciphertexts,
  ]);
  return { key, ciphertexts, count, digest };
}

/** SHA-256(n ‖ hs). */
export function keyIdBytes({ publicKey }: VerificationKey): Uint8Array {
  return bytesFromBigint(BigInt(`0x${publicKey.id}`), 32);
}
