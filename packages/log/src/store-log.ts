/**
 * The log of its operator, over a store (docs/protocol.md §13): entries, tiles of hashes, and every head it ever
 * signed with the cosignatures that came back. It holds what it was given, and no key but its own; trustees do not
 * depend on its honesty.
 *
 * A head is published (returned by anything) only when `published` has it durably. The database may lose its last
 * seconds in a power loss; going on from there would sign a second root for a size. With the file that is noticed, and
 * the log refuses to open.
 */
import assert from "node:assert/strict";
import { equalBytes, fromUtf8, utf8, leafHash, type Signer } from "@smarter-metering/protocol";
import {
  insertMany,
  migrate,
  type DurableFile,
  type Migration,
  type Sql,
  type Store,
} from "@smarter-metering/runtime";
import { LogError } from "./error.ts";
import {
  BATCH_ENTRIES_MAX,
  decodeEntry,
  encodeEntry,
  entryId,
  isBody,
  type NewEntry,
} from "./entry.ts";
import type { LogBatch } from "./follower.ts";
import { formatHead, logKey, parseHead, signHead, withSignaturesOf, type HeadKey } from "./head.ts";
import type { SignedHead } from "./head.ts";
import { proveConsistency, proveInclusion } from "./proof.ts";
import { cosignersOf, type Quorum } from "./quorum.ts";
import { formatReceipt } from "./receipt.ts";
import { Tiles, tileStatements } from "./tiles.ts";
import { rangeHash } from "./tree.ts";

const migrations: readonly Migration[] = [
  {
    name: "0001-log",
    statements: [
      `create table log_entry (
        position int8 primary key,
        id bytea not null unique,
        encoded bytea not null)`,
      ...tileStatements,
      `create table log_head (
        size int8 primary key,
        seconds int8 not null,
        is_quorum bool not null default false,
        note text not null)`,
      "create index log_head_of_quorum on log_head (size) where is_quorum",
    ],
  },
];

export interface LogPorts {
  /** May hold other tables: the log's begin with `log_`. */
  readonly store: Store;
  readonly signer: Signer;
  /** The newest head that has left this process; outside the database. */
  readonly published: DurableFile;
  nowSeconds(): number;
}

export interface Appended {
  /** One for each entry given. */
  readonly indexes: readonly number[];
  /** A head that covers them all. */
  readonly head: string;
}

export interface StoreLog {
  readonly key: HeadKey;
  /** Entries under a published head. */
  readonly size: number;
  /**
   * Appends 1 to BATCH_ENTRIES_MAX entries in order, in one transaction with their head. What the log has already (the
   * same kind and body) keeps its place, so an appender that does not know whether it had finished does it again.
   */
  append(entries: readonly NewEntry[]): Promise<Appended>;
  /** Where an entry stands; undefined when it is not in the log. */
  find(entry: NewEntry): Promise<number | undefined>;
  /**
   * For followers: the entries from `from` up to the next head, and that head: what one append made, so that all
   * trustees cosign the same heads (each taking the newest at its own time, they might never meet). With `from` = size
   * no entries and the newest head. Undefined beyond it, or for an empty log.
   */
  batch(from: number): Promise<LogBatch | undefined>;
  /**
   * Encoded entries, at most `limit` and BATCH_ENTRIES_MAX: for `rebuild` and auditors. Everybody else gets receipts
   * alone.
   */
  entries(from: number, limit: number): Promise<Uint8Array[]>;
  /**
   * Keeps a trustee's signature of one of our heads (`Taken.cosigned`); true when the head now stands. What is no
   * signature of a trustee of the quorum is ignored. Throws LOG_MALFORMED, LOG_HEAD_ORIGIN, LOG_FORKED when the head
   * is not ours.
   */
  addCosignatures(cosigned: string, quorum: Quorum): Promise<boolean>;
  /** The newest head that stands. */
  quorumHead(): Promise<string | undefined>;
  /** The first head over entry `index`, with the cosignatures that it has; undefined while it is under none. */
  headOver(index: number): Promise<string | undefined>;
  /** A receipt (C2SP tlog-proof) for an entry under the newest head that stands; undefined while it is under none. */
  receipt(index: number): Promise<string | undefined>;
  /** The receipt of each, in order, all under one head; undefined for what is not in the log or not under it. */
  receipts(entries: readonly NewEntry[]): Promise<(string | undefined)[]>;
  /** RFC 6962 consistency proof between two sizes, 0 ≤ oldSize ≤ newSize ≤ size. */
  consistency(oldSize: number, newSize: number): Promise<Uint8Array[]>;
}

/**
 * Opens or begins the log. Throws LOG_TRUNCATED when the database has lost entries under a published head, LOG_FORKED
 * when it has others, LOG_STATE_MISSING when the file is gone though the log is not empty, STORE_MIGRATION.
 */
