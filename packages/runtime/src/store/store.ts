/**
 * The database behind one process, or behind several that share it: SQL, alike over PGlite in a
 * folder and over a PostgreSQL server. Used by every role that keeps something in tables.
 *
 * Durability: with PGlite a committed transaction survives the death of the process (kill -9), but
 * PGlite never calls fsync, so a power loss may take the last seconds. Where that is not enough,
 * use PostgreSQL or write a journal (journal.ts).
 *
 * PGlite runs no autovacuum: a table with many deletes needs `vacuum <table>` from time to time. On
 * a server, which does it by itself, that statement does nothing.
 */
import { migrate } from "./migrations.ts";
import type { Migration } from "./migrations.ts";
import { openPglite } from "./pglite-driver.ts";
import type { StorePlace } from "./place.ts";
import { openPostgres } from "./postgres-store.ts";
import { QueuedStore } from "./queued-store.ts";

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
   * STORE_BUSY, STORE_DAMAGED, STORE_WORKER_DIED, STORE_CONFLICT, STORE_UNREACHABLE.
   *
   * On a PostgreSQL server a `select` outside a transaction sees what was committed before the call,
   * and does not wait for calls under way.
   */
  query<Row = Record<string, unknown>>(sql: string, params?: readonly SqlValue[]): Promise<Row[]>;
}

export interface Store extends Sql {
  readonly kind: StorePlace["kind"];
  /**
   * Runs `work` alone, after everything that was called before it, and commits when it resolves.
   * Rolls back and rethrows when it rejects or when any statement in it failed, even if caught.
   * Inside `work` use only the `sql` handed in: a call of the store itself waits for the transaction,
   * which ends as a programmer error when it makes no statement for `idleInTransactionMs`.
   *
   * Alone means: of this store. Other processes may have the same server's database open (isolation
   * is READ COMMITTED): what they must not do at once takes an advisory lock. `work` is not repeated
   * after STORE_CONFLICT, since it may have done more than statements: the caller decides.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Waits for calls already made, closes the database, frees the folder. Idempotent. */
  close(): Promise<void>;
}

export interface TransactionOptions {
  /** Its statements may take as long as they take, as migrations do. Default false. */
  readonly patient?: boolean;
}

export interface StoreOptions {
  readonly place: StorePlace;
  /** Names this list of migrations in the database, so that others can add their own tables. */
  readonly schema: string;
  readonly migrations: readonly Migration[];
  /** Default 30,000. */
  readonly idleInTransactionMs?: number;
  /** How long a call waits for a PostgreSQL server that is away. Default 30,000. */
  readonly unreachableMsMax?: number;
}

/**
 * Opens a store and applies its migrations. Throws STORE_LOCKED, STORE_DAMAGED, STORE_VERSION,
 * STORE_MIGRATION, STORE_UNREACHABLE. The first PGlite on a machine initialises a database
 * (seconds); later ones copy it.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const store = await openPlace(options);
  try {
    await migrate(store, options.schema, options.migrations);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openPlace(options: StoreOptions): Promise<Store> {
  const { place, idleInTransactionMs = 30_000, unreachableMsMax = 30_000 } = options;
  if (place.kind === "postgres") {
    const limits = { idleInTransactionMs, unreachableMsMax };
    return openPostgres(place, options.schema, limits);
  }
  return new QueuedStore("pglite", await openPglite(place.folder), idleInTransactionMs);
}
