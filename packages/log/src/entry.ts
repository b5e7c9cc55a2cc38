/**
 * Entries of the log (docs/protocol.md §13.2): what was said, in one order that all trustees share. An entry is the
 * SHA-256 of a message, so that the log tells its readers nothing, or, for release requests, the signed terms, because
 * the other trustees must know what was asked for.
 *
 * A hash hides its message only when that cannot be guessed. Every message that is logged by its hash is hashed as
 * encoded, **with** its signature, and holds a ciphertext, a Merkle root over ciphertexts or a JWE; where it does not
 * (refusals) the signature is unguessable to whoever has not seen it (RFC 8032 §5.1.6: its nonce is keyed). Policies,
 * tariffs and registry epochs are public as they are.
 */
import { Reader, Writer, primitives, HASH_BYTES } from "@smarter-metering/protocol";
import { assert, decoding, wellFormed } from "./error.ts";

const ENTRY_VERSION = 1;
/** The signed terms of a release request are about 1 kB; 13 kB of a load where another one of 1024 members lacks in every slot. */
export const MESSAGE_BYTES_MAX = 32_768;
/** Entries in one batch, and under one head. */
export const BATCH_ENTRIES_MAX = 1024;

/** In the order of their codes, from 1. */
const KINDS = [
  "contribution",
  "seal",
  "release-request",
  "release",
  "refusal",
  "policy",
  "tariff",
  "registry-epoch",
  "key-epoch",
] as const;
export type EntryKind = (typeof KINDS)[number];

/**
 * What somebody wants logged. `body`: the message for `release-request`, else SHA-256 of the encoded, signed message.
 */
export interface NewEntry {
  readonly kind: EntryKind;
  readonly body: Uint8Array;
}

export interface Entry extends NewEntry {
  /** Log time, epoch seconds: never before that of the entry before. */
  readonly timeSeconds: number;
}

export interface IndexedEntry extends Entry {
  /** From 0. */
  readonly index: number;
}

/** The body's bytes are 32 for a hash; a message has 1 to MESSAGE_BYTES_MAX. */
export function isBody({ kind, body }: NewEntry): boolean {
  if (kind !== "release-request") return body.length === HASH_BYTES;
  return body.length > 0 && body.length <= MESSAGE_BYTES_MAX;
}

/** `u8 version = 1  u8 kind  u64 time  (hash[32] | message<1..32768>)` */
export function encodeEntry(entry: Entry): Uint8Array {
  const { kind, timeSeconds, body } = entry;
  assert(isBody(entry), `a ${kind} entry has no body of ${body.length} bytes`);
  const writer = new Writer().u8(ENTRY_VERSION).u8(codeOf(kind)).u64(timeSeconds);
  if (kind === "release-request") writer.vector(body, MESSAGE_BYTES_MAX, 1);
  else writer.fixed(body, HASH_BYTES);
  return writer.finish();
}

/** Throws LOG_MALFORMED. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return decoding("entry", () => {
    const reader = new Reader(bytes);
    wellFormed(reader.u8() === ENTRY_VERSION, "unknown entry version");
    const kind = KINDS[reader.u8() - 1];
    wellFormed(kind !== undefined, "unknown kind of entry");
    const timeSeconds = reader.safeU64();
    const isMessage = kind === "release-request";
    const body = isMessage ? reader.vector(MESSAGE_BYTES_MAX, 1) : reader.fixed(HASH_BYTES);
    reader.end();
    return { kind, timeSeconds, body };
  });
}

/** The name of an entry, whenever it is logged: the same thing is in a log once. */
export const entryId = ({ kind, body }: NewEntry): Promise<Uint8Array> =>
  primitives.sha256(Uint8Array.of(codeOf(kind)), body);

const codeOf = (kind: EntryKind): number => KINDS.indexOf(kind) + 1;
