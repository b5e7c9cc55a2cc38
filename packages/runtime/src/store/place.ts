/** Where a store's data lives: a folder of this process, or a database on a PostgreSQL server. */

export type StorePlace =
  /** Created when missing, mode 0700. Without a folder: in memory, gone at close. */
  | { readonly kind: "pglite"; readonly folder?: string }
  /** A database that exists (PostgreSQL 15 or newer); its tables are made by the migrations. */
  | {
      readonly kind: "postgres";
      readonly connection: PostgresConnection;
      /** Connections for selects outside transactions, at least 1. Default 4. */
      readonly readers?: number;
    };

export interface PostgresConnection {
  /** A name, an address, or the folder of a Unix socket when it starts with "/". */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** A function is asked before each connection, so that a password file may change. */
  readonly password?: string | (() => Promise<string>);
  /** Absent: no TLS. Nothing falls back to it. */
  readonly tls?: PostgresTls;
}

/** PEM texts. The server's certificate has to be of `ca` and to name `servername` (default: host). */
export interface PostgresTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}
