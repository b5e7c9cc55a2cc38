/**
 * Enrolment by one-time code (docs/protocol.md §10.1). Customer and meter prove to each other that they know the 128-bit code, over
 * each other's keys; the UCS between them carries the MACs and learns nothing that would let it put in a key of its own.
 */
import { primitives } from "#primitives";
import { concatBytes, equalBytes, fromUtf8, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { ProtocolError, wellFormed } from "./error.ts";
import { checkSignature, SIGNATURE_BYTES, signedBytes, type Signer } from "./signature.ts";

const CODE_BYTES = 16;
const CODE_CHARACTERS = 26;
const NONCE_BYTES = 16;
const MAC_BYTES = 32;
const ACCOUNT_BYTES_MAX = 255;
const SPKI_BYTES_MAX = 2048;
const OFFER_VERSION = 1;
/** Crockford's base 32: no I, L, O, U. The check character is the value modulo 37 with five more symbols. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHECK_ALPHABET = `${ALPHABET}*~$=U`;

/** 128 bits as 26 characters and a check character, in groups of up to five. */
export function encodeEnrolmentCode(code: Uint8Array): string {
  wellFormed(code.length === CODE_BYTES, "an enrolment code has 16 bytes");
  const value = code.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  for (let i = CODE_CHARACTERS - 1; i >= 0; i--) {
    text += ALPHABET[Number((value >> BigInt(5 * i)) & 31n)] ?? "";
  }
  text += CHECK_ALPHABET[Number(value % 37n)] ?? "";
  return text.replace(/(.{5})(?=.)/g, "$1-");
}

/**
 * Accepts lower case, spaces, hyphens, and O for 0, I or L for 1. Throws ENROLMENT_CODE_INVALID, which says how a code looks and never
 * repeats what was typed.
 */
export function parseEnrolmentCode(text: string): Uint8Array {
  const dense = text.toUpperCase().replaceAll(/[\s-]/g, "");
  const normal = dense.replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  const digits = Array.from(normal.slice(0, -1), (character) => ALPHABET.indexOf(character));
  const value = digits.reduce((sum, digit) => (sum << 5n) | BigInt(Math.max(digit, 0)), 0n);
  const fits = digits.length === CODE_CHARACTERS && !digits.includes(-1) && value < 1n << 128n;
  if (!fits || CHECK_ALPHABET[Number(value % 37n)] !== normal.at(-1)) {
    throw new ProtocolError(
      "ENROLMENT_CODE_INVALID",
      "this is not an enrolment code: 27 characters from the letter; check for a slip of one",
    );
  }
  return Uint8Array.from({ length: CODE_BYTES }, (_, index) =>
    Number((value >> BigInt(8 * (CODE_BYTES - 1 - index))) & 255n),
  );
}

/** What both MACs speak of. */
export interface EnrolmentContext {
  readonly meterId: Uint8Array;
  readonly networkPseudonym: Uint8Array;
  /** The portal's account id. */
  readonly account: string;
  /** The customer's RSA key, SubjectPublicKeyInfo. */
  readonly customerSpki: Uint8Array;
  readonly nonce: Uint8Array;
}

async function contextBytes(context: EnrolmentContext): Promise<Uint8Array> {
  return new Writer()
    .fixed(context.meterId, 16)
    .fixed(context.networkPseudonym, 16)
    .vector(utf8(context.account), ACCOUNT_BYTES_MAX)
    .fixed(await primitives.sha256(context.customerSpki), 32)
    .fixed(context.nonce, NONCE_BYTES)
    .finish();
}

/** The customer's proof towards the meter. */
export async function customerMac(
  code: Uint8Array,
  context: EnrolmentContext,
): Promise<Uint8Array> {
  const data = concatBytes(utf8("smarter-metering/enrol/v1\0"), await contextBytes(context));
  return primitives.hmacSha256(code, data);
}

/** The meter's proof towards the customer; pins the meter's signing key. */
export async function meterMac(
  code: Uint8Array,
  context: EnrolmentContext,
  meterKey: Uint8Array,
): Promise<Uint8Array> {
  const domain = utf8("smarter-metering/enrol-answer/v1\0");
  return primitives.hmacSha256(code, concatBytes(domain, await contextBytes(context), meterKey));
}

/** A meter's current nonce, signed, so that nobody can lead a customer to spend his code on a stale one. */
export interface EnrolmentOffer {
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  readonly nonce: Uint8Array;
  readonly signature: Uint8Array;
}

const offerTerms = (offer: Omit<EnrolmentOffer, "signature">): Uint8Array =>
  new Writer()
    .u8(OFFER_VERSION)
    .fixed(offer.networkPseudonym, 16)
    .fixed(offer.meterId, 16)
    .fixed(offer.nonce, NONCE_BYTES)
    .finish();

export async function signOffer(
  offer: Omit<EnrolmentOffer, "signature">,
  meter: Signer,
): Promise<EnrolmentOffer> {
  const data = await signedBytes("smarter-metering/enrolment-offer/v1", offerTerms(offer));
  return { ...offer, signature: await meter.sign(data) };
}

/** Throws PROTOCOL_BAD_SIGNATURE. */
export async function verifyOffer(offer: EnrolmentOffer, meterKey: Uint8Array): Promise<void> {
  const data = await signedBytes("smarter-metering/enrolment-offer/v1", offerTerms(offer));
  await checkSignature(meterKey, offer.signature, data);
}

export const encodeOffer = (offer: EnrolmentOffer): Uint8Array =>
  concatBytes(offerTerms(offer), offer.signature);

export function decodeOffer(bytes: Uint8Array): EnrolmentOffer {
  const reader = new Reader(bytes);
  wellFormed(reader.u8() === OFFER_VERSION, "unknown offer version");
  const offer = {
    networkPseudonym: reader.fixed(16),
    meterId: reader.fixed(16),
    nonce: reader.fixed(NONCE_BYTES),
    signature: reader.fixed(SIGNATURE_BYTES),
  };
  reader.end();
  return offer;
}

/** The customer's request, UCS → meter. */
export interface EnrolmentRequest {
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  readonly account: string;
  readonly customerSpki: Uint8Array;
  readonly nonce: Uint8Array;
  readonly mac: Uint8Array;
}

export function encodeEnrolmentRequest(request: EnrolmentRequest): Uint8Array {
  return new Writer()
    .u8(OFFER_VERSION)
    .fixed(request.networkPseudonym, 16)
    .fixed(request.meterId, 16)
    .vector(utf8(request.account), ACCOUNT_BYTES_MAX)
    .vector(request.customerSpki, SPKI_BYTES_MAX)
    .fixed(request.nonce, NONCE_BYTES)
    .fixed(request.mac, MAC_BYTES)
    .finish();
}

export function decodeEnrolmentRequest(bytes: Uint8Array): EnrolmentRequest {
  const reader = new Reader(bytes);
  wellFormed(reader.u8() === OFFER_VERSION, "unknown enrolment version");
  const networkPseudonym = reader.fixed(16);
  const meterId = reader.fixed(16);
  const account = fromUtf8(reader.vector(ACCOUNT_BYTES_MAX));
  const customerSpki = reader.vector(SPKI_BYTES_MAX);
  const nonce = reader.fixed(NONCE_BYTES);
  const mac = reader.fixed(MAC_BYTES);
  reader.end();
  return { networkPseudonym, meterId, account, customerSpki, nonce, mac };
}

/**
 * The meter's answer, to the account that asked. Accepted: `mac` proves the meter to the customer; refused: zeros. The signature tells
 * everyone on the way, who cannot check the MAC, that it is the meter's own word.
 */
export interface EnrolmentAnswer {
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  readonly nonce: Uint8Array;
  readonly accepted: boolean;
  readonly meterKey: Uint8Array;
  readonly mac: Uint8Array;
  readonly signature: Uint8Array;
}

const answerTerms = (answer: Omit<EnrolmentAnswer, "signature">): Uint8Array =>
  new Writer()
    .u8(OFFER_VERSION)
    .fixed(answer.networkPseudonym, 16)
    .fixed(answer.meterId, 16)
    .fixed(answer.nonce, NONCE_BYTES)
    .u8(answer.accepted ? 1 : 0)
    .fixed(answer.meterKey, 32)
    .fixed(answer.mac, MAC_BYTES)
    .finish();

/** `meterKey` of the answer is the signer's. */
export async function signEnrolmentAnswer(
  answer: Omit<EnrolmentAnswer, "signature" | "meterKey">,
  meter: Signer,
): Promise<EnrolmentAnswer> {
  const terms = { ...answer, meterKey: meter.publicKey };
  const data = await signedBytes("smarter-metering/enrolment-answer/v1", answerTerms(terms));
  return { ...terms, signature: await meter.sign(data) };
}

/** Throws PROTOCOL_BAD_SIGNATURE, also for an answer that names another key than the one that signed it. */
export async function verifyEnrolmentAnswer(
  answer: EnrolmentAnswer,
  meterKey: Uint8Array,
): Promise<void> {
  if (!equalBytes(answer.meterKey, meterKey)) {
    throw new ProtocolError("PROTOCOL_BAD_SIGNATURE", "the answer names another key");
  }
  const data = await signedBytes("smarter-metering/enrolment-answer/v1", answerTerms(answer));
  await checkSignature(meterKey, answer.signature, data);
}

export const encodeEnrolmentAnswer = (answer: EnrolmentAnswer): Uint8Array =>
  concatBytes(answerTerms(answer), answer.signature);

export function decodeEnrolmentAnswer(bytes: Uint8Array): EnrolmentAnswer {
  const reader = new Reader(bytes);
  wellFormed(reader.u8() === OFFER_VERSION, "unknown enrolment version");
  const networkPseudonym = reader.fixed(16);
  const meterId = reader.fixed(16);
  const nonce = reader.fixed(NONCE_BYTES);
  const accepted = reader.u8();
  wellFormed(accepted <= 1, "neither accepted nor refused");
  const meterKey = reader.fixed(32);
  const mac = reader.fixed(MAC_BYTES);
  const signature = reader.fixed(SIGNATURE_BYTES);
  reader.end();
  const isAccepted = accepted === 1;
  return { networkPseudonym, meterId, nonce, accepted: isAccepted, meterKey, mac, signature };
}
