/**
 * The database behind one process: SQL over one connection, owned by one process at a time. Used by
 * every role with a disk; the opener has none.
 *
 * Durability: with PGlite a committed transaction survives the death of the process (kill -9), but
 * PGlite never calls fsync, so a power loss may take the last seconds. Where that is not enough,
 * use PostgreSQL or write a journal (journal.ts).
 *
 * PGlite runs no autovacuum: a table with many deletes needs `vacuum <table>` from time to time.
 */
import assert from "node:assert/strict";
import { RuntimeError } from "../error.ts";
import type { Driver } from "./driver.ts";
import { migrate } from "./migrations.ts";
import type { Migration } from "./migrations.ts";
import { openPglite } from "./pglite-driver.ts";

/**
 * A parameter: int8 takes bigint (or a safe integer), bytea Uint8Array, json its text. Arrays are
 * for `= any($1)` and `unnest($1::int8[])`. There is no Date: time is stored as int8 epoch seconds.
 */
export type SqlValue = string | number | bigint | boolean | Uint8Array | null | readonly SqlValue[];

export interface Sql {
  /**
   * Runs one statement with `$1…` parameters. int8 comes back as bigint, bytea as Uint8Array, int2,
   * int4 and floats as number, json parsed. Other types are refused with STORE_TYPE: cast them, as
   * in `sum(x)::int8`. Throws STORE_CONSTRAINT, STORE_QUERY, STORE_TYPE, STORE_CLOSED,
   * STORE_BUSY, STORE_DAMAGED, STORE_WORKER_DIED.
   */
  query<Row = Record<string, unknown>>(sql: string, params?: readonly SqlValue[]): Promise<Row[]>;
}

export interface Store extends Sql {
  readonly kind: "pglite";
  /**
   * Runs `work` alone, after everything that was called before it, and commits when it resolves.
   * Rolls back and rethrows when it rejects or when any statement in it failed, even if caught.
   * Inside `work` use only the `sql` handed in: a call of the store itself waits for the transaction,
   * which ends as a programmer error when it makes no statement for `idleInTransactionMs`.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Waits for calls already made, closes the database, frees the folder. Idempotent. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Where the data lives; created when missing, mode 0700. Absent: in memory, gone at close. */
  readonly folder?: string;
  /** Names this list of migrations in the database, so that others can add their own tables. */
  readonly schema: string;
  readonly migrations: readonly Migration[];
  /** Default 30,000. */
  readonly idleInTransactionMs?: number;
}

/** Calls that may wait for the connection; beyond it a call fails with STORE_BUSY. */
const waitingMax = 10_000;

/**
 * Opens a store and applies its migrations. Throws STORE_LOCKED, STORE_DAMAGED, STORE_VERSION,
 * STORE_MIGRATION. The first open on a machine initialises a database (seconds); later ones copy it.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { folder, idleInTransactionMs = 30_000 } = options;
  const store = new QueuedStore(await openPglite(folder), idleInTransactionMs);
  try {
    await migrate(store, options.schema, options.migrations);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Puts calls on a driver's single connection one after the other, first come first served. */
class QueuedStore implements Store {
  readonly kind = "pglite";
  readonly #driver: Driver;
  readonly #idleMs: number;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closing: Promise<void> | undefined;

  constructor(driver: Driver, idleMs: number) {
    this.#driver = driver;
    this.#idleMs = idleMs;
  }

  async query<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    return (await this.#exclusive(() => this.#driver.query(sql, params))) as Row[];
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#exclusive(async () => {
      await this.#driver.query("begin", []);
      const sql = new TransactionSql(this.#driver);
      try {
        const result = await Promise.race([work(sql), sql.idleFor(this.#idleMs)]);
        await sql.finish();
        await this.#driver.query("commit", []);
        return result;
      } catch (error) {
        sql.end();
        // The first error is the one to report; a connection that cannot roll back is gone anyway.
        await this.#driver.query("rollback", []).catch(() => undefined);
        throw error;
      }
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#tail.then(
      () => this.#driver.close(),
      () => this.#driver.close(),
    );
    return this.#closing;
  }

  async #exclusive<T>(job: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new RuntimeError("STORE_CLOSED", "the store is closed");
    if (this.#waiting >= waitingMax) {
      throw new RuntimeError("STORE_BUSY", `${waitingMax} calls wait for the store; slow down`);
    }
    this.#waiting += 1;
    const result = this.#tail.then(job);
    this.#tail = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      this.#waiting -= 1;
    }
  }
}

class TransactionSql implements Sql {
  readonly #driver: Driver;
  readonly #pending = new Set<Promise<unknown>>();
  #failure: { readonly error: unknown } | undefined;
  #active = true;
  #lastStatementMs = performance.now();
  #watch: NodeJS.Timeout | undefined;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  async query<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    assert(this.#active, "this transaction has ended");
    const result = this.#driver.query(sql, params);
    this.#pending.add(result);
    try {
      return (await result) as Row[];
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    } finally {
      this.#pending.delete(result);
      this.#lastStatementMs = performance.now();
    }
  }

  /** Rejects when no statement was under way for so long; never resolves. */
  idleFor(milliseconds: number): Promise<never> {
    return new Promise((_, reject) => {
      this.#watch = setInterval(() => {
        const idleMs = performance.now() - this.#lastStatementMs;
        if (this.#pending.size > 0 || idleMs < milliseconds) return;
        const message =
          `a transaction made no statement for ${milliseconds} ms: ` +
          "inside a transaction use the sql handed to it, not the store";
        reject(new assert.AssertionError({ message }));
      }, milliseconds / 4);
    });
  }

  /** Waits for statements nobody awaited; throws if any failed: COMMIT would silently roll back. */
  async finish(): Promise<void> {
    this.end();
    await Promise.allSettled(this.#pending);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  end(): void {
    this.#active = false;
    clearInterval(this.#watch);
  }
}
