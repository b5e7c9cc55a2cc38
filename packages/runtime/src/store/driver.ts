/** What a database must offer to stand behind a store. PGlite and PostgreSQL implement it. */
import type { SqlValue } from "./store.ts";

/** One connection, which runs statements in the order of the calls. */
export interface Session {
  /**
   * One statement; errors are RuntimeErrors already. See `Sql.query` for types and codes.
   * `patient`: it may take as long as it takes.
   */
  query(
    sql: string,
    params: readonly SqlValue[],
    patient?: boolean,
  ): Promise<Record<string, unknown>[]>;
}

export interface Driver {
  /**
   * The connection, made anew if it was lost. All statements of a transaction go to one session:
   * after a loss the next would otherwise run outside of it. `calledMs` (performance.now) is when the
   * call was made that needs it: its patience counts from then, also while it waited for others.
   */
  session(calledMs: number): Promise<Session>;
  /** Ends the connection and frees what it holds (folder lock, thread, socket). */
  close(): Promise<void>;
}
