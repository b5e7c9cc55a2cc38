/**
 * An append-only file of records that survives a power loss: what `append` acknowledged is on disk.
 *
 * File: an 8-byte magic, then one frame per write:
 *   u32 payload bytes · u32 CRC-32 of the payload · u32 CRC-32 of these eight bytes · payload
 * The payload is a run of records, each `u32 bytes · bytes`; all integers little-endian. Records
 * appended while an fsync runs share the next frame and its fsync (group commit). A frame is written
 * only after the one before it is on disk, so only the last one can be torn: damage that is
 * followed by a whole frame is corruption of something acknowledged.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { machineDisk, type Disk, type DiskFile } from "./disk.ts";
import { RuntimeError, systemCode } from "./error.ts";

export interface Journal {
  /** What the file held when it was opened, oldest first. */
  readonly records: readonly Uint8Array[];
  /** Bytes of an incomplete last write that were cut off at opening; 0 for a clean file. */
  readonly tornBytes: number;
  /**
   * Resolves when the record is on disk. Throws JOURNAL_FULL, JOURNAL_CLOSED, or JOURNAL_FAILED: after
   * one failed write nothing more is taken, because what the disk holds is no longer known.
   */
  append(record: Uint8Array): Promise<void>;
  /** Waits for appends already made. Idempotent. */
  close(): Promise<void>;
}

export interface JournalOptions {
  /** `truncate` cuts an incomplete last write off; `refuse` throws JOURNAL_TORN. */
  readonly onTorn: "truncate" | "refuse";
  /** The file never grows beyond it (it is read into memory at opening). Default 256 MiB. */
  readonly bytesMax?: number;
  /** Default: the machine's. */
  readonly disk?: Disk;
}

const magic = Buffer.from("SMJRNL1\n", "latin1");
const headerBytes = 12;
const lengthBytes = 4;
const recordBytesMax = 16 * 1024 * 1024;
const bytesMaxDefault = 256 * 1024 * 1024;

/**
 * Opens or creates the journal at `path` (mode 0600). Throws JOURNAL_TORN (only with `refuse`),
 * JOURNAL_CORRUPT, JOURNAL_FULL (larger than `bytesMax`), or a system error of opening the file.
 */
