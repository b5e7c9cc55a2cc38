/**
 * Server-side sessions: the browser or the command line holds a random token of 256 bits, the database its SHA-256 alone. A session ends
 * after 30 idle minutes and after 12 hours in any case.
 */
import { primitives, toBase64Url, utf8 } from "@smarter-metering/protocol";
import type { Clock, Store } from "@smarter-metering/runtime";
import type { Role } from "./roles.ts";

const TOKEN_BYTES = 32;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{43}$/;
export const SESSION_SECONDS = 12 * 3600;
const IDLE_SECONDS = 30 * 60;
/** A session's last use is written down at most this often. */
const SEEN_EVERY_SECONDS = 60;
/** Sessions of one operator; a new one ends the oldest. */
const SESSIONS_MAX = 10;

export interface Session {
  readonly login: string;
  readonly role: Role;
  /** Follows from the token; a page carries it, and every write by cookie has to bring it back. */
  readonly csrfToken: string;
}

const hashOf = (token: string): Promise<Uint8Array> => primitives.sha256(utf8(token));

async function csrfTokenOf(token: string): Promise<string> {
  return toBase64Url(await primitives.sha256(utf8("smarter-metering/csrf/v1\0"), utf8(token)));
}

export class Sessions {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** A token for an operator whose password was checked. */
  async open(login: string): Promise<{ readonly token: string; readonly expiresAt: number }> {
    const token = toBase64Url(primitives.randomBytes(TOKEN_BYTES));
    const hash = await hashOf(token);
    const now = this.#nowSeconds();
    await this.#store.transaction(async (sql) => {
      await sql.query(
        "insert into session (token_hash, login, created_at, seen_at) values ($1, $2, $3, $3)",
        [hash, login, now],
      );
      await sql.query(
        `delete from session where token_hash in (select token_hash from session where login = $1
          order by created_at desc, token_hash = $2 desc offset $3)`,
        [login, hash, SESSIONS_MAX],
      );
    });
    return { token, expiresAt: now + SESSION_SECONDS };
  }

  /** The session of a token, if it has one that has not ended; counts as a use. */
  async find(token: string): Promise<Session | undefined> {
    if (!TOKEN_PATTERN.test(token)) return undefined;
    const hash = await hashOf(token);
    const now = this.#nowSeconds();
    const [row] = await this.#store.query<{ login: string; role: Role; seenAt: bigint }>(
      `select login, role, seen_at as "seenAt" from session join operator using (login)
        where token_hash = $1 and session.created_at > $2 and seen_at > $3`,
      [hash, now - SESSION_SECONDS, now - IDLE_SECONDS],
    );
    if (row === undefined) return undefined;
    if (row.seenAt <= now - SEEN_EVERY_SECONDS) {
      await this.#store.query("update session set seen_at = $2 where token_hash = $1", [hash, now]);
    }
    return { login: row.login, role: row.role, csrfToken: await csrfTokenOf(token) };
  }

  async end(token: string): Promise<void> {
    await this.#store.query("delete from session where token_hash = $1", [await hashOf(token)]);
  }

  /** Removes what has ended. */
  async forget(): Promise<void> {
    const now = this.#nowSeconds();
    await this.#store.query("delete from session where created_at <= $1 or seen_at <= $2", [
      now - SESSION_SECONDS,
      now - IDLE_SECONDS,
    ]);
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }
}