export async function openLog(ports: LogPorts): Promise<StoreLog> {
  await migrate(ports.store, "log", migrations);
  const key = await logKey(ports.signer.publicKey);
  const newest = await newestHead(ports.store);
  const file = await ports.published.load();
  if (file === undefined && newest !== undefined) {
    const message = "the file of the newest published head is gone: restore it from any follower";
    throw new LogError("LOG_STATE_MISSING", message);
  }
  if (file === undefined) await ports.published.save(new Uint8Array(0));
  else if (file.length > 0) await checkPublished(ports.store, parseHead(fromUtf8(file)), key);
  const log = new DatabaseLog(ports, key);
  if (newest !== undefined) await log.publish(newest);
  return log;
}

async function checkPublished(sql: Sql, published: SignedHead, key: HeadKey): Promise<void> {
  if (published.origin !== key.name) {
    throw new LogError("LOG_HEAD_ORIGIN", `the published head is of ${published.origin}`);
  }
  const row = await headAt(sql, published.size);
  if (row === undefined) {
    const message =
      `the database lost entries below ${published.size}, which a published head covers. ` +
      "Restore them: going on would fork the log";
    throw new LogError("LOG_TRUNCATED", message);
  }
  if (!equalBytes(parseHead(row.note).root, published.root)) {
    const message = `the database has other entries below ${published.size} than were published`;
    throw new LogError("LOG_FORKED", message);
  }
}

interface HeadRow {
  readonly size: bigint;
  readonly seconds: bigint;
  readonly note: string;
}

class DatabaseLog implements StoreLog {
  readonly key: HeadKey;
  readonly #ports: LogPorts;
  /** The newest published head. */
  #head: SignedHead | undefined;
  /** Ends when the append before has; it never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ports: LogPorts, key: HeadKey) {
    this.#ports = ports;
    this.key = key;
  }

  get size(): number {
    return this.#head?.size ?? 0;
  }

  async append(entries: readonly NewEntry[]): Promise<Appended> {
    const isBatch = entries.length > 0 && entries.length <= BATCH_ENTRIES_MAX;
    assert(isBatch && entries.every(isBody), `1 to ${BATCH_ENTRIES_MAX} entries with bodies`);
    const appended = this.#turn.then(async () => {
      const { store } = this.#ports;
      const ids = await Promise.all(entries.map(entryId));
      const { indexes, newest } = await store.transaction((sql) => this.#write(sql, entries, ids));
      await this.publish(newest);
      return { indexes, head: newest.note };
    });
    this.#turn = appended.catch(() => undefined);
    return appended;
  }

  /** Makes a head that is in the database one that may leave. */
  async publish({ note }: HeadRow): Promise<void> {
    const head = parseHead(note);
    if (head.size === this.#head?.size) return;
    await this.#ports.published.save(utf8(note));
    this.#head = head;
  }

  async find(entry: NewEntry): Promise<number | undefined> {
    const id = await entryId(entry);
    const index = (await indexesOf(this.#ports.store, [id])).get(hex(id));
    return index !== undefined && index < this.size ? index : undefined;
  }

  async batch(from: number): Promise<LogBatch | undefined> {
    if (from > this.size || this.#head === undefined) return undefined;
    const next = from === this.size ? this.size : from + 1;
    const row = await this.#headFrom(next);
    // Every append signs a head and is no larger than a batch.
    assert(row !== undefined, `no head after entry ${from}`);
    return { entries: await this.entries(from, Number(row.size) - from), head: row.note };
  }

  async headOver(index: number): Promise<string | undefined> {
    return (await this.#headFrom(index + 1))?.note;
  }

  async #headFrom(size: number): Promise<HeadRow | undefined> {
    const [row] = await this.#ports.store.query<HeadRow>(
      `select size, seconds, note from log_head where size >= $1 and size <= $2
       order by size limit 1`,
      [size, this.size],
    );
    return row;
  }

  async entries(from: number, limit: number): Promise<Uint8Array[]> {
    const end = Math.min(from + Math.min(limit, BATCH_ENTRIES_MAX), this.size);
    const rows = await this.#ports.store.query<{ encoded: Uint8Array }>(
      "select encoded from log_entry where position >= $1 and position < $2 order by position",
      [from, end],
    );
    return rows.map(({ encoded }) => encoded);
  }

  async addCosignatures(cosigned: string, quorum: Quorum): Promise<boolean> {
    const given = parseHead(cosigned);
    if (given.origin !== this.key.name) {
      throw new LogError("LOG_HEAD_ORIGIN", `a head of ${given.origin}, not of ${this.key.name}`);
    }
    return this.#ports.store.transaction(async (sql) => {
      const row = given.size > this.size ? undefined : await headAt(sql, given.size);
      const ours = row && parseHead(row.note);
      if (ours === undefined || !equalBytes(ours.root, given.root)) {
        throw new LogError("LOG_FORKED", `this log signed no such head of size ${given.size}`);
      }
      const signatures = [...ours.signatures, ...given.signatures];
      const keys = [this.key, ...quorum.trustees];
      const merged = await withSignaturesOf({ ...ours, signatures }, keys);
      const isQuorum = (await cosignersOf(merged, quorum)).length >= quorum.cosignersMin;
      await sql.query("update log_head set note = $2, is_quorum = $3 where size = $1", [
        given.size,
        formatHead(merged),
        isQuorum,
      ]);
      return isQuorum;
    });
  }

