/** Counts over everything the MDMS holds: no ids of customers, no energy. */
import type { Sql } from "@smarter-metering/runtime";

export interface CohortCounts {
  readonly cohort: string;
  /** Released blocks of import. */
  readonly blocks: number;
  readonly lastBlockStart: number;
  /** Service points in the newest sum, and members of the cohort then. */
  readonly contributors: number;
  readonly members: number;
}

export interface Counts {
  readonly releasesLoad: number;
  readonly releasesBill: number;
  readonly statements: number;
  readonly servicePointsBilled: number;
  readonly alarms: number;
  readonly cohorts: readonly CohortCounts[];
}

/** From what is counted as it is written: nothing here grows with the number of rows but the cohorts themselves. */
export async function readCounts(sql: Sql): Promise<Counts> {
  const tallies = await sql.query<{ name: string; count: bigint }>(
    `select concat_ws(' ', what, nullif(owner, '')) as name, count from held_count where what <> 'load'`,
  );
  const countOf = (name: string): number =>
    Number(tallies.find((tally) => tally.name === name)?.count ?? 0);
  const [alarms] = await sql.query<{ count: number }>("select count(*)::int4 as count from alarm");
  const cohorts = await sql.query<
    Omit<CohortCounts, "lastBlockStart"> & { lastBlockStart: bigint }
  >(
    `select t.owner as cohort, t.count::int4 as blocks, b.block_start as "lastBlockStart",
        b.contributors, b.members
      from held_count t cross join lateral (select * from load_block
        where cohort = t.owner and stream = 'LOAD' order by block_start desc limit 1) b
      where t.what = 'load' order by t.owner`,
  );
  return {
    releasesLoad: countOf("release LOAD"),
    releasesBill: countOf("release BILL"),
    statements: countOf("statement"),
    servicePointsBilled: countOf("billed"),
    alarms: alarms?.count ?? 0,
    cohorts: cohorts.map((row) => ({ ...row, lastBlockStart: Number(row.lastBlockStart) })),
  };
}
