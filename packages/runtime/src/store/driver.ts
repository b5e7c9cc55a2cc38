/**
 * What a database must offer to stand behind a store: one connection that runs statements in the
 * order of the calls. PGlite implements it; a PostgreSQL driver has to return the same types.
 */
import type { SqlValue } from "./store.ts";

export interface Driver {
  /** One statement; errors are RuntimeErrors already. See `Sql.query` for types and codes. */
  query(sql: string, params: readonly SqlValue[]): Promise<Record<string, unknown>[]>;
  /** Ends the connection and frees what it holds (folder lock, thread). */
  close(): Promise<void>;
}