  async quorumHead(): Promise<string | undefined> {
    const [row] = await this.#ports.store.query<{ note: string }>(
      "select note from log_head where is_quorum order by size desc limit 1",
    );
    return row?.note;
  }

  async receipt(index: number): Promise<string | undefined> {
    const head = await this.#standing();
    if (head === undefined || index >= head.size) return undefined;
    const [encoded] = await this.entries(index, 1);
    assert(encoded !== undefined, `the log has no entry ${index}`);
    return receiptOf(index, encoded, head, new Tiles(this.#ports.store));
  }

  async receipts(entries: readonly NewEntry[]): Promise<(string | undefined)[]> {
    const head = await this.#standing();
    if (head === undefined) return entries.map(() => undefined);
    const ids = await Promise.all(entries.map(entryId));
    const rows = await this.#ports.store.query<EntryRow>(
      "select id, position, encoded from log_entry where id = any($1::bytea[]) and position < $2",
      [ids, head.size],
    );
    const tiles = new Tiles(this.#ports.store);
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

  async consistency(oldSize: number, newSize: number): Promise<Uint8Array[]> {
    assert(newSize <= this.size, `the log has ${this.size} entries`);
    return proveConsistency(oldSize, newSize, new Tiles(this.#ports.store).subtree);
  }

  async #write(
    sql: Sql,
    entries: readonly NewEntry[],
    ids: readonly Uint8Array[],
  ): Promise<{ indexes: number[]; newest: HeadRow }> {
    const last = await newestHead(sql);
    const size = Number(last?.size ?? 0n);
    const indexes = await indexesOf(sql, ids);
    // The log's time never runs backwards, though the clock may.
    const timeSeconds = Math.max(this.#ports.nowSeconds(), Number(last?.seconds ?? 0n));
    const encoded: Uint8Array[] = [];
    const rows: [number, Uint8Array, Uint8Array][] = [];
    for (const [at, entry] of entries.entries()) {
      const id = ids[at];
      if (id === undefined || indexes.has(hex(id))) continue;
      const bytes = encodeEntry({ ...entry, timeSeconds });
      rows.push([size + rows.length, id, bytes]);
      encoded.push(bytes);
      indexes.set(hex(id), size + rows.length - 1);
    }
    const places = ids.map((id) => indexes.get(hex(id)) ?? -1);
    if (rows.length === 0 && last !== undefined) return { indexes: places, newest: last };
    const columns = { position: "int8", id: "bytea", encoded: "bytea" } as const;
    await insertMany(sql, "log_entry", columns, rows);
    const newest = await this.#sign(sql, size, encoded, timeSeconds);
    await insertMany(sql, "log_head", { size: "int8", seconds: "int8", note: "text" }, [
      [newest.size, newest.seconds, newest.note],
    ]);
    return { indexes: places, newest };
  }

  /** Adds the entries' hashes to the tree of `size` leaves, and signs the new head. */
  async #sign(
    sql: Sql,
    size: number,
    encoded: readonly Uint8Array[],
    timeSeconds: number,
  ): Promise<HeadRow> {
    const tiles = new Tiles(sql);
    await tiles.append(size, await Promise.all(encoded.map((entry) => leafHash(entry))));
    await tiles.save();
    const newSize = size + encoded.length;
    const root = await rangeHash(0, newSize, tiles.subtree);
    const head = { origin: this.key.name, size: newSize, root };
    const signature = await signHead(head, timeSeconds, this.key, this.#ports.signer);
    const note = formatHead({ ...head, signatures: [signature] });
    return { size: BigInt(newSize), seconds: BigInt(timeSeconds), note };
  }
}

interface EntryRow {
  readonly id: Uint8Array;
  readonly position: bigint;
  readonly encoded: Uint8Array;
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

async function newestHead(sql: Sql): Promise<HeadRow | undefined> {
  const [row] = await sql.query<HeadRow>(
    "select size, seconds, note from log_head order by size desc limit 1",
  );
  return row;
}

async function headAt(sql: Sql, size: number): Promise<HeadRow | undefined> {
  const [row] = await sql.query<HeadRow>(
    "select size, seconds, note from log_head where size = $1",
    [size],
  );
  return row;
}

/** By id in hex. */
async function indexesOf(sql: Sql, ids: readonly Uint8Array[]): Promise<Map<string, number>> {
  const rows = await sql.query<{ id: Uint8Array; position: bigint }>(
    "select id, position from log_entry where id = any($1::bytea[])",
    [ids],
  );
  return new Map(rows.map(({ id, position }) => [hex(id), Number(position)]));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
