/** A store over one connection: calls run one after the other, first come first served. */
import assert from "node:assert/strict";
import { RuntimeError } from "../error.ts";
import type { Driver, Session } from "./driver.ts";
import type { Sql, SqlValue, Store, TransactionOptions } from "./store.ts";

/** Calls that may wait for the connection; beyond it a call fails with STORE_BUSY. */
export const waitingMax = 10_000;

export class QueuedStore implements Store {
  readonly kind: Store["kind"];
  readonly #driver: Driver;
  readonly #idleMs: number;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closing: Promise<void> | undefined;

  /** `idleMs`: see `StoreOptions.idleInTransactionMs`. */
  constructor(kind: Store["kind"], driver: Driver, idleMs: number) {
    this.kind = kind;
    this.#driver = driver;
    this.#idleMs = idleMs;
  }

  async query<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    const rows = await this.#exclusive((session) => session.query(sql, params));
    return rows as Row[];
  }

  transaction<T>(
    work: (sql: Sql) => Promise<T>,
    { patient = false }: TransactionOptions = {},
  ): Promise<T> {
    return this.#exclusive(async (session) => {
      await session.query("begin", []);
      const sql = new TransactionSql(session, patient);
      try {
        if (patient) await sql.query("set local statement_timeout = 0");
        const result = await Promise.race([work(sql), sql.idleFor(this.#idleMs)]);
        await sql.finish();
        await session.query("commit", [], patient);
        return result;
      } catch (error) {
        sql.end();
        // The first error is the one to report; a connection that cannot roll back is gone anyway.
        await session.query("rollback", []).catch(() => undefined);
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

  async #exclusive<T>(job: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new RuntimeError("STORE_CLOSED", "the store is closed");
    if (this.#waiting >= waitingMax) {
      throw new RuntimeError("STORE_BUSY", `${waitingMax} calls wait for the store; slow down`);
    }
    this.#waiting += 1;
    const calledMs = performance.now();
    const result = this.#tail.then(async () => job(await this.#driver.session(calledMs)));
    this.#tail = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      this.#waiting -= 1;
    }
  }
}

class TransactionSql implements Sql {
  readonly #session: Session;
  readonly #patient: boolean;
  readonly #pending = new Set<Promise<unknown>>();
  #failure: { readonly error: unknown } | undefined;
  #active = true;
  #lastStatementMs = performance.now();
  #watch: NodeJS.Timeout | undefined;

  constructor(session: Session, patient: boolean) {
    this.#session = session;
    this.#patient = patient;
  }

  async query<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    assert(this.#active, "this transaction has ended");
    const result = this.#session.query(sql, params, this.#patient);
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
