/** What the store's thread and the process that owns it say to each other. */
import type { SqlValue } from "./store.ts";

export type PgliteInput =
  | { readonly task: "make-template" }
  | { readonly task: "serve"; readonly database?: string; readonly template?: Uint8Array };

/** One statement; null asks the thread to close the database and end. */
export interface PgliteRequest {
  readonly id: number;
  readonly statement: { readonly sql: string; readonly params: readonly SqlValue[] } | null;
}

/** What the database said, without anything that could hold a value. */
export interface SqlFailure {
  /** Five characters, see PostgreSQL's appendix A; absent when the database itself broke. */
  readonly sqlState?: string;
  readonly message: string;
  readonly table?: string;
  readonly constraint?: string;
  /** A result column's type is not one that the store hands out. */
  readonly refusedType?: boolean;
}

export type PgliteReply =
  | { readonly kind: "ready" }
  | { readonly kind: "template"; readonly archive: Uint8Array }
  | { readonly kind: "unusable"; readonly message: string }
  | { readonly kind: "rows"; readonly id: number; readonly rows: Record<string, unknown>[] }
  | { readonly kind: "failure"; readonly id: number; readonly failure: SqlFailure };
