/**
 * Statements over one PostgreSQL connection. A statement's text is parsed once and then run by name;
 * parsing and planning it anew costs several times what the usual statement takes to run.
 */
import { hasCode } from "../error.ts";
import {
  executeRequest,
  forgetRequest,
  prepareRequest,
  readDescription,
  readResult,
} from "./postgres-messages.ts";
import type { Description } from "./postgres-messages.ts";
import type { SqlValue } from "./store.ts";

/**
 * Carries one request to the database and its whole answer back; requests do not overlap. `patient`:
 * the answer may take as long as it takes.
 */
export type Exchange = (request: Uint8Array<ArrayBuffer>, patient: boolean) => Promise<Buffer>;

interface Prepared {
  readonly name: string;
  readonly description: Description;
}

/** Beyond it all are dropped and made anew; a program's own statements are far fewer. */
const preparedMax = 500;
/** After these commands a prepared statement may no longer fit its tables. */
const changesTables = /^(CREATE|ALTER|DROP|ROLLBACK)\b/;

export class PostgresStatements {
  readonly #exchange: Exchange;
  readonly #prepared = new Map<string, Prepared>();
  #names = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** In the order of the calls. See `Session.query`. */
  query(
    sql: string,
    params: readonly SqlValue[],
    patient = false,
  ): Promise<Record<string, unknown>[]> {
    const result = this.#last.then(() => this.#run(sql, params, patient));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #run(
    sql: string,
    params: readonly SqlValue[],
    patient: boolean,
  ): Promise<Record<string, unknown>[]> {
    const { name, description } = this.#prepared.get(sql) ?? (await this.#prepare(sql));
    const reply = await this.#exchange(executeRequest(name, description, params), patient);
    try {
      const { rows, tag } = readResult(reply, description.columns);
      if (changesTables.test(tag)) await this.#forget();
      return rows;
    } catch (error) {
      // Another connection may have changed a table: then its statements have to be prepared anew.
      if (hasCode(error, "STORE_CONFLICT")) await this.#forget();
      throw error;
    }
  }

  async #prepare(sql: string): Promise<Prepared> {
    if (this.#prepared.size >= preparedMax) await this.#forget();
    const name = `s${++this.#names}`;
    const reply = await this.#exchange(prepareRequest(name, sql), false);
    const prepared = { name, description: readDescription(reply) };
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  async #forget(): Promise<void> {
    this.#prepared.clear();
    await this.#exchange(forgetRequest(), false);
  }
}
