/**
 * A trustee's answer to a request, with its proof, as a message: made by the trustee, who decides
 * beforehand whether it may; read by the combiner, who trusts nothing in it.
 */
import { bitLength, bytesFromBigint, concatBytes } from "../big-endian.ts";
import type { Ciphertext } from "../ciphertext.ts";
import type { Engine } from "../engine/engine.ts";
import { assert } from "../errors.ts";
import { engineKeyOf } from "../keys.ts";
import { systemRandom, type Random } from "../modular.ts";
import { clearingFactor } from "./interpolation.ts";
import {
  challengeBytes,
  prove,
  responseBytesOf,
  statementOf,
  verify,
  type Proof,
} from "./proof.ts";
import { keyIdBytes, requestOf } from "./request.ts";
import type { SecretShare } from "./secret-share.ts";
import type { VerificationKey } from "./verification-key.ts";

declare const verified: unique symbol;

/** Made by `verifyPartials` only: a trustee's part in the decryption of one request. */
export type VerifiedPartials = {
  readonly [verified]: true;
  readonly trustee: number;
  /** Hash of key, quorum, ciphertexts and context. */
  readonly request: Uint8Array;
  /** c_k^(2Δ·s_i) mod n², bits/4 bytes for each ciphertext. */
  readonly partials: Uint8Array;
};

export type PartialsVerdict =
  | { readonly ok: true; readonly verified: VerifiedPartials }
  | {
      readonly ok: false;
      readonly code: "THRESHOLD_SHARE_INVALID" | "PAILLIER_WRONG_KEY";
      readonly trustee: number;
    };

/**
 * The trustee's answer: c^(2Δ·s_i) for each ciphertext, 1 to 1020, and one proof for all. `context` is
 * what the request is for, its hash for example; the answer is good for it alone. With the same
 * randomness it is the same bytes. Powers are in constant time as `Engine.power` is. The message:
 * version 1 ‖ key id (32) ‖ trustee (1) ‖ count (2) ‖ e (32) ‖ z ‖ partials (bits/4 each).
 * PAILLIER_WRONG_KEY.
 */
export async function partialDecrypt(
  engine: Engine,
  share: SecretShare,
  ciphertexts: readonly Ciphertext[],
  context: Uint8Array,
  random: Random = systemRandom,
): Promise<Uint8Array> {
  const { key, trustee } = share;
  const request = await requestOf(key, ciphertexts, context);
  const exponent = partialExponent(share);
  const partials = await engine.power(engineKeyOf(key.publicKey), request.ciphertexts, exponent);
  exponent.fill(0);
  const statement = await statementOf(engine, request, trustee, partials);
  const { challenge, response } = await prove(engine, share, statement, random);
  const header = headerOf(key, trustee, ciphertexts.length);
  return concatBytes([header, challenge, response, partials]);
}

/**
 * Whether `message` is the answer of trustee `trustee` (known from the channel it came by, and named in
 * a refusal) to this request. Of another ceremony's key: PAILLIER_WRONG_KEY; everything else that is
 * wrong, from its length to its proof: THRESHOLD_SHARE_INVALID. Throws PAILLIER_WRONG_KEY for
 * ciphertexts under another key than `key`.
 */
export async function verifyPartials(
  engine: Engine,
  key: VerificationKey,
  trustee: number,
  ciphertexts: readonly Ciphertext[],
  context: Uint8Array,
  message: Uint8Array,
): Promise<PartialsVerdict> {
  assert(key.values[trustee - 1] !== undefined, `a trustee of 1 to ${key.trustees}`);
  const request = await requestOf(key, ciphertexts, context);
  const header = headerOf(key, trustee, ciphertexts.length);
  const responseStart = header.length + challengeBytes;
  const partialsStart = responseStart + responseBytesOf(key);
  const invalid = { ok: false, code: "THRESHOLD_SHARE_INVALID", trustee } as const;
  if (message.length !== partialsStart + request.ciphertexts.length) return invalid;
  const bytes = new Uint8Array(message); // ours, whatever it was: slices of a Buffer are no copies
  if (!equal(bytes.subarray(...keyIdRange), header.subarray(...keyIdRange))) {
    return { ok: false, code: "PAILLIER_WRONG_KEY", trustee };
  }
  if (!equal(bytes.subarray(0, header.length), header)) return invalid;
  const proof: Proof = {
    challenge: bytes.slice(header.length, responseStart),
    response: bytes.slice(responseStart, partialsStart),
  };
  const partials = bytes.slice(partialsStart);
  const units = await engine.check(engineKeyOf(key.publicKey), partials);
  if (units.some((isUnit) => isUnit !== 1)) return invalid;
  const statement = await statementOf(engine, request, trustee, partials);
  if (!(await verify(engine, statement, proof))) return invalid;
  const answer = { trustee, request: request.digest, partials };
  return { ok: true, verified: answer as VerifiedPartials }; // the brand exists in types only
}

/** 2Δ·s_i at the width of its greatest value, so that its length tells nothing. */
function partialExponent({ key, secret }: SecretShare): Uint8Array {
  const factor = 2n * clearingFactor(key.trustees);
  const limit = factor * key.publicKey.n2;
  return bytesFromBigint(factor * secret, Math.ceil(bitLength(limit) / 8));
}

const keyIdRange = [1, 33] as const;

function headerOf(key: VerificationKey, trustee: number, count: number): Uint8Array {
  return concatBytes([
    Uint8Array.of(1),
    keyIdBytes(key),
    Uint8Array.of(trustee),
    bytesFromBigint(BigInt(count), 2),
  ]);
}

/** Of public bytes. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
