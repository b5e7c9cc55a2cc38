/**
 * Signed JSON documents (docs/protocol.md §1.1): compact JWS (RFC 7515) with EdDSA (RFC 8037) and nothing else. The protected
 * header is compared as text with the one header we write, so there is no algorithm to confuse.
 */
import { primitives } from "#primitives";
import { fromUtf8, utf8 } from "./bytes.ts";
import { ProtocolError, wellFormed } from "./error.ts";
import { checkSignature, type Signer } from "./signature.ts";

export type DocumentType =
  | "smarter-metering/registry-epoch"
  | "smarter-metering/opener-keys"
  | "smarter-metering/tariff"
  | "smarter-metering/prices"
  | "smarter-metering/statement"
  | "smarter-metering/tariff-correction"
  | "smarter-metering/credit-note";

const DOCUMENT_BYTES_MAX = 64 * 1024 * 1024;

export function toBase64Url(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Throws PROTOCOL_MALFORMED unless `text` is unpadded base64url in its one canonical form. */
export function fromBase64Url(text: string): Uint8Array {
  wellFormed(/^[A-Za-z0-9_-]*$/.test(text) && text.length % 4 !== 1, "not base64url");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  wellFormed(toBase64Url(bytes) === text, "base64url with stray bits");
  return bytes;
}

const headerOf = (type: DocumentType): string =>
  toBase64Url(utf8(JSON.stringify({ alg: "EdDSA", typ: type })));

export async function signDocument(
  type: DocumentType,
  document: unknown,
  signer: Signer,
): Promise<string> {
  const input = `${headerOf(type)}.${toBase64Url(utf8(JSON.stringify(document)))}`;
  return `${input}.${toBase64Url(await signer.sign(utf8(input)))}`;
}

/** The document of a JWS. Throws PROTOCOL_MALFORMED, or PROTOCOL_BAD_SIGNATURE. */
export async function verifyDocument(
  type: DocumentType,
  jws: string,
  publicKey: Uint8Array,
): Promise<unknown> {
  const { header, payload, signature } = partsOf(type, jws);
  await checkSignature(publicKey, fromBase64Url(signature), utf8(`${header}.${payload}`));
  return parseJson(fromUtf8(fromBase64Url(payload)));
}

/** The same of one that stands in a registry's view, which the epoch's signature vouches for. Throws PROTOCOL_MALFORMED. */
export function unverifiedDocument(type: DocumentType, jws: string): unknown {
  return parseJson(fromUtf8(fromBase64Url(partsOf(type, jws).payload)));
}

function partsOf(type: DocumentType, jws: string) {
  wellFormed(jws.length <= DOCUMENT_BYTES_MAX, "document too large");
  const [header, payload, signature, ...rest] = jws.split(".");
  wellFormed(
    header === headerOf(type) &&
      payload !== undefined &&
      signature !== undefined &&
      rest.length === 0,
    `not a signed document of type ${type}`,
  );
  return { header, payload, signature };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ProtocolError("PROTOCOL_MALFORMED", "malformed message: not JSON", cause);
  }
}

/** SHA-256 of a document's text: how epochs and views name each other. */
export async function documentHash(text: string): Promise<Uint8Array> {
  return primitives.sha256(utf8(text));
}
