/**
 * How far a release request has come (docs/protocol.md §7.2): the same columns and the same steps
 * for LOAD sets and BILL windows, many at a time. Each step is one statement for each table, which a
 * crash leaves done or not done; none but the first changes what is asked for.
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

/** Codes are stored as one text; they are upper-case names without commas. */
export const codesOf = (codes: string): string[] => (codes === "" ? [] : codes.split(","));

/** A signed request that is to be published now. */
export interface Publishable {
  readonly table: RequestTable;
  readonly digest: Uint8Array;
  readonly request: Uint8Array;
  /** "load/<cohort>" or "bill". */
  readonly subject: string;
}

/** Bytes of the requests that are read together, but for the last of each kind. */
const PUBLISH_BYTES_MAX = 8 * 1024 * 1024;

/** Requests among the first `logSize` entries of the log that are not published, at most `limits` of each kind. */
export async function loadPublishable(
  sql: Sql,
  logSize: number,
  limits: Readonly<Record<RequestTable, number>>,
): Promise<Publishable[]> {
  const found: Publishable[] = [];
  for (const table of TABLES) {
    const subject = table === "load_set" ? `'load/' || cohort` : `'bill'`;
    const rows = await sql.query<Omit<Publishable, "table">>(
      `with due as (
         select digest, entry, octet_length(request) as bytes from ${table}
          where state = 'SEALED' and request is not null and entry < $1 order by entry limit $2),
       summed as (select digest, entry, sum(bytes) over (order by entry) - bytes as before from due)
       select digest, t.request, ${subject} as subject
         from summed s join ${table} t using (digest) where s.before < $3 order by s.entry`,
      [logSize, limits[table], PUBLISH_BYTES_MAX],
    );
    found.push(...rows.map((row) => ({ ...row, table })));
  }
  return found;
}

/** An answer may have come back before this statement: then its state stays. */
export async function markRequested(sql: Sql, published: readonly Publishable[]): Promise<void> {
  for (const table of TABLES) {
    const rows = published.filter((one) => one.table === table);
    if (rows.length === 0) continue;
    await sql.query(
      `update ${table} set state = 'REQUESTED'
        where state = 'SEALED' and digest = any($1::bytea[])`,
      [rows.map(({ digest }) => digest)],
    );
  }
}

export async function markReleased(sql: Sql, digests: readonly Uint8Array[]): Promise<void> {
  if (digests.length === 0) return;
  for (const table of TABLES) {
    await sql.query(
      `update ${table} set state = 'RELEASED', codes = '' where digest = any($1::bytea[])`,
      [digests],
    );
  }
}

/** A request that too many of its trustees refuse, and why. */
export interface RefusedRequest {
  readonly digest: Uint8Array;
  readonly codes: readonly string[];
}

/**
 * SUPPRESSED with the trustees' codes. A release that was answered stays one. What is still SEALED
 * was published, and its answer was faster than `markRequested`.
 */
export async function markRefused(sql: Sql, refusals: readonly RefusedRequest[]): Promise<void> {
  if (refusals.length === 0) return;
  for (const table of TABLES) {
    await sql.query(
      `update ${table} t set codes = r.codes, state = 'SUPPRESSED'
        from unnest($1::bytea[], $2::text[]) as r(digest, codes)
        where t.digest = r.digest and t.state in ('REQUESTED', 'SEALED')`,
      [refusals.map(({ digest }) => digest), refusals.map(({ codes }) => codes.join(","))],
    );
  }
}

/** The digests, in hex, that a request has, or had when it was answered before. */
export async function knownDigests(
  sql: Sql,
  digests: readonly Uint8Array[],
): Promise<ReadonlySet<string>> {
  const rows = await sql.query<{ digest: Uint8Array }>(
    `select digest from load_set where digest = any($1::bytea[])
     union all select digest from bill_window where digest = any($1::bytea[])
     union all select digest from request_answer where digest = any($1::bytea[])`,
    [digests],
  );
  return new Set(rows.map(({ digest }) => hexOf(digest)));
}

const hexOf = (digest: Uint8Array): string => Buffer.from(digest).toString("hex");
