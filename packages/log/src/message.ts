/**
 * How the log travels from its operator to followers (docs/protocol.md §13.5): batch after batch, in order, each from the
 * size that the one before ended at.
 */
import { Reader, Writer, fromUtf8, utf8 } from "@smarter-metering/protocol";
import { decoding, wellFormed } from "./error.ts";
import { BATCH_ENTRIES_MAX, MESSAGE_BYTES_MAX } from "./entry.ts";
import type { LogBatch } from "./follower.ts";

const MESSAGE_VERSION = 1;
const HEAD_BYTES_MAX = 65_535;
/** Version, kind, time and length go before a message. */
const ENTRY_BYTES_MAX = MESSAGE_BYTES_MAX + 64;

export interface LogMessage extends LogBatch {
  /** The index of the first entry. */
  readonly from: number;
}

/** `u8 version = 1  u64 from  head<0..65535>  u16 count  entry<0..32832> …` */
export function encodeLogMessage({ from, head, entries }: LogMessage): Uint8Array {
  const writer = new Writer()
    .u8(MESSAGE_VERSION)
    .u64(from)
    .vector(utf8(head), HEAD_BYTES_MAX)
    .u16(entries.length);
  for (const entry of entries) writer.vector(entry, ENTRY_BYTES_MAX);
  return writer.finish();
}

/** Throws LOG_MALFORMED. Of head and entries nothing is known yet. */
export function decodeLogMessage(bytes: Uint8Array): LogMessage {
  return decoding("message of the log", () => {
    const reader = new Reader(bytes);
    wellFormed(reader.u8() === MESSAGE_VERSION, "unknown version");
    const from = reader.safeU64();
    const head = fromUtf8(reader.vector(HEAD_BYTES_MAX));
    const count = reader.u16();
    wellFormed(count <= BATCH_ENTRIES_MAX, "too many entries");
    const entries = Array.from({ length: count }, () => reader.vector(ENTRY_BYTES_MAX));
    reader.end();
    return { from, head, entries };
  });
}
