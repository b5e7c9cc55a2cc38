/**
 * Sealed statements at rest (docs/protocol.md §11.5): by mailbox, the newest of each window. The UCS knows no key to them, and of a mailbox
 * only which accounts have asked for it: by that they are deleted with them.
 */
import type { SealedStatementHeader } from "@smarter-metering/protocol";
import type { Sql, Store } from "@smarter-metering/runtime";

/** Mailboxes of one account: contracts of a lifetime. Those beyond are served, and stay until their time. */
const MAILBOXES_MAX = 64;

export interface StoredStatement extends SealedStatementHeader {
  /** As received. */
  readonly message: Uint8Array;
}

export class StatementStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** What is older than what is there has no effect. */
  async put(statement: StoredStatement, nowSeconds: number): Promise<"stored" | "no effect"> {
    const { mailbox, from, sequence, message } = statement;
    const rows = await this.#store.query(
      `insert into ucs_statement (mailbox, from_grid, sequence, message, received_at)
      values ($1, $2, $3, $4, $5)
      on conflict (mailbox, from_grid) do update
        set sequence = excluded.sequence, message = excluded.message,
          received_at = excluded.received_at
        where ucs_statement.sequence < excluded.sequence
      returning 1`,
      [mailbox, from, sequence, message, nowSeconds],
    );
    return rows.length > 0 ? "stored" : "no effect";
  }

  /** In the order of windows; none for a mailbox that nobody ever sent to. */
  async page(
    mailbox: Uint8Array,
    { after, limit }: { readonly after: number; readonly limit: number },
  ): Promise<{ readonly from: number; readonly message: Uint8Array }[]> {
    const rows = await this.#store.query<{ from: bigint; message: Uint8Array }>(
      `select from_grid as from, message from ucs_statement
      where mailbox = $1 and from_grid > $2 order by from_grid limit $3`,
      [mailbox, after, limit],
    );
    return rows.map(({ from, message }) => ({ from: Number(from), message }));
  }

  /** That an account reads a mailbox, so that both go together. */
  async noteReader(mailbox: Uint8Array, login: string): Promise<void> {
    await this.#store.query(
      `insert into ucs_mailbox (mailbox, login) select $1, $2
      where (select count(*) from ucs_mailbox where login = $2) < $3
      on conflict (mailbox, login) do nothing`,
      [mailbox, login, MAILBOXES_MAX],
    );
  }
}

/** Deletes what this account has read, unless another reads it too; how many. */
export async function dropReadStatements(sql: Sql, login: string): Promise<number> {
  const gone = await sql.query(
    `with own as (delete from ucs_mailbox where login = $1 returning mailbox)
    delete from ucs_statement s using own
    where s.mailbox = own.mailbox and not exists
      (select 1 from ucs_mailbox m where m.mailbox = s.mailbox and m.login <> $1)
    returning 1`,
    [login],
  );
  return gone.length;
}
