/**
 * The log as anybody with its database reads it (docs/protocol.md §13): what stands under a published head, whoever
 * operates it. The operator's own part is store-log.ts.
 */
import { type Sql } from "@smarter-metering/runtime";
import { BATCH_ENTRIES_MAX, decodeEntry, entryId, type NewEntry } from "./entry.ts";
import { assert } from "./error.ts";
import type { LogBatch } from "./follower.ts";
import { parseHead, type SignedHead } from "./head.ts";
import { proveConsistency, proveInclusion } from "./proof.ts";
import { formatReceipt } from "./receipt.ts";
import { Tiles } from "./tiles.ts";

export interface HeadRow {
  readonly size: bigint;
  readonly seconds: bigint;
  readonly note: string;
}

interface EntryRow {
  readonly id: Uint8Array;
  readonly position: bigint;
  readonly encoded: Uint8Array;
}

/** Over a store with the tables of `logMigrations`. */
export class LogReader {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Entries under a published head. */
  async publishedSize(): Promise<number> {
    return Number((await newestPublished(this.#sql))?.size ?? 0n);
  }

  /** Where an entry stands; undefined when it is not in the log. */
  async find(entry: NewEntry): Promise<number | undefined> {
    const id = await entryId(entry);
    const index = (await indexesOf(this.#sql, [id])).get(hex(id));
    return index !== undefined && index < (await this.publishedSize()) ? index : undefined;
  }

  /**
   * For followers: the entries from `from` up to the next head, and that head: what one append made, so that all
   * trustees cosign the same heads (each taking the newest at its own time, they might never meet). With `from` = size
   * no entries and the newest head. Undefined beyond it, or for an empty log.
   */
  async batch(from: number): Promise<LogBatch | undefined> {
    const size = await this.publishedSize();
    if (from > size || size === 0) return undefined;
    const row = await this.#headFrom(from === size ? size : from + 1);
    // Every append signs a head and is no larger than a batch.
    assert(row !== undefined, `no head after entry ${from}`);
    return { entries: await this.entries(from, Number(row.size) - from), head: row.note };
  }

  /** The first head over entry `index`, with the cosignatures that it has; undefined while it is under none. */
  async headOver(index: number): Promise<string | undefined> {
    return (await this.#headFrom(index + 1))?.note;
  }

  async #headFrom(size: number): Promise<HeadRow | undefined> {
    const [row] = await this.#sql.query<HeadRow>(
      "select size, seconds, note from log_head where size >= $1 and size <= $2 order by size limit 1",
      [size, await this.publishedSize()],
    );
    return row;
  }

  /**
   * Encoded entries, at most `limit` and BATCH_ENTRIES_MAX: for `rebuild` and auditors. Everybody else gets receipts
   * alone.
   */
  async entries(from: number, limit: number): Promise<Uint8Array[]> {
    const size = await this.publishedSize();
    const end = Math.min(from + Math.min(limit, BATCH_ENTRIES_MAX), size);
    const rows = await this.#sql.query<{ encoded: Uint8Array }>(
      "select encoded from log_entry where position >= $1 and position < $2 order by position",
      [from, end],
    );
    return rows.map(({ encoded }) => encoded);
  }

  /** The newest head that stands. */
  async quorumHead(): Promise<string | undefined> {
    const [row] = await this.#sql.query<{ note: string }>(
      "select note from log_head where is_quorum order by size desc limit 1",
    );
    return row?.note;
  }

  /** A receipt (C2SP tlog-proof) for an entry under the newest head that stands; undefined while it is under none. */
  async receipt(index: number): Promise<string | undefined> {
    const head = await this.#standing();
    if (head === undefined || index >= head.size) return undefined;
    const [encoded] = await this.entries(index, 1);
    assert(encoded !== undefined, `the log has no entry ${index}`);
    return receiptOf(index, encoded, head, new Tiles(this.#sql));
  }

  /** The receipt of each, in order, all under one head; undefined for what is not in the log or not under it. */
  async receipts(entries: readonly NewEntry[]): Promise<(string | undefined)[]> {
    const head = await this.#standing();
    if (head === undefined) return entries.map(() => undefined);
    const ids = await Promise.all(entries.map(entryId));
    const rows = await this.#sql.query<EntryRow>(
      "select id, position, encoded from log_entry where id = any($1::bytea[]) and position < $2",
      [ids, head.size],
    );
    const tiles = new Tiles(this.#sql);
    const made = rows.map(async ({ id, position, encoded }) => {
      return [hex(id), await receiptOf(Number(position), encoded, head, tiles)] as const;
    });
    const receipts = new Map(await Promise.all(made));
    return ids.map((id) => receipts.get(hex(id)));
  }

  async #standing(): Promise<SignedHead | undefined> {
    const note = await this.quorumHead();
    return note === undefined ? undefined : parseHead(note);
  }

  /** RFC 6962 consistency proof between two sizes, 0 ≤ oldSize ≤ newSize ≤ size. */
  async consistency(oldSize: number, newSize: number): Promise<Uint8Array[]> {
    const size = await this.publishedSize();
    assert(newSize <= size, `the log has ${size} entries`);
    return proveConsistency(oldSize, newSize, new Tiles(this.#sql).subtree);
  }
}

async function receiptOf(
  index: number,
  encoded: Uint8Array,
  head: SignedHead,
  tiles: Tiles,
): Promise<string> {
  const { timeSeconds } = decodeEntry(encoded);
  const proof = await proveInclusion(index, head.size, tiles.subtree);
  return formatReceipt({ index, timeSeconds, proof, head });
}

/** The newest head that may have left the operator. */
export async function newestPublished(sql: Sql): Promise<HeadRow | undefined> {
  const [row] = await sql.query<HeadRow>(
    "select size, seconds, note from log_head where published order by size desc limit 1",
  );
  return row;
}

export async function headAt(sql: Sql, size: number): Promise<HeadRow | undefined> {
  const [row] = await sql.query<HeadRow>(
    "select size, seconds, note from log_head where size = $1",
    [size],
  );
  return row;
}

/** By id in hex. */
export async function indexesOf(
  sql: Sql,
  ids: readonly Uint8Array[],
): Promise<Map<string, number>> {
  const rows = await sql.query<{ id: Uint8Array; position: bigint }>(
    "select id, position from log_entry where id = any($1::bytea[])",
    [ids],
  );
  return new Map(rows.map(({ id, position }) => [hex(id), Number(position)]));
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
