/** Signatures with domain separation (docs/protocol.md §1.2). */
import { primitives } from "#primitives";
import { concatBytes, utf8 } from "./bytes.ts";
import { ProtocolError } from "./error.ts";
import type { Signer } from "./primitives.ts";

export const SIGNATURE_BYTES = 64;

/** Every kind of signed message; two kinds never share a string, so a signature cannot change its meaning. */
export type SignatureDomain =
  | "smarter-metering/frame/v1"
  | "smarter-metering/key-envelope/v1"
  | "smarter-metering/contribution-opener/v1"
  | "smarter-metering/contribution-meter/v1"
  | "smarter-metering/release-request/v1"
  | "smarter-metering/release/v1"
  | "smarter-metering/partial-release/v1"
  | "smarter-metering/refusal/v1"
  | "smarter-metering/enrolment-offer/v1"
  | "smarter-metering/enrolment-answer/v1";

export type { Signer };

/** A signer from its 32-byte seed (RFC 8032 §5.1.5). */
export const signerFromSeed = (seed: Uint8Array): Promise<Signer> => primitives.ed25519Signer(seed);

/** The bytes that are signed: domain ‖ 0x00 ‖ SHA-256 of each part. */
export async function signedBytes(
  domain: SignatureDomain,
  ...parts: readonly Uint8Array[]
): Promise<Uint8Array> {
  return signedHashes(domain, ...(await Promise.all(parts.map((part) => primitives.sha256(part)))));
}

/** The same of parts that stay away, by their SHA-256. */
export const signedHashes = (
  domain: SignatureDomain,
  ...hashes: readonly Uint8Array[]
): Uint8Array => concatBytes(utf8(domain), Uint8Array.of(0), ...hashes);

/** Throws PROTOCOL_BAD_SIGNATURE, with one message for every cause. */
export async function checkSignature(
  publicKey: Uint8Array,
  signature: Uint8Array,
  data: Uint8Array,
): Promise<void> {
  if (!(await primitives.ed25519Verify(publicKey, signature, data))) {
    throw new ProtocolError("PROTOCOL_BAD_SIGNATURE", "the signature does not fit message and key");
  }
}
