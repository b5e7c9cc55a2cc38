/**
 * What stands before a login: the lock-out after failures and the stable answer for logins that do not exist. Both treat every name
 * alike, so that neither tells who is a customer. Names are kept as HMACs: people type passwords into the wrong field.
 */
import { primitives, utf8 } from "@smarter-metering/protocol";
import type { Store } from "@smarter-metering/runtime";

const FAILURES_MAX = 5;
const LOCKED_SECONDS = 900;
const SECRET_BYTES = 32;
const SALT_BYTES = 16;

export class LoginGuard {
  readonly #store: Store;
  readonly #secret: Uint8Array;

  private constructor(store: Store, secret: Uint8Array) {
    this.#store = store;
    this.#secret = secret;
  }

  /** The secret is made at the first start and lives in the store, so that fake salts survive restarts. */
  static async create(store: Store): Promise<LoginGuard> {
    await store.query(
      "insert into ucs_secret values ('login-guard', $1) on conflict (name) do nothing",
      [primitives.randomBytes(SECRET_BYTES)],
    );
    const [row] = await store.query<{ value: Uint8Array }>(
      "select value from ucs_secret where name = 'login-guard'",
    );
    return new LoginGuard(store, row?.value ?? new Uint8Array(SECRET_BYTES));
  }

  /** The salt of a login that does not exist, always the same. */
  async fakeSalt(login: string): Promise<Uint8Array> {
    return (await this.#name("salt", login)).slice(0, SALT_BYTES);
  }

  /**
   * Counts an attempt before it is judged, so that attempts in parallel count as well. False while the login is locked. The rows grow
   * with argon2's pace, about 20,000 in a quarter of an hour, and `forget` clears them.
   */
  async admit(login: string, nowSeconds: number): Promise<boolean> {
    const rows = await this.#store.query<{ failures: number }>(
      `insert into ucs_login_attempt as old values ($1, 1, $2, 0)
      on conflict (name) do update set
        failures = case when old.last_at <= $3 then 1 else old.failures + 1 end,
        last_at = $2,
        locked_until = case when old.last_at > $3 and old.failures + 1 >= $4 then $5::int8 else 0 end
      where old.locked_until <= $2
      returning failures`,
      [
        await this.#name("attempt", login),
        nowSeconds,
        nowSeconds - LOCKED_SECONDS,
        FAILURES_MAX,
        nowSeconds + LOCKED_SECONDS,
      ],
    );
    return rows.length === 1;
  }

  /** A successful login clears the count. */
  async clear(login: string): Promise<void> {
    await this.#store.query("delete from ucs_login_attempt where name = $1", [
      await this.#name("attempt", login),
    ]);
  }

  async forget(nowSeconds: number): Promise<void> {
    await this.#store.query(
      "delete from ucs_login_attempt where last_at <= $1 and locked_until <= $2",
      [nowSeconds - LOCKED_SECONDS, nowSeconds],
    );
  }

  #name(purpose: "salt" | "attempt", login: string): Promise<Uint8Array> {
    return primitives.hmacSha256(this.#secret, utf8(`smarter-metering/${purpose}/v1\0${login}`));
  }
}
