/**
 * How far a release request has come (docs/protocol.md §7.2): the same columns and the same steps
 * for LOAD sets and BILL windows. Each step is one statement that a crash leaves done or not done;
 * none but the first changes what is asked for.
 */
import type { Sql } from "@smarter-metering/runtime";

/** OPEN → SEALED (immutable) → REQUESTED → RELEASED | SUPPRESSED. */
export type SetState = "OPEN" | "SEALED" | "REQUESTED" | "RELEASED" | "SUPPRESSED";
export const SET_STATES: readonly SetState[] = [
  "OPEN",
  "SEALED",
  "REQUESTED",
  "RELEASED",
  "SUPPRESSED",
];

export type RequestTable = "load_set" | "bill_window";
const TABLES: readonly RequestTable[] = ["load_set", "bill_window"];

/** A refusal for timing alone is asked again, at most so often, each time after twice the pause. */
export const ATTEMPTS_MAX = 8;
const RETRY_SECONDS = 60;

/** Codes are stored as one text; they are upper-case names without commas. */
export const codesOf = (codes: string): string[] => (codes === "" ? [] : codes.split(","));

/** A signed request that is to be published (again) now. */
export interface Publishable {
  readonly table: RequestTable;
  readonly digest: Uint8Array;
  readonly request: Uint8Array;
  readonly attempt: number;
  /** "load/<cohort>" or "bill". */
  readonly subject: string;
}

/** Requests that are signed and not published, at most `limit` of each kind. */
export async function loadPublishable(
  sql: Sql,
  nowSeconds: number,
  limit: number,
): Promise<Publishable[]> {
  const found: Publishable[] = [];
  for (const table of TABLES) {
    const subject = table === "load_set" ? `'load/' || cohort` : `'bill'`;
    const order = table === "load_set" ? "block_end" : "to_grid";
    const rows = await sql.query<Omit<Publishable, "table">>(
      `select digest, request, attempt, ${subject} as subject from ${table}
        where state = 'SEALED' and request is not null and retry_at <= $1
        order by ${order} limit $2`,
      [nowSeconds, limit],
    );
    found.push(...rows.map((row) => ({ ...row, table })));
  }
  return found;
}

/** The attempt guards against an answer that came back before this statement. */
export async function markRequested(
  sql: Sql,
  { table, digest, attempt }: Publishable,
): Promise<void> {
  await sql.query(
    `update ${table} set state = 'REQUESTED'
      where digest = $1 and state = 'SEALED' and attempt = $2`,
    [digest, attempt],
  );
}

/** False when no request has this digest. */
export async function markReleased(sql: Sql, digest: Uint8Array): Promise<boolean> {
  for (const table of TABLES) {
    const rows = await sql.query(
      `update ${table} set state = 'RELEASED', codes = '' where digest = $1 returning 1 as found`,
      [digest],
    );
    if (rows.length > 0) return true;
  }
  return false;
}

/**
 * SUPPRESSED with the trustee's codes; back to SEALED when time alone was against it (TIMING_
 * codes: two clocks differ). A release that was answered stays one. False when no request has this
 * digest.
 */
export async function markRefused(
  sql: Sql,
  digest: Uint8Array,
  codes: readonly string[],
  nowSeconds: number,
): Promise<boolean> {
  const again = codes.length > 0 && codes.every((code) => code.startsWith("TIMING_"));
  for (const table of TABLES) {
    const rows = await sql.query(
      `update ${table} set
         codes = case when state = 'REQUESTED' then $2 else codes end,
         retry_at = $3 + ${RETRY_SECONDS} * (1 << attempt),
         attempt = case when state = 'REQUESTED' and $4 then attempt + 1 else attempt end,
         state = case when state <> 'REQUESTED' then state
           when $4 and attempt + 1 < ${ATTEMPTS_MAX} then 'SEALED' else 'SUPPRESSED' end
        where digest = $1 returning 1 as found`,
      [digest, codes.join(","), nowSeconds, again],
    );
    if (rows.length > 0) return true;
  }
  return false;
}
