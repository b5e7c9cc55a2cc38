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
import { equalBytes, leafHash, utf8, type Signer } from "@smarter-metering/protocol";
import {
  insertMany,
  migrate,
  type DurableFile,
  type Migration,
  type Sql,
  type Store,
} from "@smarter-metering/runtime";
import { BATCH_ENTRIES_MAX, encodeEntry, entryId, isBody, type NewEntry } from "./entry.ts";
import { LogError } from "./error.ts";
import { formatHead, logKey, parseHead, signHead, withSignaturesOf, type HeadKey } from "./head.ts";
import type { SignedHead } from "./head.ts";
import { headAt, hex, indexesOf, LogReader, type HeadRow } from "./log-reader.ts";
import { keepPublished } from "./published-head.ts";
import { cosignersOf, type Quorum } from "./quorum.ts";
import { Tiles, tileStatements } from "./tiles.ts";
import { rangeHash } from "./tree.ts";

export { LogReader } from "./log-reader.ts";
export { keepPublished, type PublishedPorts } from "./published-head.ts";

/** Under the label `log`. */
export const logMigrations: readonly Migration[] = [
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
  {
    name: "0002-published",
    statements: [
      // Whether a head may have left: those who read the log beside its operator ask the database.
      "alter table log_head add column published bool not null default false",
      "update log_head set published = true where size < (select max(size) from log_head)",
      "create index log_head_unpublished on log_head (size) where not published",
    ],
  },
];

/** Makes the log's tables. Throws STORE_MIGRATION. */
export const migrateLog = (store: Store): Promise<void> => migrate(store, "log", logMigrations);

export interface LogPorts {
  /** Its tables begin with `log_`. One operator at a time: its transactions are to fail for any other. */
  readonly store: Store;
  readonly signer: Signer;
  /** The newest head that has left this process; outside the database. */
  readonly published: DurableFile;
  nowSeconds(): number;
}

/** See `keepPublished`. */
export interface OpenOptions {
  readonly witness?: string | undefined;
  readonly isNew?: boolean;
}

export interface Appended {
  /** One for each entry given. */
  readonly indexes: readonly number[];
  /** A head that covers them all. */
  readonly head: string;
}

/**
 * Opens or begins the log, with its tables. Throws what `keepPublished` throws, STORE_MIGRATION, and what a transaction
 * of the store throws.
 */
export async function openLog(ports: LogPorts, options: OpenOptions = {}): Promise<StoreLog> {
  await migrateLog(ports.store);
  const key = await logKey(ports.signer.publicKey);
  await keepPublished({ ...ports, key }, options.witness, options.isNew);
  const log = new StoreLog(ports, key);
  const newest = await newestHead(ports.store);
  if (newest !== undefined) await log.publish(newest);
  return log;
}

export class StoreLog extends LogReader {
  readonly key: HeadKey;
  readonly #ports: LogPorts;
  /** The newest published head. */
  #head: SignedHead | undefined;
  /** Ends when the append before has; it never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Use `openLog`. */
  constructor(ports: LogPorts, key: HeadKey) {
    super(ports.store);
    this.#ports = ports;
    this.key = key;
  }

  /** Entries under a published head. */
  get size(): number {
    return this.#head?.size ?? 0;
  }

  override publishedSize(): Promise<number> {
    return Promise.resolve(this.size);
  }

  /**
   * Appends 1 to BATCH_ENTRIES_MAX entries in order, in one transaction with their head. What the log has already (the
   * same kind and body) keeps its place, so an appender that does not know whether it had finished does it again.
   * Throws LOG_TRUNCATED when the database has lost what was published meanwhile.
   */
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

  /** Makes a head that is in the database one that may leave: the file first. */
  async publish({ note }: Pick<HeadRow, "note">): Promise<void> {
    const head = parseHead(note);
    if (head.size === this.#head?.size) return;
    await this.#ports.published.save(utf8(note));
    await this.#ports.store.query(
      "update log_head set published = true where size <= $1 and not published",
      [head.size],
    );
    this.#head = head;
  }

  /**
   * Keeps a trustee's signature of one of our heads (`Taken.cosigned`); true when the head now stands. What is no
   * signature of a trustee of the quorum is ignored. Throws LOG_MALFORMED, LOG_HEAD_ORIGIN, LOG_FORKED when the head
   * is not ours.
   */
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

  async #write(
    sql: Sql,
    entries: readonly NewEntry[],
    ids: readonly Uint8Array[],
  ): Promise<{ indexes: number[]; newest: HeadRow }> {
    const last = await newestHead(sql);
    const size = Number(last?.size ?? 0n);
    if (size < this.size) {
      const message = `the database has ${size} entries, ${this.size} were published: restore the newest`;
      throw new LogError("LOG_TRUNCATED", message);
    }
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

async function newestHead(sql: Sql): Promise<HeadRow | undefined> {
  const [row] = await sql.query<HeadRow>(
    "select size, seconds, note from log_head order by size desc limit 1",
  );
  return row;
}