export async function openJournal(path: string, options: JournalOptions): Promise<Journal> {
  const bytesMax = options.bytesMax ?? bytesMaxDefault;
  const file = await openOrCreate(path, options.disk ?? machineDisk);
  try {
    const { size } = await file.stat();
    if (size > bytesMax)
      throw new RuntimeError("JOURNAL_FULL", `${path} has over ${bytesMax} bytes`);
    const bytes = await file.readFile();
    const { records, end } = scan(path, bytes);
    if (end < bytes.length && options.onTorn === "refuse") {
      const message = `the last write of ${path} is incomplete from byte ${end}: truncate it there`;
      throw new RuntimeError("JOURNAL_TORN", message);
    }
    if (end < bytes.length) await file.truncate(end);
    // A new file, and one torn inside its magic, begins again.
    if (end === 0) await file.write(magic, 0, magic.length, 0);
    if (end < Math.max(bytes.length, magic.length)) await file.sync();
    const start = Math.max(end, magic.length);
    return new FileJournal(file, path, start, bytesMax, records, bytes.length - end);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openOrCreate(path: string, disk: Disk): Promise<DiskFile> {
  try {
    return await disk.open(path, "r+");
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    const file = await disk.open(path, "wx+", 0o600);
    await disk.syncFolder(dirname(path));
    return file;
  }
}

class FileJournal implements Journal {
  readonly records: readonly Uint8Array[];
  readonly tornBytes: number;
  readonly #file: DiskFile;
  readonly #path: string;
  readonly #bytesMax: number;
  #end: number;
  #queued: Uint8Array[] = [];
  #queuedBytes = 0;
  /** The write that takes what is queued now; it starts when the one before has settled. */
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();
  #failure: RuntimeError | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    file: DiskFile,
    path: string,
    end: number,
    bytesMax: number,
    records: readonly Uint8Array[],
    tornBytes: number,
  ) {
    this.#file = file;
    this.#path = path;
    this.#end = end;
    this.#bytesMax = bytesMax;
    this.records = records;
    this.tornBytes = tornBytes;
  }

  async append(record: Uint8Array): Promise<void> {
    assert(record.length <= recordBytesMax, `a record has at most ${recordBytesMax} bytes`);
    if (this.#closing !== undefined) {
      throw new RuntimeError("JOURNAL_CLOSED", `the journal ${this.#path} is closed`);
    }
    if (this.#failure !== undefined) throw this.#failure;
    // A frame of its own is the most that the record can add.
    const bytes = lengthBytes + record.length;
    if (this.#end + this.#queuedBytes + headerBytes + bytes > this.#bytesMax) {
      throw new RuntimeError("JOURNAL_FULL", `the journal ${this.#path} is full: start a new one`);
    }
    this.#queued.push(record);
    this.#queuedBytes += bytes;
    this.#next ??= this.#current.then(() => this.#write());
    await this.#next;
  }

  close(): Promise<void> {
    this.#closing ??= (this.#next ?? this.#current)
      .catch(() => undefined) // every append has reported it already
      .then(() => this.#file.close());
    return this.#closing;
  }

  async #write(): Promise<void> {
    const frame = frameOf(this.#queued);
    this.#current = this.#next ?? this.#current;
    this.#next = undefined;
    this.#queued = [];
    this.#queuedBytes = 0;
    if (this.#failure !== undefined) throw this.#failure;
    const start = this.#end;
    this.#end += frame.length;
    try {
      for (let written = 0; written < frame.length;) {
        const left = frame.length - written;
        written += (await this.#file.write(frame, written, left, start + written)).bytesWritten;
      }
      await this.#file.datasync();
    } catch (error) {
      const message = `cannot write ${this.#path}: check the disk, then open the journal again`;
      this.#failure = new RuntimeError("JOURNAL_FAILED", message, { cause: error });
      throw this.#failure;
    }
  }
}

function frameOf(records: readonly Uint8Array[]): Buffer {
  const parts = records.flatMap((record) => [u32(record.length), record]);
  const payload = Buffer.concat(parts);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt32LE(crc32(payload), 4);
  header.writeUInt32LE(crc32(header.subarray(0, 8)), 8);
  return Buffer.concat([header, payload]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** All whole frames from the start; `end` is the first byte that belongs to none. */
function scan(path: string, bytes: Buffer): { records: Uint8Array[]; end: number } {
  const records: Uint8Array[] = [];
  const head = bytes.subarray(0, magic.length);
  if (!head.equals(magic.subarray(0, head.length))) {
    throw new RuntimeError("JOURNAL_CORRUPT", `${path} does not begin as a journal`);
  }
  if (head.length < magic.length) return { records, end: 0 };
  let end = magic.length;
  for (let payload = frameAt(bytes, end); payload !== undefined; payload = frameAt(bytes, end)) {
    for (let offset = 0; offset < payload.length;) {
      const start = offset + lengthBytes;
      offset = start + payload.readUInt32LE(offset);
      records.push(new Uint8Array(payload.subarray(start, offset)));
    }
    end += headerBytes + payload.length;
  }
  for (let offset = end + 1; offset + headerBytes <= bytes.length; offset++) {
    if (frameAt(bytes, offset) === undefined) continue;
    const message = `${path} is damaged from byte ${end} to ${offset}: restore it from a copy`;
    throw new RuntimeError("JOURNAL_CORRUPT", message);
  }
  return { records, end };
}

/** The payload of a whole frame at `offset`, or undefined. */
function frameAt(bytes: Buffer, offset: number): Buffer | undefined {
  const start = offset + headerBytes;
  if (start > bytes.length) return undefined;
  const length = bytes.readUInt32LE(offset);
  // The cheap tests first: after damage this runs at every byte of the rest.
  if (length < lengthBytes || start + length > bytes.length) return undefined;
  if (crc32(bytes.subarray(offset, offset + 8)) !== bytes.readUInt32LE(offset + 8))
    return undefined;
  const payload = bytes.subarray(start, start + length);
  return crc32(payload) === bytes.readUInt32LE(offset + 4) ? payload : undefined;
}
