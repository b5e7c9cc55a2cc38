/**
 * The keys of a third party whom a customer shares readings with (docs/protocol.md §11.6): his public key as the customer gets it, PEM or
 * JWK, told apart from what is pasted by mistake; his private key on his own machine. RSA of 3072 bits or more, P-256, X25519; no other.
 */
import { fromBase64Url, primitives, toHex } from "@smarter-metering/protocol";
import { CustomerError, type CustomerErrorCode } from "../error.ts";

/** JWE (RFC 7518, RFC 8037), and what WebCrypto calls the keys of each. */
export type ShareAlgorithm = "RSA-OAEP-256" | "ECDH-ES+A256KW";

/** Whom a share is sealed to. */
export interface ShareRecipient {
  readonly algorithm: ShareAlgorithm;
  readonly key: CryptoKey;
  /** SHA-256 of the SubjectPublicKeyInfo, hex in groups of four: to be compared by telephone. */
  readonly fingerprint: string;
}

/** Who opens it. */
export interface ShareSecret {
  readonly algorithm: ShareAlgorithm;
  readonly key: CryptoKey;
}

/** A PEM of RSA-16384 has some 12 kB. */
const TEXT_CHARACTERS_MAX = 32_768;
const RSA_BITS_MIN = 3072;
const RSA_BITS_MAX = 16_384;

const KINDS = [
  {
    algorithm: "RSA-OAEP-256",
    name: "RSA-OAEP",
    hash: "SHA-256",
    seal: ["encrypt"],
    open: ["decrypt"],
  },
  {
    algorithm: "ECDH-ES+A256KW",
    name: "ECDH",
    namedCurve: "P-256",
    seal: [],
    open: ["deriveBits"],
  },
  { algorithm: "ECDH-ES+A256KW", name: "X25519", seal: [], open: ["deriveBits"] },
] as const;

type KeyData =
  | { readonly format: "jwk"; readonly data: JsonWebKey }
  | { readonly format: "der"; readonly data: Uint8Array<ArrayBuffer> };

const fail = (code: CustomerErrorCode, message: string, cause?: unknown): never => {
  throw new CustomerError(code, message, { cause });
};

const unusable = (why: string, cause?: unknown): never =>
  fail("CUSTOMER_SHARE_KEY_UNUSABLE", `this key cannot be used: ${why}`, cause);

/**
 * A public key as pasted or read from a file. Throws CUSTOMER_SHARE_KEY_PRIVATE, CUSTOMER_SHARE_KEY_SHORT, CUSTOMER_SHARE_KEY_UNUSABLE,
 * each with what to ask the third party for; no message repeats what was pasted.
 */
export async function parseShareRecipient(text: string): Promise<ShareRecipient> {
  const { isPrivate, ...data } = keyData(text);
  if (isPrivate) {
    fail(
      "CUSTOMER_SHARE_KEY_PRIVATE",
      "this is a private key, which only its owner may have: delete it here, tell him, and ask for his new public key",
    );
  }
  const { algorithm, key } = await imported(data, "seal");
  checkLength(key);
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", key));
  const fingerprint = toHex(await primitives.sha256(spki)).replaceAll(/(.{4})(?=.)/g, "$1 ");
  return { algorithm, key, fingerprint };
}

/** The third party's own private key: PKCS #8 in PEM, unencrypted, or a JWK. Throws CUSTOMER_SHARE_KEY_UNUSABLE, CUSTOMER_SHARE_KEY_SHORT. */
export async function parseShareSecret(text: string): Promise<ShareSecret> {
  const { isPrivate, ...data } = keyData(text);
  if (!isPrivate) unusable("it is a public key, and the private one opens what is shared");
  if (data.data === NOTHING) {
    unusable("it is encrypted, or not PKCS #8; openssl pkcs8 -topk8 -nocrypt converts it");
  }
  const { algorithm, key } = await imported(data, "open");
  checkLength(key);
  return { algorithm, key };
}

