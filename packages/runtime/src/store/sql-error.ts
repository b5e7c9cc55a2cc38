/**
 * From what a PostgreSQL says to a RuntimeError. Its messages of classes 22 (data) and 23
 * (constraints) may quote values, and values may be personal: those are replaced, not passed on.
 */
import { RuntimeError } from "../error.ts";

/** What the database said, without anything that could hold a value. */
export interface SqlFailure {
  /** Five characters, see PostgreSQL's appendix A. */
  readonly sqlState: string;
  readonly message: string;
  readonly table: string | undefined;
  readonly constraint: string | undefined;
  /** The function of the database's source that found it; its message may be in any language. */
  readonly routine: string | undefined;
}

/** serialization_failure, deadlock_detected, lock_not_available. */
const inTheWay = new Set(["40001", "40P01", "55P03"]);
/** XX001, XX002: corrupted; 58P01: a file is missing. */
const damage = new Set(["XX001", "XX002", "58P01"]);

export function sqlError(failure: SqlFailure): RuntimeError {
  const { sqlState, message, table, constraint, routine } = failure;
  const where = table === undefined ? "" : ` in table ${table}`;
  if (sqlState.startsWith("23")) {
    const rule = constraint ?? (sqlState === "23502" ? "not null" : "a rule");
    const text = `a row breaks ${rule}${where} (SQLSTATE ${sqlState})`;
    return new RuntimeError(
      "STORE_CONSTRAINT",
      text,
      constraint === undefined ? {} : { constraint },
    );
  }
  if (damage.has(sqlState)) {
    return new RuntimeError("STORE_DAMAGED", `the database is damaged${where}: ${message}`);
  }
  if (inTheWay.has(sqlState)) {
    const text = `another transaction was in the way${where}: repeat it (SQLSTATE ${sqlState})`;
    return new RuntimeError("STORE_CONFLICT", text);
  }
  if (routine === "RevalidateCachedQuery") {
    return new RuntimeError("STORE_CONFLICT", "another process changed a table: repeat it");
  }
  if (sqlState === "57014" || sqlState.startsWith("53")) {
    const text = `the database is too slow or full: ${message} (SQLSTATE ${sqlState})`;
    return new RuntimeError("STORE_BUSY", text);
  }
  const said = sqlState.startsWith("22") ? "a value does not fit its type" : message;
  return new RuntimeError("STORE_QUERY", `${said}${where} (SQLSTATE ${sqlState})`);
}
