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

export async function readCounts(sql: Sql): Promise<Counts> {
  const [totals] = await sql.query<Omit<Counts, "cohorts">>(
    `select
      (select count(*)::int4 from release where kind = 'LOAD') as "releasesLoad",
      (select count(*)::int4 from release where kind = 'BILL') as "releasesBill",
      (select count(*)::int4 from statement) as statements,
      (select count(distinct service_point)::int4 from statement) as "servicePointsBilled",
      (select count(*)::int4 from alarm) as alarms`,
  );
  const cohorts = await sql.query<
    Omit<CohortCounts, "lastBlockStart"> & { lastBlockStart: bigint }
  >(
    `select distinct on (cohort) cohort, block_start as "lastBlockStart", contributors, members,
        (count(*) over (partition by cohort))::int4 as blocks
      from load_block where stream = 'LOAD' order by cohort, block_start desc`,
  );
  return {
    ...(totals ?? {
      releasesLoad: 0,
      releasesBill: 0,
      statements: 0,
      servicePointsBilled: 0,
      alarms: 0,
    }),
    cohorts: cohorts.map((row) => ({ ...row, lastBlockStart: Number(row.lastBlockStart) })),
  };
}
