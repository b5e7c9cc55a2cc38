/**
 * Accounts and sessions (docs/protocol.md §10.2). Of the password the UCS has argon2id of the authentication key; of the customer's keys
 * it has wrapped items. It cannot open them, and a stolen table opens nothing.
 */
import { primitives, utf8 } from "@smarter-metering/protocol";
import type { Store } from "@smarter-metering/runtime";
import { audit } from "./audit.ts";

/** Devices that are logged in at once; one more ends the oldest session. */
const SESSIONS_MAX = 8;

export interface WrappedItem {
  readonly version: number;
  readonly nonce: string;
  readonly ciphertext: string;
}
export type VaultItems = Readonly<
  Record<"master-by-password" | "master-by-recovery" | "private-key", WrappedItem>
>;

/** What a new password replaces. */
export interface PasswordPart {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Argon2id of the authentication key, encoded. */
  readonly verifier: string;
  readonly items: VaultItems;
}

export interface Account extends PasswordPart {
  readonly login: string;
  /** RSA SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** When another account took over the service point; null once this one is enrolled again. */
  readonly enrolmentEndedAt: number | null;
}

interface AccountRow extends PasswordPart {
  readonly login: string;
  readonly public_key: Uint8Array;
  readonly enrolment_ended_at: bigint | null;
}

const tokenHash = (token: string): Promise<Uint8Array> => primitives.sha256(utf8(token));

export class AccountStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  create(
    account: Omit<Account, "enrolmentEndedAt">,
    nowSeconds: number,
    accountsMax: number,
  ): Promise<"created" | "taken" | "full"> {
    const { login, salt, iterations, verifier, items, publicKey } = account;
    return this.#store.transaction(async (sql) => {
      const [count] = await sql.query<{ count: number }>(
        "select count(*)::int4 as count from ucs_account",
      );
      if ((count?.count ?? 0) >= accountsMax) return "full";
      const created = await sql.query(
        `insert into ucs_account values ($1, $2, $3, $4, $5, $6, $7, null)
        on conflict (login) do nothing returning login`,
        [login, salt, iterations, verifier, JSON.stringify(items), publicKey, nowSeconds],
      );
      if (created.length === 0) return "taken";
      await audit(sql, { at: nowSeconds, login, event: "account-created" });
      return "created";
    });
  }

  async find(login: string): Promise<Account | undefined> {
    const [row] = await this.#store.query<AccountRow>(
      `select login, salt, iterations, verifier, items, public_key, enrolment_ended_at
      from ucs_account where login = $1`,
      [login],
    );
    if (row === undefined) return undefined;
    const { public_key: publicKey, enrolment_ended_at: endedAt, ...rest } = row;
    return { ...rest, publicKey, enrolmentEndedAt: endedAt === null ? null : Number(endedAt) };
  }

  /**
   * Takes a new password's part. Only the password's wrapping may change, and by one version: a stolen session cannot destroy the private
   * key or the recovery key, and of two changes at once one is told. Ends the account's other sessions.
   */
  changeVault(
    login: string,
    changed: PasswordPart,
    keepToken: string,
    nowSeconds: number,
  ): Promise<"changed" | "conflict"> {
    const { salt, iterations, verifier, items } = changed;
    return this.#store.transaction(async (sql) => {
      const [row] = await sql.query<{ items: VaultItems }>(
        "select items from ucs_account where login = $1",
        [login],
      );
      if (row === undefined || !isRewrapped(row.items, items)) return "conflict";
      await sql.query(
        "update ucs_account set salt = $2, iterations = $3, verifier = $4, items = $5 where login = $1",
        [login, salt, iterations, verifier, JSON.stringify(items)],
      );
      await sql.query("delete from ucs_session where login = $1 and token_hash <> $2", [
        login,
        await tokenHash(keepToken),
      ]);
      await audit(sql, { at: nowSeconds, login, event: "vault-changed" });
      return "changed";
    });
  }

  async openSession(
    login: string,
    token: string,
    nowSeconds: number,
    sessionSeconds: number,
  ): Promise<void> {
    const hash = await tokenHash(token);
    await this.#store.transaction(async (sql) => {
      await sql.query(
        `delete from ucs_session where token_hash in (select token_hash from ucs_session
          where login = $1 order by created_at desc, token_hash offset $2)`,
        [login, SESSIONS_MAX - 1],
      );
      await sql.query("insert into ucs_session values ($1, $2, $3, $4)", [
        hash,
        login,
        nowSeconds,
        nowSeconds + sessionSeconds,
      ]);
      await audit(sql, { at: nowSeconds, login, event: "session-opened" });
    });
  }

  /** The login of a session that has not expired. */
  async sessionLogin(token: string, nowSeconds: number): Promise<string | undefined> {
    const rows = await this.#store.query<{ login: string }>(
      "select login from ucs_session where token_hash = $1 and expires_at > $2",
      [await tokenHash(token), nowSeconds],
    );
    return rows[0]?.login;
  }

  async closeSession(token: string): Promise<void> {
    await this.#store.query("delete from ucs_session where token_hash = $1", [
      await tokenHash(token),
    ]);
  }

  async noteRefusal(login: string, nowSeconds: number): Promise<void> {
    await audit(this.#store, { at: nowSeconds, login, event: "login-refused" });
  }

  async forget(nowSeconds: number): Promise<void> {
    await this.#store.query("delete from ucs_session where expires_at <= $1", [nowSeconds]);
  }
}

const sameItem = (a: WrappedItem, b: WrappedItem): boolean =>
  a.version === b.version && a.nonce === b.nonce && a.ciphertext === b.ciphertext;

function isRewrapped(old: VaultItems, next: VaultItems): boolean {
  return (
    sameItem(old["master-by-recovery"], next["master-by-recovery"]) &&
    sameItem(old["private-key"], next["private-key"]) &&
    next["master-by-password"].version === old["master-by-password"].version + 1
  );
}
