/** Released load curves, block by block (docs/protocol.md §8.5). */
import type { Sql } from "@smarter-metering/runtime";
import { conditions } from "./conditions.ts";

export type LoadStream = "LOAD" | "LOAD_EXPORT";

/** A neighbourhood's block: one number per interval, never who. */
export interface LoadBlock {
  readonly cohort: string;
  /** Epoch seconds, a local midnight of the cohort's zone; half-open. */
  readonly blockStart: number;
  readonly blockEnd: number;
  readonly intervalSeconds: number;
  readonly contributors: number;
  readonly members: number;
  readonly energyWattHours: readonly number[];
  readonly contributorsPerSlot: readonly number[];
  readonly policyId: string;
  /** Hex: names the request in the log. */
  readonly requestDigest: string;
}

/** The place of a block in the order of `readLoad`. */
export type LoadCursor = Pick<LoadBlock, "blockStart" | "cohort">;

export interface LoadQuery {
  /** Absent: every cohort. */
  readonly cohort: string | undefined;
  readonly stream: LoadStream;
  /** Blocks that share an instant with [fromSeconds, toSeconds). */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly after: LoadCursor | undefined;
  readonly limit: number;
}

/** A block is a local day: at most 25 hours. */
const BLOCK_SECONDS_MAX = 25 * 3600;

type Row = Omit<LoadBlock, "blockStart" | "blockEnd"> & {
  readonly blockStart: bigint;
  readonly blockEnd: bigint;
};

/** In the order of time, then of cohorts. */
export async function readLoad(sql: Sql, query: LoadQuery): Promise<LoadBlock[]> {
  const { cohort, stream, fromSeconds, toSeconds, after, limit } = query;
  const where = conditions([
    ["stream = $", stream],
    ["cohort = $", cohort],
    ["block_end > $", fromSeconds],
    ["block_start > $", fromSeconds - BLOCK_SECONDS_MAX],
    ["block_start < $", toSeconds],
    ["block_start >= $", after?.blockStart],
  ]);
  const isAfter =
    after === undefined
      ? "true"
      : `(block_start, cohort) > (${where.param(after.blockStart)}, ${where.param(after.cohort)})`;
  const rows = await sql.query<Row>(
    `select cohort, block_start as "blockStart", block_end as "blockEnd",
        interval_seconds as "intervalSeconds", contributors, members,
        array_to_json(energy_watt_hours) as "energyWattHours",
        array_to_json(contributors_per_slot) as "contributorsPerSlot", policy_id as "policyId",
        encode(digest, 'hex') as "requestDigest"
      from load_block join release using (digest)
      where ${where.text} and ${isAfter}
      order by block_start, cohort limit ${where.param(limit)}`,
    where.params,
  );
  return rows.map((row) => ({
    ...row,
    blockStart: Number(row.blockStart),
    blockEnd: Number(row.blockEnd),
  }));
}

/** The start of the newest released block of a cohort. */
export async function latestBlock(sql: Sql, cohort: string): Promise<number | undefined> {
  const [row] = await sql.query<{ latest: bigint | null }>(
    "select max(block_start) as latest from load_block where cohort = $1 and stream = 'LOAD'",
    [cohort],
  );
  return typeof row?.latest === "bigint" ? Number(row.latest) : undefined;
}
