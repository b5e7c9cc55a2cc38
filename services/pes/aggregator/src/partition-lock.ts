/**
 * Which transactions of several aggregators over one database exclude each other
 * (docs/decisions/0029-sharing-the-aggregation.md): those that touch what one partition's cohorts
 * and service points have in the ledger and is not sealed. Taken before anything else and in order,
 * so that nobody waits for anybody who waits for him.
 */
import assert from "node:assert/strict";
import { partitionNames, type Sql } from "@smarter-metering/runtime";

/** Tells these from other advisory locks of the database. */
const LOCK_CLASS = 0x5a61;
const PARTITION_NAMES = partitionNames();

/** A number for each partition; the lowest is that of its name. */
export function partitionNumber(name: string): number {
  const number = PARTITION_NAMES.indexOf(name);
  assert(number >= 0, "the name of a partition");
  return number;
}

/** Until the transaction ends. Waits for those that hold one of them. */
export async function lockPartitions(sql: Sql, names: Iterable<string>): Promise<void> {
  const numbers = [...new Set(names)].map(partitionNumber);
  if (numbers.length === 0) return;
  await sql.query(
    `select 1 as one from (select number from unnest($2::int4[]) as number order by number) as n,
       lateral pg_advisory_xact_lock($1, n.number)`,
    [LOCK_CLASS, numbers],
  );
}

export const lockAllPartitions = (sql: Sql): Promise<void> => lockPartitions(sql, PARTITION_NAMES);
