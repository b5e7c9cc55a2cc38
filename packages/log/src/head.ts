/**
 * Heads of the log (docs/protocol.md §13.3), in the published text formats, so that any witness and any auditor's tool
 * can read them: C2SP tlog-checkpoint v1 (origin, size, root) as a C2SP signed-note v1, every signature of it a C2SP
 * tlog-cosignature v1 (type 0x04, Ed25519 with a time). The log's operator signs in that same form, so that a head has
 * a signed time. Extension lines are refused.
 *
 * What is signed begins with `cosignature/v1` and a newline, which none of our own domain strings does (§1.2): a party
 * may use its one key. It does not name the signer, so the keys of one quorum must differ (quorum.ts).
 */
import {
  Reader,
  Writer,
  concatBytes,
  equalBytes,
  fromBase64Url,
  primitives,
  toBase64Url,
  toHex,
  utf8,
  HASH_BYTES,
  type Signer,
} from "@smarter-metering/protocol";
import { assert, decoding, wellFormed } from "./error.ts";

/** signed-note asks for 16 at least. */
const SIGNATURES_MAX = 64;
const NOTE_CHARACTERS_MAX = 65_536;
const KEY_ID_BYTES = 4;
const COSIGNATURE_TYPE = 0x04;
const SIGNATURE_BYTES = 64;
/** `u64 time  signature[64]` */
const VALUE_BYTES = 8 + SIGNATURE_BYTES;

export interface Head {
  /** `smarter-metering/log/<SHA-256 of the operator's SubjectPublicKeyInfo, hex>`. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A signature line; what follows the key id is opaque until a known key verifies it. */
export interface HeadSignature {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly value: Uint8Array;
}

export interface SignedHead extends Head {
  readonly signatures: readonly HeadSignature[];
}

/** A public key that signs heads, with its name and id in signature lines. */
export interface HeadKey {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** RFC 8410 §4: the SubjectPublicKeyInfo of an Ed25519 key is this prefix and the key. */
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0);

/** The key of a log's operator; its name is the origin of the log. */
export const logKey = (publicKey: Uint8Array): Promise<HeadKey> => headKey("log", publicKey);

/** The key of a trustee. */
export const trusteeKey = (publicKey: Uint8Array): Promise<HeadKey> =>
  headKey("trustee", publicKey);

async function headKey(role: "log" | "trustee", publicKey: Uint8Array): Promise<HeadKey> {
  const id = toHex(await primitives.sha256(SPKI_PREFIX, publicKey));
  const name = `smarter-metering/${role}/${id}`;
  const typed = Uint8Array.of(COSIGNATURE_TYPE);
  const hash = await primitives.sha256(utf8(`${name}\n`), typed, publicKey);
  return { name, keyId: hash.slice(0, KEY_ID_BYTES), publicKey };
}

/** The text of the checkpoint: what is signed after the two lines of a cosignature. */
const checkpoint = ({ origin, size, root }: Head): string =>
  `${origin}\n${size}\n${toBase64(root)}\n`;

const signedBytes = (head: Head, timeSeconds: bigint): Uint8Array =>
  utf8(`cosignature/v1\ntime ${timeSeconds}\n${checkpoint(head)}`);

export async function signHead(
  head: Head,
  timeSeconds: number,
  key: HeadKey,
  signer: Signer,
): Promise<HeadSignature> {
  assert(equalBytes(signer.publicKey, key.publicKey), "the signer of this key");
  const signature = await signer.sign(signedBytes(head, BigInt(timeSeconds)));
  const value = new Writer().u64(timeSeconds).fixed(signature, SIGNATURE_BYTES).finish();
  return { name: key.name, keyId: key.keyId, value };
}

/** When `key` signed the head, epoch seconds by its own clock; undefined when it did not. */
export async function signedAt(head: SignedHead, key: HeadKey): Promise<number | undefined> {
  return (await signatureOf(head, key))?.timeSeconds;
}

/** The head with the lines of `keys` that verify, one of each, and no others: what is kept or passed on. */
export async function withSignaturesOf(
  head: SignedHead,
  keys: readonly HeadKey[],
): Promise<SignedHead> {
  const found = await Promise.all(keys.map((key) => signatureOf(head, key)));
  return { ...head, signatures: found.flatMap((one) => (one === undefined ? [] : [one.line])) };
}

async function signatureOf(
  head: SignedHead,
  key: HeadKey,
): Promise<{ readonly line: HeadSignature; readonly timeSeconds: number } | undefined> {
  for (const line of head.signatures) {
    if (line.name !== key.name || !equalBytes(line.keyId, key.keyId)) continue;
    if (line.value.length !== VALUE_BYTES) continue;
    const reader = new Reader(line.value);
    const timeSeconds = reader.u64();
    if (timeSeconds > BigInt(Number.MAX_SAFE_INTEGER)) continue;
    const data = signedBytes(head, timeSeconds);
    if (await primitives.ed25519Verify(key.publicKey, reader.fixed(SIGNATURE_BYTES), data)) {
      return { line, timeSeconds: Number(timeSeconds) };
    }
  }
  return undefined;
}

/** The head as a note. */
export function formatHead(head: SignedHead): string {
  const lines = head.signatures.map(
    ({ name, keyId, value }) => `— ${name} ${toBase64(concatBytes(keyId, value))}\n`,
  );
  return `${checkpoint(head)}\n${lines.join("")}`;
}

const NOTE = /^([^\s\p{Cc}]+)\n(0|[1-9]\d{0,15})\n(\S{44})\n\n((?:— .+\n)+)$/u;
const SIGNATURE_LINE = /^— ([^\s\p{Cc}+]+) (\S+)$/u;

/** Reads a note; verifies nothing. Throws LOG_MALFORMED; `formatHead` of what it returns is `text`. */
export function parseHead(text: string): SignedHead {
  return decoding("head", () => {
    wellFormed(text.length <= NOTE_CHARACTERS_MAX, "head too long");
    const [body, origin, size, root, lines] = NOTE.exec(text) ?? [];
    wellFormed(body !== undefined && origin !== undefined && root !== undefined, "not a head");
    const signatures = (lines ?? "").split("\n").slice(0, -1).map(parseSignature);
    wellFormed(signatures.length <= SIGNATURES_MAX, "too many signatures");
    const head = { origin, size: Number(size), root: fromBase64(root), signatures };
    wellFormed(Number.isSafeInteger(head.size) && head.root.length === HASH_BYTES, "not a head");
    return head;
  });
}

function parseSignature(line: string): HeadSignature {
  const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? [];
  wellFormed(name !== undefined && encoded !== undefined, "not a signature line");
  const bytes = fromBase64(encoded);
  wellFormed(bytes.length > KEY_ID_BYTES, "not a signature line");
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), value: bytes.slice(KEY_ID_BYTES) };
}

/** Base 64 of RFC 4648 §4, padded: what C2SP writes. */
export function toBase64(bytes: Uint8Array): string {
  const text = toBase64Url(bytes).replaceAll("-", "+").replaceAll("_", "/");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/** Throws LOG_MALFORMED unless `text` is the one base 64 of its bytes. */
export function fromBase64(text: string): Uint8Array {
  return decoding("base 64", () => {
    wellFormed(/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0, "not base 64");
    const unpadded = text.replaceAll("=", "");
    const bytes = fromBase64Url(unpadded.replaceAll("+", "-").replaceAll("/", "_"));
    wellFormed(toBase64(bytes) === text, "base 64 with stray bits");
    return bytes;
  });
}
