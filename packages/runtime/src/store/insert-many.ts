/** Bulk insert: one array parameter per column, so that the statement's text is always the same. */
import assert from "node:assert/strict";
import type { Sql, SqlValue } from "./store.ts";

export type SqlType = "int4" | "int8" | "float8" | "bool" | "text" | "bytea" | "jsonb";

export interface InsertManyOptions {
  /** What follows ON CONFLICT, such as "(id) do nothing". Absent: a conflict is an error. */
  readonly onConflict?: string;
}

/** Rows in one statement: large enough to amortise it, small enough for the database's memory. */
const rowsMax = 1_000;
const identifier = /^[a-z_][a-z0-9_]*$/;

/**
 * Inserts `rows` (values in the order of `columns`) and returns how many were written, which is
 * fewer than given if `onConflict` skipped some. Several statements for more than 1,000 rows: call
 * it inside a transaction when all or nothing matters. Throws as `Sql.query`.
 */
export async function insertMany(
  sql: Sql,
  table: string,
  columns: Readonly<Record<string, SqlType>>,
  rows: readonly (readonly SqlValue[])[],
  options: InsertManyOptions = {},
): Promise<number> {
  const names = Object.keys(columns);
  assert(identifier.test(table) && names.every((name) => identifier.test(name)), "plain names");
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`);
  const conflict = options.onConflict === undefined ? "" : ` on conflict ${options.onConflict}`;
  const statement =
    `with written as (insert into ${table} (${names.join(", ")})` +
    ` select * from unnest(${arrays.join(", ")})${conflict} returning 1)` +
    ` select count(*)::int4 as count from written`;
  let written = 0;
  for (let start = 0; start < rows.length; start += rowsMax) {
    const chunk = rows.slice(start, start + rowsMax);
    const params = names.map((_, column) => chunk.map((row) => valueAt(row, column)));
    const [result] = await sql.query<{ count: number }>(statement, params);
    written += result?.count ?? 0;
  }
  return written;
}

function valueAt(row: readonly SqlValue[], column: number): SqlValue {
  const value = row[column];
  assert(value !== undefined, `a row has no value for column ${column}`);
  return value;
}
