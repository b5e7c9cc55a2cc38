/** A connection to a PostgreSQL server that is made anew whenever it was lost. */
import { setTimeout as sleep } from "node:timers/promises";
import { RuntimeError, systemCode } from "../error.ts";
import type { Driver, Session } from "./driver.ts";
import type { PostgresConnection } from "./place.ts";
import {
  openPostgresSession,
  type PostgresSession,
  type SessionLimits,
} from "./postgres-session.ts";

const retryMsMin = 100;
const retryMsMax = 5_000;

export class PostgresDriver implements Driver {
  readonly #connection: PostgresConnection;
  readonly #limits: SessionLimits;
  readonly #unreachableMsMax: number;
  readonly #closing = new AbortController();
  #current: PostgresSession | undefined;
  #opening: Promise<PostgresSession> | undefined;
  #failed: { readonly error: unknown; readonly atMs: number } | undefined;

  /** A call waits for `unreachableMsMax` at most while the server cannot be reached. */
  constructor(connection: PostgresConnection, limits: SessionLimits, unreachableMsMax: number) {
    this.#connection = connection;
    this.#limits = limits;
    this.#unreachableMsMax = unreachableMsMax;
  }

  /** Throws STORE_UNREACHABLE, at once when waiting would not help (a password, a certificate). */
  async session(calledMs: number): Promise<Session> {
    if (this.#current?.isOpen === true) return this.#current;
    this.#opening ??= this.#open(calledMs).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#opening?.catch(() => undefined);
    await this.#current?.close();
  }

  async #open(calledMs: number): Promise<PostgresSession> {
    const endMs = calledMs + this.#unreachableMsMax;
    // It waited its time behind calls that failed: each trying once more would hold up the next.
    const failed = this.#failed;
    if (failed !== undefined && failed.atMs > calledMs && performance.now() + retryMsMin > endMs) {
      throw failed.error;
    }
    for (let retryMs = retryMsMin; ; retryMs = Math.min(2 * retryMs, retryMsMax)) {
      try {
        this.#current = await openPostgresSession(this.#connection, this.#limits);
        this.#failed = undefined;
        return this.#current;
      } catch (error) {
        this.#failed = { error, atMs: performance.now() };
        const late = performance.now() + retryMs > endMs;
        if (late || this.#closing.signal.aborted || !mayPass(error)) throw error;
      }
      await sleep(retryMs, undefined, { signal: this.#closing.signal }).catch((cause: unknown) => {
        throw new RuntimeError("STORE_CLOSED", "the store is closed", { cause });
      });
    }
  }
}

/** System errors, and the server's cannot_connect_now, too_many_connections and end. */
const passingCodes = /^(E[A-Z]+|57P0[123]|53300)$/;
/** What `pg` gives no code. */
const passingTexts = /^(timeout expired|Connection terminated)/;

/** True for what passes while a server starts or another one takes over. */
function mayPass(error: unknown): boolean {
  const cause = error instanceof RuntimeError ? error.cause : error;
  const code = systemCode(cause);
  if (code !== undefined) return passingCodes.test(code);
  return cause instanceof Error && passingTexts.test(cause.message);
}
