/**
 * Operators' accounts: argon2id, and five wrong passwords lock an account for a quarter of an hour. A refusal says neither whether the
 * login exists nor whether it is locked, and takes as long either way.
 */
import { primitives } from "@smarter-metering/protocol";
import { hasCode, type Clock, type Store } from "@smarter-metering/runtime";
import { MdmsError } from "../error.ts";
import { hashPassword, SALT_BYTES, verifyPassword } from "./passwords.ts";
import { isRole, ROLES, type Role } from "./roles.ts";

export interface NewOperator {
  /** 2 to 64 of a-z, 0-9, dot, dash, underscore. */
  readonly login: string;
  /** 12 to 256 characters. */
  readonly password: string;
  readonly role: Role;
}

const LOGIN_PATTERN = /^[a-z0-9][a-z0-9._-]{1,63}$/;
const PASSWORD_CHARS_MIN = 12;
const PASSWORD_CHARS_MAX = 256;
const FAILURES_MAX = 5;
const LOCK_SECONDS = 15 * 60;
/** Logins that wait for a hash (about 50 ms each); beyond it MDMS_LOGIN_BUSY. */
const LOGINS_WAITING_MAX = 16;

/** Throws MDMS_OPERATOR_INVALID or MDMS_OPERATOR_EXISTS. */
export async function createOperator(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  { login, password, role }: NewOperator,
): Promise<void> {
  if (!LOGIN_PATTERN.test(login)) throw invalid("a login is 2 to 64 of a-z, 0-9, '.', '-', '_'");
  if (password.length < PASSWORD_CHARS_MIN || password.length > PASSWORD_CHARS_MAX) {
    throw invalid(`a password has ${PASSWORD_CHARS_MIN} to ${PASSWORD_CHARS_MAX} characters`);
  }
  if (!isRole(role)) throw invalid(`a role is one of ${ROLES.join(", ")}`);
  const hash = await hashPassword(password, primitives.randomBytes(SALT_BYTES));
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

const invalid = (message: string): MdmsError => new MdmsError("MDMS_OPERATOR_INVALID", message);

interface OperatorRow {
  readonly role: Role;
  readonly hash: string;
  readonly lockedUntil: bigint;
}

/** Checks passwords one after the other: parallel guesses cannot slip between a check and its count. */
export class Logins {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Stands in for the hash of a login that does not exist. */
  readonly #decoy: Promise<string>;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    const random = primitives.randomBytes(32);
    this.#decoy = hashPassword(primitives.randomBytes(32).join("."), random.slice(0, SALT_BYTES));
  }

  /** The operator's role. Throws MDMS_LOGIN_REFUSED or MDMS_LOGIN_BUSY. */
  check(login: string, password: string): Promise<Role> {
    if (this.#waiting >= LOGINS_WAITING_MAX) {
      const message = "too many logins at once; try again in a moment";
      return Promise.reject(new MdmsError("MDMS_LOGIN_BUSY", message));
    }
    this.#waiting += 1;
    const result = this.#last
      .then(() => this.#check(login, password))
      .finally(() => (this.#waiting -= 1));
    this.#last = result.catch(() => undefined); // The caller has the error.
    return result;
  }

  async #check(login: string, password: string): Promise<Role> {
    const nowSeconds = Math.floor(this.#clock.nowMs() / 1000);
    const operator = LOGIN_PATTERN.test(login) ? await this.#find(login) : undefined;
    const fits = await verifyPassword(password, operator?.hash ?? (await this.#decoy));
    if (operator !== undefined && operator.lockedUntil <= nowSeconds) {
      if (fits) {
        await this.#store.query("update operator set failures = 0 where login = $1", [login]);
        return operator.role;
      }
      await this.#countFailure(login, nowSeconds);
    }
    const message =
      "wrong login or password; five wrong passwords lock an account for fifteen minutes";
    throw new MdmsError("MDMS_LOGIN_REFUSED", message);
  }

  async #find(login: string): Promise<OperatorRow | undefined> {
    const [row] = await this.#store.query<OperatorRow>(
      `select role, password_hash as hash, locked_until as "lockedUntil" from operator
        where login = $1`,
      [login],
    );
    return row;
  }

  /** The count starts anew with every lock. */
  async #countFailure(login: string, nowSeconds: number): Promise<void> {
    await this.#store.query(
      `update operator set
        locked_until = case when failures + 1 >= $2 then $3 else locked_until end,
        failures = case when failures + 1 >= $2 then 0 else failures + 1 end
        where login = $1`,
      [login, FAILURES_MAX, nowSeconds + LOCK_SECONDS],
    );
  }
}
