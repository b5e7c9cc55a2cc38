/**
 * Checks who somebody is: password (argon2id) and, where there is one, second factor. Five wrong tries lock an account for a quarter of an
 * hour. A refusal says neither whether the login exists, nor whether it is locked, nor which factor was wrong, and takes as long either way.
 */
import { primitives } from "@smarter-metering/protocol";
import type { Clock, Store } from "@smarter-metering/runtime";
import { MdmsError } from "../error.ts";
import type { AuditTrail } from "./audit.ts";
import { LOGIN_PATTERN } from "./operators.ts";
import { hashPassword, SALT_BYTES, verifyPassword } from "./passwords.ts";
import type { Role } from "./roles.ts";
import { FACTOR_COLUMNS, type FactorRow, type SecondFactors } from "./second-factors.ts";

const FAILURES_MAX = 5;
const LOCK_SECONDS = 15 * 60;
/** Logins that wait for a hash (about 50 ms each); beyond it MDMS_LOGIN_BUSY. */
const LOGINS_WAITING_MAX = 16;

export interface Credentials {
  readonly login: string;
  readonly password: string;
  /** Of the authenticator app, or a recovery code; of no effect without a second factor. */
  readonly code?: string | undefined;
}

export interface LoginPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: AuditTrail;
  readonly factors: SecondFactors;
}

interface OperatorRow extends FactorRow {
  readonly role: Role;
  readonly hash: string;
  readonly lockedUntil: bigint;
}

/** One after the other: parallel guesses cannot slip between a check and its count. */
export class Logins {
  readonly #ports: LoginPorts;
  /** Stands in for the hash of a login that does not exist. */
  readonly #decoy: Promise<string>;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(ports: LoginPorts) {
    this.#ports = ports;
    const random = primitives.randomBytes(32);
    this.#decoy = hashPassword(primitives.randomBytes(32).join("."), random.slice(0, SALT_BYTES));
  }

  /** The operator's role. Throws MDMS_LOGIN_REFUSED or MDMS_LOGIN_BUSY. */
  check(credentials: Credentials): Promise<Role> {
    if (this.#waiting >= LOGINS_WAITING_MAX) {
      const message = "too many logins at once; try again in a moment";
      return Promise.reject(new MdmsError("MDMS_LOGIN_BUSY", message));
    }
    this.#waiting += 1;
    const result = this.#last
      .then(() => this.#check(credentials))
      .finally(() => (this.#waiting -= 1));
    this.#last = result.catch(() => undefined); // The caller has the error.
    return result;
  }

  async #check({ login, password, code = "" }: Credentials): Promise<Role> {
    const nowSeconds = Math.floor(this.#ports.clock.nowMs() / 1000);
    const operator = LOGIN_PATTERN.test(login) ? await this.#find(login) : undefined;
    const fits = await verifyPassword(password, operator?.hash ?? (await this.#decoy));
    // Looked at whether the password fits or not: an answer takes as long.
    const proof = operator && (await this.#ports.factors.match(operator, code));
    if (operator !== undefined && operator.lockedUntil <= nowSeconds) {
      if (fits && proof !== undefined && (await this.#ports.factors.spend(login, proof))) {
        await this.#ports.store.query("update operator set failures = 0 where login = $1", [login]);
        return operator.role;
      }
      await this.#countFailure(login, nowSeconds);
    }
    const message =
      "wrong login, password or code; five wrong tries lock an account for fifteen minutes";
    throw new MdmsError("MDMS_LOGIN_REFUSED", message);
  }

  async #find(login: string): Promise<OperatorRow | undefined> {
    const [row] = await this.#ports.store.query<OperatorRow>(
      `select role, password_hash as hash, locked_until as "lockedUntil", ${FACTOR_COLUMNS}
        from operator where login = $1`,
      [login],
    );
    return row;
  }

  /** The count starts anew with every lock. */
  async #countFailure(login: string, nowSeconds: number): Promise<void> {
    const { store, audit } = this.#ports;
    const until = nowSeconds + LOCK_SECONDS;
    const [row] = await store.query<{ lockedUntil: bigint }>(
      `update operator set
        locked_until = case when failures + 1 >= $2 then $3 else locked_until end,
        failures = case when failures + 1 >= $2 then 0 else failures + 1 end
        where login = $1 returning locked_until as "lockedUntil"`,
      [login, FAILURES_MAX, until],
    );
    // An account that exists may be named: this is no password that somebody typed into the wrong field.
    if (row?.lockedUntil === BigInt(until)) {
      await audit.record({ login, action: "lock-out", subject: "", outcome: "refused" });
    }
  }
}