function keyData(text: string): KeyData & { readonly isPrivate: boolean } {
  const trimmed = text.trim();
  if (trimmed.length > TEXT_CHARACTERS_MAX) unusable("the text is far longer than any key");
  if (trimmed.startsWith("{")) return jwkData(trimmed);
  const [, label = "", body = ""] =
    /^-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----$/.exec(trimmed) ?? [];
  switch (label) {
    case "PUBLIC KEY":
      return { format: "der", data: derOf(body), isPrivate: false };
    case "PRIVATE KEY":
      return { format: "der", data: derOf(body), isPrivate: true };
    case "CERTIFICATE":
      return unusable("it is a certificate; ask for the public key itself, openssl x509 -pubkey");
    case "RSA PUBLIC KEY":
      return unusable("it is PKCS #1; openssl rsa -RSAPublicKey_in -pubout converts it");
  }
  // Encrypted, OpenSSH's, SEC 1, PKCS #1: whatever it is, the word says enough.
  if (/PRIVATE KEY-----/.test(trimmed)) {
    return { format: "der", data: NOTHING, isPrivate: true };
  }
  if (/^(ssh-|ecdsa-)/.test(trimmed)) return unusable("it is an SSH key, which only signs");
  return unusable('expected PEM, "-----BEGIN PUBLIC KEY-----", or a JWK');
}

/** Of a private key in a form that is not read. */
const NOTHING = new Uint8Array(0);

function derOf(body: string): Uint8Array<ArrayBuffer> {
  try {
    const base64 = body.replaceAll(/\s/g, "").replace(/=+$/, "");
    return fromBase64Url(base64.replaceAll("+", "-").replaceAll("/", "_")).slice();
  } catch (cause) {
    return unusable("its text is damaged; copy it again, with both dashed lines", cause);
  }
}

function jwkData(text: string): KeyData & { readonly isPrivate: boolean } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    return unusable("it begins like a JWK and is not JSON", cause);
  }
  const jwk = parsed as JsonWebKey; // An object by its first character; every field is looked at below or by WebCrypto.
  // "k" is a symmetric key, "d" everybody else's private part.
  const isPrivate = jwk.d !== undefined || jwk.k !== undefined;
  if (jwk.use === "sig") return unusable("its owner says that it only signs");
  const { kty, crv, n, e, x, y } = jwk;
  // Neither `alg` nor `key_ops`: they name other uses of the same key, which WebCrypto would refuse.
  const fields = { kty, crv, n, e, x, y };
  const secret = isPrivate
    ? { d: jwk.d, p: jwk.p, q: jwk.q, dp: jwk.dp, dq: jwk.dq, qi: jwk.qi }
    : {};
  const given = Object.entries({ ...fields, ...secret }).filter(([, value]) => value !== undefined);
  return { format: "jwk", data: Object.fromEntries(given), isPrivate };
}

/** The first kind that it imports as. */
async function imported(
  { format, data }: KeyData,
  use: "seal" | "open",
): Promise<{ algorithm: ShareAlgorithm; key: CryptoKey }> {
  let cause: unknown;
  for (const { algorithm, seal, open, ...parameters } of KINDS) {
    const usages = use === "seal" ? [...seal] : [...open];
    const isPublic = use === "seal";
    try {
      const key =
        format === "jwk"
          ? await crypto.subtle.importKey("jwk", data, parameters, isPublic, usages)
          : await crypto.subtle.importKey(
              isPublic ? "spki" : "pkcs8",
              data,
              parameters,
              isPublic,
              usages,
            );
      return { algorithm, key };
    } catch (error) {
      cause = error; // Not of this kind.
    }
  }
  return unusable(`expected RSA of ${RSA_BITS_MIN} bits or more, P-256 or X25519`, cause);
}

function checkLength({ algorithm }: CryptoKey): void {
  if (!("modulusLength" in algorithm)) return;
  const bits = Number(algorithm.modulusLength);
  if (bits > RSA_BITS_MAX) unusable(`RSA of more than ${RSA_BITS_MAX} bits`);
  if (bits >= RSA_BITS_MIN) return;
  const message = `an RSA key of ${bits} bits is too short; ask for one of ${RSA_BITS_MIN} or more`;
  fail("CUSTOMER_SHARE_KEY_SHORT", message);
}
