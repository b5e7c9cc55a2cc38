/**
 * A party's key file (docs/operating.md): an Ed25519 seed, and an RSA key pair for who receives sealed things. Read by the command line,
 * and in an operator's browser to sign a tariff there: the file stays where it was chosen, and only the signature leaves.
 */
import { fromHex } from "./bytes.ts";
import { wellFormed } from "./error.ts";
import { fromBase64Url, parseJson } from "./jws.ts";

export const PARTY_KEYS_KIND = "smarter-metering/party-keys";

export interface PartyKeysFile {
  /** 32 bytes, for `signerFromSeed`. */
  readonly signingSeed: Uint8Array;
  /** Of the MDMS, and of trustees that hold shares: RSA, DER. */
  readonly encryption?: { readonly spki: Uint8Array; readonly pkcs8: Uint8Array };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads a key file, by hand rather than by a schema: pages that read one stay small. Throws PROTOCOL_MALFORMED, which repeats nothing. */
export function parsePartyKeys(text: string): PartyKeysFile {
  const what = "not a file of party keys";
  const document = parseJson(text);
  wellFormed(isRecord(document) && document["kind"] === PARTY_KEYS_KIND, what);
  const { kind: _, signingSeed, encryption, ...unknown } = document;
  wellFormed(typeof signingSeed === "string" && /^[0-9a-f]{64}$/.test(signingSeed), what);
  wellFormed(Object.keys(unknown).length === 0, what);
  const seed = fromHex(signingSeed, 32);
  if (encryption === undefined) return { signingSeed: seed };
  wellFormed(isRecord(encryption) && Object.keys(encryption).length === 2, what);
  const { spki, pkcs8 } = encryption;
  wellFormed(typeof spki === "string" && typeof pkcs8 === "string", what);
  const pair = { spki: fromBase64Url(spki), pkcs8: fromBase64Url(pkcs8) };
  return { signingSeed: seed, encryption: pair };
}
