/**
 * Accounts and sessions (docs/protocol.md §10.2). Of the password the UCS has argon2id of the authentication key; of the customer's keys
 * it has wrapped items. It cannot open them, and a stolen table opens nothing.
 */
import { primitives, utf8 } from "@smarter-metering/protocol";
import type { Store } from "@smarter-metering/runtime";
import { audit } from "./audit.ts";

/** Devices that are logged in at once; one more ends the oldest session. */
const SESSIONS_MAX = 8;

/** What a session may do: `recovery` sets a new password and nothing else. */
export type SessionScope = "full" | "recovery";

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
  /** Argon2id of the recovery authentication key, encoded. */
  readonly recoveryVerifier: string;
  /** RSA SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** Null before the first enrolment. */
  readonly pinnedMeters: WrappedItem | null;
  /** When another account took over the service point; null once this one is enrolled again. */
  readonly enrolmentEndedAt: number | null;
}

interface AccountRow extends PasswordPart {
  readonly login: string;
  readonly recovery_verifier: string;
  readonly public_key: Uint8Array;
  readonly pinned_meters: WrappedItem | null;
  readonly enrolment_ended_at: bigint | null;
}

const tokenHash = (token: string): Promise<Uint8Array> => primitives.sha256(utf8(token));

export class AccountStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  create(
    account: Omit<Account, "pinnedMeters" | "enrolmentEndedAt">,
    nowSeconds: number,
    accountsMax: number,
  ): Promise<"created" | "taken" | "full"> {
    const { login, salt, iterations, verifier, recoveryVerifier, items, publicKey } = account;
    return this.#store.transaction(async (sql) => {
      const [count] = await sql.query<{ count: number }>(
        "select count(*)::int4 as count from ucs_account",
      );
      if ((count?.count ?? 0) >= accountsMax) return "full";
      const created = await sql.query(
        `insert into ucs_account
          (login, salt, iterations, verifier, recovery_verifier, items, public_key, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (login) do nothing returning login`,
        [
          login,
          salt,
          iterations,
          verifier,
          recoveryVerifier,
          JSON.stringify(items),
          publicKey,
          nowSeconds,
        ],
      );
      if (created.length === 0) return "taken";
      await audit(sql, { at: nowSeconds, login, event: "account-created" });
      return "created";
    });
  }

  async find(login: string): Promise<Account | undefined> {
    const [row] = await this.#store.query<AccountRow>(
      `select login, salt, iterations, verifier, recovery_verifier, items, public_key,
        pinned_meters, enrolment_ended_at from ucs_account where login = $1`,
      [login],
    );
    if (row === undefined) return undefined;
    const { enrolment_ended_at: endedAt } = row;
    return {
      login: row.login,
      salt: row.salt,
      iterations: row.iterations,
      verifier: row.verifier,
      recoveryVerifier: row.recovery_verifier,
      items: row.items,
      publicKey: row.public_key,
      pinnedMeters: row.pinned_meters,
      enrolmentEndedAt: endedAt === null ? null : Number(endedAt),
    };
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

  /** Takes the next version of the sealed list of meters; of two devices at once one is told. */
  putPinnedMeters(
    login: string,
    item: WrappedItem,
    nowSeconds: number,
  ): Promise<"changed" | "conflict"> {
    return this.#store.transaction(async (sql) => {
      const changed = await sql.query(
        `update ucs_account set pinned_meters = $2
        where login = $1 and coalesce((pinned_meters->>'version')::int4, 0) + 1 = $3
        returning login`,
        [login, JSON.stringify(item), item.version],
      );
      if (changed.length === 0) return "conflict";
      await audit(sql, { at: nowSeconds, login, event: "pinned-meters-changed" });
      return "changed";
    });
  }

  async openSession(
    { login, scope }: { readonly login: string; readonly scope: SessionScope },
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
      await sql.query("insert into ucs_session values ($1, $2, $3, $4, $5)", [
        hash,
        login,
        scope,
        nowSeconds,
        nowSeconds + sessionSeconds,
      ]);
      const event = scope === "full" ? "session-opened" : "recovery-opened";
      await audit(sql, { at: nowSeconds, login, event });
    });
  }

  /** Whose session it is and what it may do, unless it has expired. */
  async session(
    token: string,
    nowSeconds: number,
  ): Promise<{ login: string; scope: SessionScope } | undefined> {
    const rows = await this.#store.query<{ login: string; scope: SessionScope }>(
      "select login, scope from ucs_session where token_hash = $1 and expires_at > $2",
      [await tokenHash(token), nowSeconds],
    );
    return rows[0];
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
