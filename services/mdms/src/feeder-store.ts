/** Readings of feeder meters, and the released sums that they are held against: a local day of a neighbourhood a row, never a household. */
import type { Sql } from "@smarter-metering/runtime";
import type { FeederDay } from "./feeder-balance.ts";

/** A local day of a feeder; null where it has no reading. */
export interface FeederBlock {
  readonly cohort: string;
  readonly blockStart: number;
  readonly blockEnd: number;
  readonly intervalSeconds: number;
  readonly energyWattHours: readonly (number | null)[];
}

/** A later import of a day replaces it: the network corrects its own readings. */
export async function storeFeederBlocks(
  sql: Sql,
  blocks: readonly FeederBlock[],
  nowSeconds: number,
): Promise<void> {
  for (const { cohort, blockStart, blockEnd, intervalSeconds, energyWattHours } of blocks) {
    await sql.query(
      `insert into feeder_block
        (cohort, block_start, block_end, interval_seconds, energy_watt_hours, imported_at)
        values ($1, $2, $3, $4, (select array_agg(value::int8 order by place)
          from json_array_elements_text($5::json) with ordinality as e(value, place)), $6)
        on conflict (cohort, block_start) do update set
          interval_seconds = excluded.interval_seconds,
          energy_watt_hours = excluded.energy_watt_hours, imported_at = excluded.imported_at`,
      [cohort, blockStart, blockEnd, intervalSeconds, JSON.stringify(energyWattHours), nowSeconds],
    );
  }
}

export interface FeederQuery {
  readonly cohort: string;
  /** Days that begin in [fromSeconds, toSeconds). */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly limit: number;
}

interface Row {
  readonly blockStart: bigint;
  readonly intervalSeconds: number;
  readonly members: number;
  readonly feeder: readonly (number | null)[];
  readonly imported: readonly number[];
  readonly exported: readonly number[] | null;
  readonly contributors: readonly number[];
  readonly contributorsOfExport: readonly number[] | null;
}

/**
 * The newest `limit` days with a feeder's readings and a release of the same intervals, in the order of
 * time. Where a neighbourhood feeds in, a day counts only with its export released as well.
 */
export async function readFeederDays(sql: Sql, query: FeederQuery): Promise<FeederDay[]> {
  const { cohort, fromSeconds, toSeconds, limit } = query;
  const rows = await sql.query<Row>(
    `select f.block_start as "blockStart", f.interval_seconds as "intervalSeconds", i.members,
        array_to_json(f.energy_watt_hours) as feeder,
        array_to_json(i.energy_watt_hours) as imported,
        array_to_json(e.energy_watt_hours) as exported,
        array_to_json(i.contributors_per_slot) as contributors,
        array_to_json(e.contributors_per_slot) as "contributorsOfExport"
      from feeder_block f
        join load_block i on i.cohort = f.cohort and i.block_start = f.block_start
          and i.stream = 'LOAD' and i.interval_seconds = f.interval_seconds
        left join load_block e on e.cohort = f.cohort and e.block_start = f.block_start
          and e.stream = 'LOAD_EXPORT' and e.interval_seconds = f.interval_seconds
      where f.cohort = $1 and f.block_start >= $2 and f.block_start < $3
        and (e.cohort is not null or not exists
          (select 1 from load_block where cohort = $1 and stream = 'LOAD_EXPORT'))
      order by f.block_start desc limit $4`,
    [cohort, fromSeconds, toSeconds, limit],
  );
  return rows.toReversed().map(dayOf);
}

function dayOf(row: Row): FeederDay {
  const { intervalSeconds, members, feeder, imported, exported, contributors } = row;
  return {
    blockStart: Number(row.blockStart),
    intervalSeconds,
    members,
    feederWattHours: feeder,
    loadWattHours: imported.map((energy, slot) => energy - (exported?.[slot] ?? 0)),
    contributorsPerSlot: contributors.map((count, slot) =>
      // One sum less another is the same members' only where both have as many.
      (row.contributorsOfExport?.[slot] ?? count) === count ? count : 0,
    ),
  };
}

export interface FeederSummary {
  readonly cohort: string;
  readonly days: number;
  readonly lastBlockStart: number;
}

/** Every neighbourhood that has a feeder's readings. */
export async function listFeeders(sql: Sql): Promise<FeederSummary[]> {
  const rows = await sql.query<Omit<FeederSummary, "lastBlockStart"> & { lastBlockStart: bigint }>(
    `select cohort, count(*)::int4 as days, max(block_start) as "lastBlockStart"
      from feeder_block group by cohort order by cohort`,
  );
  return rows.map((row) => ({ ...row, lastBlockStart: Number(row.lastBlockStart) }));
}
