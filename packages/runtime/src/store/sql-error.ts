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
}

export function sqlError(failure: SqlFailure): RuntimeError {
  const { sqlState, message, table, constraint } = failure;
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
  if (sqlState === "XX001" || sqlState === "XX002" || sqlState === "58P01") {
    return new RuntimeError("STORE_DAMAGED", `the database is damaged${where}: ${message}`);
  }
  const said = sqlState.startsWith("22") ? "a value does not fit its type" : message;
  return new RuntimeError("STORE_QUERY", `${said}${where} (SQLSTATE ${sqlState})`);
}
