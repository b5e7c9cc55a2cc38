/** Key envelopes (docs/protocol.md §3): an epoch's data key for exactly one recipient. */
import { concatBytes, equalBytes } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { ProtocolError, wellFormed } from "./error.ts";
import { keyCommitment } from "./frame.ts";
import { openSealed, sealTo, type Recipient, type RecipientSecret } from "./sealing.ts";
import { checkSignature, SIGNATURE_BYTES, signedBytes, type Signer } from "./signature.ts";

const ENVELOPE_VERSION = 1;
const JWE_BYTES_MAX = 4096;
const DATA_KEY_BYTES = 32;

export type EnvelopeRecipient = "opener" | "customer";
const RECIPIENTS: readonly EnvelopeRecipient[] = ["opener", "customer"];

export interface KeyEnvelope {
  readonly recipient: EnvelopeRecipient;
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  readonly keyEpoch: number;
  readonly keyCommitment: Uint8Array;
  /** SHA-256 of the recipient's SubjectPublicKeyInfo. */
  readonly recipientKeyId: Uint8Array;
  readonly jwe: Uint8Array;
  readonly signature: Uint8Array;
}

function unsignedBytes(envelope: Omit<KeyEnvelope, "signature">): Uint8Array {
  return new Writer()
    .u8(ENVELOPE_VERSION)
    .u8(RECIPIENTS.indexOf(envelope.recipient) + 1)
    .fixed(envelope.networkPseudonym, 16)
    .fixed(envelope.meterId, 16)
    .u32(envelope.keyEpoch)
    .fixed(envelope.keyCommitment, 32)
    .fixed(envelope.recipientKeyId, 32)
    .vector(envelope.jwe, JWE_BYTES_MAX, 1)
    .finish();
}

const envelopeSignedBytes = (envelope: Omit<KeyEnvelope, "signature">): Promise<Uint8Array> =>
  signedBytes("smarter-metering/key-envelope/v1", unsignedBytes(envelope));

export function encodeEnvelope(envelope: KeyEnvelope): Uint8Array {
  return concatBytes(unsignedBytes(envelope), envelope.signature);
}

export function decodeEnvelope(bytes: Uint8Array): KeyEnvelope {
  const reader = new Reader(bytes);
  wellFormed(reader.u8() === ENVELOPE_VERSION, "unknown envelope version");
  const recipient = RECIPIENTS[reader.u8() - 1];
  wellFormed(recipient !== undefined, "unknown recipient");
  const envelope: KeyEnvelope = {
    recipient,
    networkPseudonym: reader.fixed(16),
    meterId: reader.fixed(16),
    keyEpoch: reader.u32(),
    keyCommitment: reader.fixed(32),
    recipientKeyId: reader.fixed(32),
    jwe: reader.vector(JWE_BYTES_MAX, 1),
    signature: reader.fixed(SIGNATURE_BYTES),
  };
  reader.end();
  return envelope;
}

/** Who and which epoch an envelope is for. */
export interface EnvelopeContext {
  readonly recipient: EnvelopeRecipient;
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  readonly keyEpoch: number;
}

/** Wraps `key` (32 bytes) to `to` and signs; one recipient, always. */
export async function sealEnvelope(
  context: EnvelopeContext,
  key: Uint8Array,
  to: Recipient,
  meter: Signer,
): Promise<KeyEnvelope> {
  const unsigned = {
    ...context,
    keyCommitment: await keyCommitment(context.meterId, context.keyEpoch, key),
    recipientKeyId: to.keyId,
    jwe: await sealTo(to, "smarter-metering/data-key", key),
  };
  return { ...unsigned, signature: await meter.sign(await envelopeSignedBytes(unsigned)) };
}

/** Throws PROTOCOL_BAD_SIGNATURE. */
export async function verifyEnvelope(envelope: KeyEnvelope, meterKey: Uint8Array): Promise<void> {
  await checkSignature(meterKey, envelope.signature, await envelopeSignedBytes(envelope));
}

/**
 * The data key of a verified envelope. Throws ENVELOPE_UNOPENABLE, with one message for every cause: another recipient's
 * key, a changed JWE, a key that does not match the commitment.
 */
export async function openEnvelope(
  envelope: KeyEnvelope,
  secret: RecipientSecret,
): Promise<Uint8Array> {
  const key = await openSealed(secret, "smarter-metering/data-key", envelope.jwe);
  if (
    key?.length !== DATA_KEY_BYTES ||
    !equalBytes(envelope.recipientKeyId, secret.keyId) ||
    !equalBytes(
      await keyCommitment(envelope.meterId, envelope.keyEpoch, key),
      envelope.keyCommitment,
    )
  ) {
    throw new ProtocolError("ENVELOPE_UNOPENABLE", "cannot open key envelope");
  }
  return key;
}
