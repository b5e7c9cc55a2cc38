/**
 * Operators' second factor: a TOTP secret, and ten one-time recovery codes for a lost device. The secret is sealed under a key of the
 * deployment that is not in the database: whoever has a copy of the database alone can make no codes; whoever reads the MDMS's folder
 * or process can. Of recovery codes the hashes are kept.
 */
import assert from "node:assert/strict";
import { primitives, utf8 } from "@smarter-metering/protocol";
import { insertMany, type Clock, type Sql, type Store } from "@smarter-metering/runtime";
import { matchTotp, otpauthUri, toBase32, TOTP_SECRET_BYTES } from "./totp.ts";

/** Shown by the authenticator app beside the login. */
const ISSUER = "Smarter Metering MDMS";
const RECOVERY_CODES = 10;
/** 80 bits: nobody guesses one, so a plain hash will do. */
const RECOVERY_BYTES = 10;
const RECOVERY_CHARS = 16;
const NONCE_BYTES = 12;

/** What an account's row says of its second factor. */
export interface FactorRow {
  readonly login: string;
  readonly totpOn: boolean;
  readonly totpSecret: Uint8Array | null;
  readonly totpStep: bigint;
}
export const FACTOR_COLUMNS = `login, totp_on as "totpOn", totp_secret as "totpSecret",
  totp_step as "totpStep"`;

/** A code that fits, and what is used up with it. */
export type Proof =
  | { readonly kind: "none" }
  | { readonly kind: "totp"; readonly step: number }
  | { readonly kind: "recovery"; readonly hash: Uint8Array };

export interface Enrolment {
  /** Base32, to be typed. */
  readonly secret: string;
  /** To be shown as a QR code. */
  readonly uri: string;
}

export class SecondFactors {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #key: Uint8Array;

  /** `key`: 32 bytes that are used for nothing else. */
  constructor(store: Store, clock: Clock, key: Uint8Array) {
    assert(key.length === 32, "a key of AES-256");
    this.#store = store;
    this.#clock = clock;
    this.#key = key;
  }

  /** Makes a secret that counts once a code of it was confirmed; undefined where one counts already. */
  async begin(login: string): Promise<Enrolment | undefined> {
    const secret = primitives.randomBytes(TOTP_SECRET_BYTES);
    const nonce = primitives.randomBytes(NONCE_BYTES);
    const sealed = await primitives.aesGcmSeal(this.#key, nonce, aadOf(login), secret);
    const rows = await this.#store.query(
      "update operator set totp_secret = $2 where login = $1 and not totp_on returning 1",
      [login, Buffer.concat([nonce, sealed])],
    );
    if (rows.length === 0) return undefined;
    return { secret: toBase32(secret), uri: otpauthUri(ISSUER, login, secret) };
  }

  /** Switches it on; the recovery codes are handed out this once. Undefined when the code does not fit. */
  async confirm(login: string, code: string): Promise<string[] | undefined> {
    return this.#store.transaction(async (sql) => {
      const [row] = await sql.query<FactorRow>(
        `select ${FACTOR_COLUMNS} from operator where login = $1 and not totp_on`,
        [login],
      );
      const step = row && (await this.#matchTotp(row, code));
      if (step === undefined) return undefined;
      await sql.query("update operator set totp_on = true, totp_step = $2 where login = $1", [
        login,
        step,
      ]);
      return newRecoveryCodes(sql, login);
    });
  }

  /** How a code fits an account; undefined when it does not. Uses nothing up. */
  async match(row: FactorRow, code: string): Promise<Proof | undefined> {
    if (!row.totpOn) return { kind: "none" };
    const step = await this.#matchTotp(row, code);
    if (step !== undefined) return { kind: "totp", step };
    const hash = await recoveryHash(row.login, code);
    const [known] = await this.#store.query(
      "select 1 from recovery_code where login = $1 and code_hash = $2",
      [row.login, hash],
    );
    return known && { kind: "recovery", hash };
  }

  /** False when it was used in the meantime: each code serves once. */
  async spend(login: string, proof: Proof): Promise<boolean> {
    if (proof.kind === "none") return true;
    const [statement, value] =
      proof.kind === "totp"
        ? ["update operator set totp_step = $2 where login = $1 and totp_step < $2", proof.step]
        : ["delete from recovery_code where login = $1 and code_hash = $2", proof.hash];
    const rows = await this.#store.query(`${statement} returning 1`, [login, value]);
    return rows.length === 1;
  }

  /** Ten new codes; the old ones serve no more. */
  renewCodes(login: string): Promise<string[]> {
    return this.#store.transaction((sql) => newRecoveryCodes(sql, login));
  }

  async remove(login: string): Promise<void> {
    await this.#store.transaction((sql) => removeFactor(sql, login));
  }

  async codesLeft(login: string): Promise<number> {
    const [row] = await this.#store.query<{ count: number }>(
      "select count(*)::int4 as count from recovery_code where login = $1",
      [login],
    );
    return row?.count ?? 0;
  }

  async #matchTotp(row: FactorRow, code: string): Promise<number | undefined> {
    if (row.totpSecret === null) return undefined;
    const [nonce, sealed] = [
      row.totpSecret.subarray(0, NONCE_BYTES),
      row.totpSecret.subarray(NONCE_BYTES),
    ];
    // Undefined after the deployment's key was replaced: then the account is reset on the command line.
    const secret = await primitives.aesGcmOpen(this.#key, nonce, aadOf(row.login), sealed);
    if (secret === undefined) return undefined;
    const nowSeconds = Math.floor(this.#clock.nowMs() / 1000);
    return matchTotp(secret, code, { nowSeconds, lastStep: Number(row.totpStep) });
  }
}

/** Also of a reset: the account is as it was before any second factor. */
export async function removeFactor(sql: Sql, login: string): Promise<void> {
  await sql.query(
    "update operator set totp_secret = null, totp_on = false, totp_step = 0 where login = $1",
    [login],
  );
  await sql.query("delete from recovery_code where login = $1", [login]);
}

/** A secret moved to another account does not open. */
const aadOf = (login: string): Uint8Array => utf8(`smarter-metering/totp/v1\0${login}`);

/** However it was typed. */
function recoveryHash(login: string, code: string): Promise<Uint8Array> {
  const plain = code.toUpperCase().replaceAll(/[^A-Z2-7]/g, "");
  return primitives.sha256(utf8(`smarter-metering/recovery-code/v1\0${login}\0${plain}`));
}

async function newRecoveryCodes(sql: Sql, login: string): Promise<string[]> {
  await sql.query("delete from recovery_code where login = $1", [login]);
  const codes = Array.from({ length: RECOVERY_CODES }, () => {
    const text = toBase32(primitives.randomBytes(RECOVERY_BYTES));
    assert(text.length === RECOVERY_CHARS);
    return (text.match(/.{4}/g) ?? []).join("-");
  });
  const hashes = await Promise.all(codes.map((code) => recoveryHash(login, code)));
  const columns = { login: "text", code_hash: "bytea" } as const;
  await insertMany(
    sql,
    "recovery_code",
    columns,
    hashes.map((hash) => [login, hash]),
  );
  return codes;
}
