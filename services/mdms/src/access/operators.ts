/** Operators' accounts: made, reset and removed on the command line alone; what one changes himself is his password and second factor. */
import { primitives } from "@smarter-metering/protocol";
import { hasCode, type Clock, type Sql, type Store } from "@smarter-metering/runtime";
import { MdmsError } from "../error.ts";
import { hashPassword, SALT_BYTES } from "./passwords.ts";
import { isRole, ROLES, type Role } from "./roles.ts";
import { removeFactor } from "./second-factors.ts";

export interface NewOperator {
  /** 2 to 64 of a-z, 0-9, dot, dash, underscore. */
  readonly login: string;
  /** 12 to 256 characters. */
  readonly password: string;
  readonly role: Role;
}

export interface OperatorAccount {
  readonly login: string;
  readonly role: Role;
  readonly createdAt: bigint;
  /** Epoch seconds; past when it is not locked. */
  readonly lockedUntil: bigint;
  readonly totpOn: boolean;
  /** Running sessions. */
  readonly sessions: number;
}

export const LOGIN_PATTERN = /^[a-z0-9][a-z0-9._-]{1,63}$/;
const PASSWORD_CHARS_MIN = 12;
const PASSWORD_CHARS_MAX = 256;
/** Accounts that a list shows. */
const OPERATORS_MAX = 1000;

/** Throws MDMS_OPERATOR_INVALID or MDMS_OPERATOR_EXISTS. */
export async function createOperator(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  { login, password, role }: NewOperator,
): Promise<void> {
  if (!LOGIN_PATTERN.test(login)) throw invalid("a login is 2 to 64 of a-z, 0-9, '.', '-', '_'");
  if (!isRole(role)) throw invalid(`a role is one of ${ROLES.join(", ")}`);
  const hash = await newHash(password);
  try {
    await store.query(
      "insert into operator (login, role, password_hash, created_at) values ($1, $2, $3, $4)",
      [login, role, hash, Math.floor(clock.nowMs() / 1000)],
    );
  } catch (cause) {
    if (!hasCode(cause, "STORE_CONSTRAINT")) throw cause;
    throw new MdmsError("MDMS_OPERATOR_EXISTS", `there is an operator ${login}`, { cause });
  }
}

/** Throws MDMS_OPERATOR_INVALID for a password that nobody may have. */
export async function changePassword(sql: Sql, login: string, password: string): Promise<void> {
  await sql.query("update operator set password_hash = $2 where login = $1", [
    login,
    await newHash(password),
  ]);
}

/** A new password, no second factor, no lock. False when there is no such operator. Throws MDMS_OPERATOR_INVALID. */
export async function resetOperator(
  store: Store,
  login: string,
  password: string,
): Promise<boolean> {
  const hash = await newHash(password);
  return store.transaction(async (sql) => {
    const rows = await sql.query(
      `update operator set password_hash = $2, failures = 0, locked_until = 0
        where login = $1 returning 1`,
      [login, hash],
    );
    await removeFactor(sql, login);
    return rows.length === 1;
  });
}

/** With its sessions and codes; what it did stays in the audit trail. False when there is none. */
export async function removeOperator(sql: Sql, login: string): Promise<boolean> {
  return (await sql.query("delete from operator where login = $1 returning 1", [login])).length > 0;
}

/** In the order of their logins. */
export function listOperators(sql: Sql): Promise<OperatorAccount[]> {
  return sql.query<OperatorAccount>(
    `select login, role, created_at as "createdAt", locked_until as "lockedUntil",
        totp_on as "totpOn",
        (select count(*)::int4 from session s where s.login = o.login) as sessions
      from operator o order by login limit $1`,
    [OPERATORS_MAX],
  );
}

function newHash(password: string): Promise<string> {
  if (password.length < PASSWORD_CHARS_MIN || password.length > PASSWORD_CHARS_MAX) {
    throw invalid(`a password has ${PASSWORD_CHARS_MIN} to ${PASSWORD_CHARS_MAX} characters`);
  }
  return hashPassword(password, primitives.randomBytes(SALT_BYTES));
}

const invalid = (message: string): MdmsError => new MdmsError("MDMS_OPERATOR_INVALID", message);
