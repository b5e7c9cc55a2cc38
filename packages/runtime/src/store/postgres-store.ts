/**
 * A store on a PostgreSQL server: one connection that writes, and a few that read. Selects outside a
 * transaction go to the readers: they see what is committed and wait for no transaction.
 */
import { hasCode, RuntimeError } from "../error.ts";
import type { Driver } from "./driver.ts";
import type { StorePlace } from "./place.ts";
import { PostgresDriver } from "./postgres-driver.ts";
import type { SessionLimits } from "./postgres-session.ts";
import { QueuedStore, waitingMax } from "./queued-store.ts";
import type { Sql, SqlValue, Store, TransactionOptions } from "./store.ts";

type PostgresPlace = Extract<StorePlace, { kind: "postgres" }>;

/** A statement that takes longer is a mistake, or the server has too much to do. */
const statementMsMax = 60_000;
const lockMsMax = 30_000;
const readersDefault = 4;

/** A store that connects when it is first needed; `name` is shown in the server's list of sessions. */
export function openPostgres(
  { connection, readers = readersDefault }: PostgresPlace,
  name: string,
  limits: { readonly idleInTransactionMs: number; readonly unreachableMsMax: number },
): Store {
  const connect = (readOnly: boolean): Driver => {
    const session: SessionLimits = {
      statementMsMax,
      lockMsMax,
      // The store's own watch comes first, and says more.
      idleInTransactionMsMax: 2 * limits.idleInTransactionMs,
      readOnly,
      applicationName: `smarter-metering ${name}`,
    };
    return new PostgresDriver(connection, session, limits.unreachableMsMax);
  };
  const pool = Array.from({ length: readers }, () => connect(true));
  return new PostgresStore(connect(false), pool, limits.idleInTransactionMs);
}

/** The readers refuse what writes: `select nextval(…)` has its place in a transaction. */
const plainSelect = /^\s*select\b/i;
/** The server does that by itself. */
const vacuum = /^\s*vacuum\b/i;

class PostgresStore implements Store {
  readonly kind = "postgres";
  readonly #writer: QueuedStore;
  readonly #readers: ReaderPool;

  constructor(writer: Driver, readers: readonly Driver[], idleMs: number) {
    this.#writer = new QueuedStore("postgres", writer, idleMs);
    this.#readers = new ReaderPool(readers);
  }

  async query<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    if (vacuum.test(sql)) return [];
    if (!plainSelect.test(sql)) return this.#writer.query(sql, params);
    return (await this.#readers.query(sql, params)) as Row[];
  }

  transaction<T>(work: (sql: Sql) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return this.#writer.transaction(work, options);
  }

  async close(): Promise<void> {
    await Promise.all([this.#readers.close(), this.#writer.close()]);
  }
}

class ReaderPool {
  readonly #size: number;
  /** The last one used is used next: of those that are never needed none connects. */
  readonly #idle: Driver[];
  readonly #waiting: ((driver: Driver) => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(drivers: readonly Driver[]) {
    this.#size = drivers.length;
    this.#idle = [...drivers];
  }

  async query(sql: string, params: readonly SqlValue[]): Promise<Record<string, unknown>[]> {
    if (this.#closing !== undefined) throw new RuntimeError("STORE_CLOSED", "the store is closed");
    if (this.#waiting.length >= waitingMax) {
      throw new RuntimeError("STORE_BUSY", `${waitingMax} calls wait for the store; slow down`);
    }
    const calledMs = performance.now();
    const driver = await this.#take();
    const read = async () => (await driver.session(calledMs)).query(sql, params);
    try {
      return await read().catch((error: unknown) => {
        // To read once more does no harm, and both end with the connection or plan that had them.
        if (hasCode(error, "STORE_UNREACHABLE") || hasCode(error, "STORE_CONFLICT")) return read();
        throw error;
      });
    } finally {
      this.#giveBack(driver);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  /** Each driver is taken when the calls before it are done with it. */
  async #closeAll(): Promise<void> {
    const drivers = await Promise.all(Array.from({ length: this.#size }, () => this.#take()));
    await Promise.all(drivers.map((driver) => driver.close()));
  }

  async #take(): Promise<Driver> {
    return this.#idle.pop() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(driver: Driver): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(driver);
    else next(driver);
  }
}
