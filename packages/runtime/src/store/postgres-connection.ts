/**
 * Statements over one PostgreSQL connection. A statement's text is parsed once and then run by name;
 * parsing and planning it anew costs several times what the usual statement takes to run.
 */
import {
  executeRequest,
  forgetRequest,
  prepareRequest,
  readDescription,
  readResult,
} from "./postgres-messages.ts";
import type { Description } from "./postgres-messages.ts";
import type { SqlValue } from "./store.ts";

/** Carries one request to the database and its whole answer back; requests do not overlap. */
export type Exchange = (request: Uint8Array<ArrayBuffer>) => Promise<Buffer>;

interface Prepared {
  readonly name: string;
  readonly description: Description;
}

/** Beyond it all are dropped and made anew; a program's own statements are far fewer. */
const preparedMax = 500;
/** After these commands a prepared statement may no longer fit its tables. */
const changesTables = /^(CREATE|ALTER|DROP|ROLLBACK)\b/;

export class PostgresConnection {
  readonly #exchange: Exchange;
  readonly #prepared = new Map<string, Prepared>();
  #names = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** In the order of the calls. See `Sql.query` for types and codes. */
  query(sql: string, params: readonly SqlValue[]): Promise<Record<string, unknown>[]> {
    const result = this.#last.then(() => this.#run(sql, params));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #run(sql: string, params: readonly SqlValue[]): Promise<Record<string, unknown>[]> {
    const { name, description } = this.#prepared.get(sql) ?? (await this.#prepare(sql));
    const reply = await this.#exchange(executeRequest(name, description, params));
    const { rows, tag } = readResult(reply, description.columns);
    if (changesTables.test(tag)) await this.#forget();
    return rows;
  }

  async #prepare(sql: string): Promise<Prepared> {
    if (this.#prepared.size >= preparedMax) await this.#forget();
    const name = `s${++this.#names}`;
    const description = readDescription(await this.#exchange(prepareRequest(name, sql)));
    const prepared = { name, description };
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  async #forget(): Promise<void> {
    this.#prepared.clear();
    await this.#exchange(forgetRequest());
  }
}
