/**
 * Server-side sessions: the browser or the command line holds a random token of 256 bits, the database its SHA-256 alone. A session ends
 * after 30 idle minutes and after 12 hours in any case.
 */
import { primitives, toBase64Url, toHex, utf8 } from "@smarter-metering/protocol";
import type { Clock, SqlValue, Store } from "@smarter-metering/runtime";
import type { Role } from "./roles.ts";

const TOKEN_BYTES = 32;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{43}$/;
export const SESSION_SECONDS = 12 * 3600;
export const IDLE_SECONDS = 30 * 60;
/** A session's last use is written down at most this often. */
const SEEN_EVERY_SECONDS = 60;
/** Sessions of one operator; a new one ends the oldest. */
const SESSIONS_MAX = 10;

/** A browser's page, by cookie, or a program, by bearer token. */
export type SessionKind = "page" | "program";

export interface Session {
  /** Names it without opening it: the start of its token's hash, hex. */
  readonly id: string;
  readonly login: string;
  readonly role: Role;
  /** Follows from the token; a page carries it, and every write by cookie has to bring it back. */
  readonly csrfToken: string;
  readonly expiresAt: number;
  /** The role has to have a second factor and this account has none yet: it may set one up and nothing else. */
  readonly mustEnrol: boolean;
}

export interface ListedSession {
  readonly id: string;
  readonly kind: SessionKind;
  readonly createdAt: bigint;
  readonly seenAt: bigint;
}

export interface SessionOptions {
  /** Roles whose accounts have to have a second factor. */
  readonly totpRequiredFor: readonly Role[];
  /** Hears which sessions were ended, by id. */
  readonly onEnd: (ids: readonly string[]) => void;
}

interface Row {
  readonly login: string;
  readonly role: Role;
  readonly createdAt: bigint;
  readonly seenAt: bigint;
  readonly totpOn: boolean;
}

const ID_BYTES = 16;
const ID = `encode(substring(token_hash from 1 for ${ID_BYTES}), 'hex')`;
const hashOf = (token: string): Promise<Uint8Array> => primitives.sha256(utf8(token));

async function csrfTokenOf(token: string): Promise<string> {
  return toBase64Url(await primitives.sha256(utf8("smarter-metering/csrf/v1\0"), utf8(token)));
}

export class Sessions {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #options: SessionOptions;

  constructor(store: Store, clock: Clock, options: SessionOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
  }

  /** A token for an operator whose password was checked. */
  async open(
    login: string,
    kind: SessionKind,
  ): Promise<{ readonly token: string; readonly expiresAt: number }> {
    const token = toBase64Url(primitives.randomBytes(TOKEN_BYTES));
    const hash = await hashOf(token);
    const now = this.#nowSeconds();
    const ended = await this.#store.transaction(async (sql) => {
      await sql.query(
        `insert into session (token_hash, login, kind, created_at, seen_at)
          values ($1, $2, $3, $4, $4)`,
        [hash, login, kind, now],
      );
      return sql.query<{ id: string }>(
        `delete from session where token_hash in (select token_hash from session where login = $1
          order by created_at desc, token_hash = $2 desc offset $3) returning ${ID} as id`,
        [login, hash, SESSIONS_MAX],
      );
    });
    this.#options.onEnd(ended.map(({ id }) => id));
    return { token, expiresAt: now + SESSION_SECONDS };
  }

  /** The session of a token, if it has one that has not ended; counts as a use. */
  async find(token: string): Promise<Session | undefined> {
    if (!TOKEN_PATTERN.test(token)) return undefined;
    const hash = await hashOf(token);
    const now = this.#nowSeconds();
    const row = await this.#row(hash);
    if (row === undefined) return undefined;
    if (row.seenAt <= now - SEEN_EVERY_SECONDS) {
      await this.#store.query("update session set seen_at = $2 where token_hash = $1", [hash, now]);
    }
    return {
      id: toHex(hash.subarray(0, ID_BYTES)),
      login: row.login,
      role: row.role,
      csrfToken: await csrfTokenOf(token),
      expiresAt: Number(row.createdAt) + SESSION_SECONDS,
      mustEnrol: !row.totpOn && this.#options.totpRequiredFor.includes(row.role),
    };
  }

  /** Whether a session goes on; no use of it, so that an open page alone does not keep it alive. */
  async isAlive(token: string): Promise<boolean> {
    return (await this.#row(await hashOf(token))) !== undefined;
  }

  /** An operator's, the newest first. */
  list(login: string): Promise<ListedSession[]> {
    const now = this.#nowSeconds();
    return this.#store.query<ListedSession>(
      `select ${ID} as id, kind, created_at as "createdAt", seen_at as "seenAt" from session
        where login = $1 and created_at > $2 and seen_at > $3
        order by created_at desc, token_hash limit ${SESSIONS_MAX}`,
      [login, now - SESSION_SECONDS, now - IDLE_SECONDS],
    );
  }

  /** One of an operator's sessions, by its id; false when he has none such. */
  async end(login: string, id: string): Promise<boolean> {
    return (await this.#end(`login = $1 and ${ID} = $2`, [login, id])) > 0;
  }

  /** All of an operator's but the one with the id `kept`. */
  async endOthers(login: string, kept?: string): Promise<void> {
    await this.#end(`login = $1 and ${ID} <> $2`, [login, kept ?? ""]);
  }

  /** Removes what has ended. */
  async forget(): Promise<void> {
    const now = this.#nowSeconds();
    await this.#end("created_at <= $1 or seen_at <= $2", [
      now - SESSION_SECONDS,
      now - IDLE_SECONDS,
    ]);
  }

  async #row(hash: Uint8Array): Promise<Row | undefined> {
    const now = this.#nowSeconds();
    const [row] = await this.#store.query<Row>(
      `select login, role, session.created_at as "createdAt", seen_at as "seenAt",
          totp_on as "totpOn"
        from session join operator using (login)
        where token_hash = $1 and session.created_at > $2 and seen_at > $3`,
      [hash, now - SESSION_SECONDS, now - IDLE_SECONDS],
    );
    return row;
  }

  async #end(condition: string, params: readonly SqlValue[]): Promise<number> {
    const rows = await this.#store.query<{ id: string }>(
      `delete from session where ${condition} returning ${ID} as id`,
      params,
    );
    this.#options.onEnd(rows.map(({ id }) => id));
    return rows.length;
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }
}
