/**
 * Sealing to one recipient: compact JWE, RSA-OAEP-256 + A256GCM (docs/protocol.md §3.1, §8.5, §8.6). Used for key envelopes, releases and
 * shares of the Paillier key, each with its own `typ`, so that one can never be taken for the other.
 */
import { CompactEncrypt, compactDecrypt } from "jose";
import { primitives } from "#primitives";
import { fromUtf8, utf8 } from "./bytes.ts";
import { ProtocolError } from "./error.ts";
import { toBase64Url } from "./jws.ts";

const RSA_OAEP = { name: "RSA-OAEP", hash: "SHA-256" };
const MODULUS_BITS_MIN = 3072;

export type SealedType =
  | "smarter-metering/data-key"
  | "smarter-metering/release"
  | "smarter-metering/partial-release"
  | "smarter-metering/secret-share";

/** A public RSA key with its id, the SHA-256 of its SubjectPublicKeyInfo. */
export interface Recipient {
  readonly keyId: Uint8Array;
  readonly spki: Uint8Array;
  readonly key: CryptoKey;
}

/** The private side of a `Recipient`. */
export interface RecipientSecret {
  readonly keyId: Uint8Array;
  readonly key: CryptoKey;
}

const source = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>;

/** Throws PROTOCOL_WEAK_KEY unless `spki` (DER) is an RSA key of at least 3072 bits. */
export async function recipientFromSpki(spki: Uint8Array): Promise<Recipient> {
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("spki", source(spki), RSA_OAEP, true, ["encrypt"]);
  } catch (cause) {
    throw new ProtocolError("PROTOCOL_WEAK_KEY", "not an RSA public key (SPKI, DER)", cause);
  }
  const { modulusLength } = key.algorithm as RsaHashedKeyAlgorithm;
  if (modulusLength < MODULUS_BITS_MIN) {
    throw new ProtocolError(
      "PROTOCOL_WEAK_KEY",
      `RSA key of ${modulusLength} bits; at least ${MODULUS_BITS_MIN} are needed`,
    );
  }
  return { keyId: await primitives.sha256(spki), spki, key };
}

/** A fresh RSA-3072 key pair; `pkcs8` is for the owner's key store alone. */
export async function generateRecipient(): Promise<{ spki: Uint8Array; pkcs8: Uint8Array }> {
  const pair = await crypto.subtle.generateKey(
    { ...RSA_OAEP, modulusLength: MODULUS_BITS_MIN, publicExponent: Uint8Array.of(1, 0, 1) },
    true,
    ["encrypt", "decrypt"],
  );
  const [spki, pkcs8] = await Promise.all([
    crypto.subtle.exportKey("spki", pair.publicKey),
    crypto.subtle.exportKey("pkcs8", pair.privateKey),
  ]);
  return { spki: new Uint8Array(spki), pkcs8: new Uint8Array(pkcs8) };
}

/**
 * The SubjectPublicKeyInfo of a private key. An owner who got both from a store that others can write to believes this one alone.
 */
export async function spkiOfPkcs8(pkcs8: Uint8Array): Promise<Uint8Array> {
  const pair = await crypto.subtle.importKey("pkcs8", source(pkcs8), RSA_OAEP, true, ["decrypt"]);
  const { kty, n, e } = await crypto.subtle.exportKey("jwk", pair);
  const key = await crypto.subtle.importKey("jwk", { kty, n, e }, RSA_OAEP, true, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.exportKey("spki", key));
}

export async function recipientSecret(
  spki: Uint8Array,
  pkcs8: Uint8Array,
): Promise<RecipientSecret> {
  const key = await crypto.subtle.importKey("pkcs8", source(pkcs8), RSA_OAEP, false, ["decrypt"]);
  return { keyId: await primitives.sha256(spki), key };
}

/** What `sealTo` writes and `openSealed` demands, to the letter: no algorithm to confuse, nothing to smuggle. */
const headerOf = (typ: SealedType) => ({ alg: "RSA-OAEP-256", enc: "A256GCM", typ });

export async function sealTo(
  recipient: Recipient,
  typ: SealedType,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const encryption = new CompactEncrypt(plaintext).setProtectedHeader(headerOf(typ));
  return utf8(await encryption.encrypt(recipient.key));
}

/** Undefined for every cause of failure: a peer that could tell causes apart would hold an oracle. */
export async function openSealed(
  secret: RecipientSecret,
  typ: SealedType,
  sealed: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    const jwe = fromUtf8(sealed);
    if (!jwe.startsWith(`${toBase64Url(utf8(JSON.stringify(headerOf(typ))))}.`)) return undefined;
    const { plaintext } = await compactDecrypt(jwe, secret.key, {
      keyManagementAlgorithms: ["RSA-OAEP-256"],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    return plaintext;
  } catch {
    return undefined;
  }
}

/** A dealer's share of the Paillier key, sealed to its trustee (§8.6). */
export const sealShare = (trustee: Recipient, share: Uint8Array): Promise<Uint8Array> =>
  sealTo(trustee, "smarter-metering/secret-share", share);

/** Undefined for every cause of failure. */
export const openShare = (
  trustee: RecipientSecret,
  sealed: Uint8Array,
): Promise<Uint8Array | undefined> => openSealed(trustee, "smarter-metering/secret-share", sealed);

/** The registry's token for a service point at the MDMS (§8.5): RSA-OAEP with its own label. */
const TOKEN_LABEL = utf8("smarter-metering/mdms-token/v1");

export async function sealToken(recipient: Recipient, pseudonym: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: "RSA-OAEP", label: source(TOKEN_LABEL) };
  const sealed = await crypto.subtle.encrypt(algorithm, recipient.key, source(pseudonym));
  return new Uint8Array(sealed);
}

export async function openToken(
  secret: RecipientSecret,
  token: Uint8Array,
): Promise<Uint8Array | undefined> {
  const algorithm = { name: "RSA-OAEP", label: source(TOKEN_LABEL) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, secret.key, source(token)));
  } catch {
    return undefined;
  }
}
