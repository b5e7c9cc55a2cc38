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

/** Requests that are signed and not published, at most `limits` of each kind. */
export async function loadPublishable(
  sql: Sql,
  nowSeconds: number,
  limits: Readonly<Record<RequestTable, number>>,
): Promise<Publishable[]> {
  const found: Publishable[] = [];
  for (const table of TABLES) {
    const subject = table === "load_set" ? `'load/' || cohort` : `'bill'`;
    const order = table === "load_set" ? "block_end" : "to_grid";
    const rows = await sql.query<Omit<Publishable, "table">>(
      `select digest, request, attempt, ${subject} as subject from ${table}
        where state = 'SEALED' and request is not null and retry_at <= $1
        order by ${order} limit $2`,
      [nowSeconds, limits[table]],
    );
    found.push(...rows.map((row) => ({ ...row, table })));
  }
  return found;
}

/** The attempt guards against an answer that came back before this statement. */
export async function markRequested(sql: Sql, published: readonly Publishable[]): Promise<void> {
  for (const table of TABLES) {
    const rows = published.filter((one) => one.table === table);
    if (rows.length === 0) continue;
    await sql.query(
      `update ${table} t set state = 'REQUESTED'
        from unnest($1::bytea[], $2::int4[]) as p(digest, attempt)
        where t.digest = p.digest and t.state = 'SEALED' and t.attempt = p.attempt`,
      [rows.map(({ digest }) => digest), rows.map(({ attempt }) => attempt)],
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

/** A request that its trustees will not answer now. */
export interface RefusedRequest {
  readonly digest: Uint8Array;
  readonly codes: readonly string[];
  /** Time alone was against it (TIMING_ codes: clocks differ). */
  readonly again: boolean;
}

/**
 * SUPPRESSED with the trustees' codes, or back to SEALED to be asked again. A release that was
 * answered stays one. What is sealed and due was published, and its answer was faster than
 * `markRequested`.
 */
export async function markRefused(
  sql: Sql,
  refusals: readonly RefusedRequest[],
  nowSeconds: number,
): Promise<void> {
  if (refusals.length === 0) return;
  for (const table of TABLES) {
    await sql.query(
      `update ${table} t set
         codes = r.codes,
         retry_at = $4::int8 + ${RETRY_SECONDS} * (1 << attempt),
         attempt = case when r.again then attempt + 1 else attempt end,
         state = case when r.again and attempt + 1 < ${ATTEMPTS_MAX} then 'SEALED'
           else 'SUPPRESSED' end
        from unnest($1::bytea[], $2::text[], $3::bool[]) as r(digest, codes, again)
        where t.digest = r.digest
          and (t.state = 'REQUESTED' or (t.state = 'SEALED' and t.retry_at <= $4::int8))`,
      [
        refusals.map(({ digest }) => digest),
        refusals.map(({ codes }) => codes.join(",")),
        refusals.map(({ again }) => again),
        nowSeconds,
      ],
    );
  }
}

export const isTimingAlone = (codes: readonly string[]): boolean =>
  codes.length > 0 && codes.every((code) => code.startsWith("TIMING_"));

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
