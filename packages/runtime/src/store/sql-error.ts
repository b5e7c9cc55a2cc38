/**
 * From what a PostgreSQL says to a RuntimeError. Its messages of classes 22 (data) and 23
 * (constraints) may quote values, and values may be personal: those are replaced, not passed on.
 */
import { RuntimeError } from "../error.ts";
import type { SqlFailure } from "./pglite-wire.ts";

export function sqlError(failure: SqlFailure): RuntimeError {
  const { sqlState = "", message, table, constraint } = failure;
  if (failure.refusedType === true) return new RuntimeError("STORE_TYPE", message);
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
  if (sqlState === "") {
    // A parameter that the driver could not convert; its message may quote the value.
    return new RuntimeError("STORE_QUERY", "the driver refused a parameter or the database broke");
  }
  const said = sqlState.startsWith("22") ? "a value does not fit its type" : message;
  return new RuntimeError("STORE_QUERY", `${said}${where} (SQLSTATE ${sqlState})`);
}
