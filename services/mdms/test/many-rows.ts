/** Fills an MDMS's database with rows made by SQL: as many as a town's, without a town's cryptography. */
import type { Sql } from "@smarter-metering/runtime";

/** Of no zone: months of thirty days. */
export const WINDOW_SECONDS = 30 * 86_400;
export const FIRST_WINDOW = Date.UTC(2021, 0, 1) / 1000;

/** A pseudonym of a service point by its number, in the order of a hash as real ones are. */
export const nameOfPoint = (point: number): string =>
  ((BigInt(point) * 0x9e3779b97f4a7c15n) % (1n << 64n)).toString(16).padStart(16, "0").repeat(2);

/** Rows in one statement: seconds of a server's work, far from what its time limit takes for a fault. */
const POINTS_AT_ONCE = 25_000;
/** And of neighbourhoods' blocks. */
const DAYS_AT_ONCE = 5;

export interface Rows {
  readonly points: number;
  /** Of each service point. */
  readonly windows: number;
}

/**
 * Statements and their releases, received at their windows' ends; one of a hundred estimated, one of a thousand under the tariff "rare",
 * amounts from 0 to 999.99. And a cohort of each hundred service points with a block a window, and an audit entry a statement of a hundred.
 */
export async function fillStatements(sql: Sql, { points, windows }: Rows): Promise<void> {
  await sql.query("create temporary table name_of_point (number int4, name text)");
  const names = Array.from({ length: points }, (_, point) => nameOfPoint(point));
  await sql.query(
    `insert into name_of_point select ordinality - 1, name
      from unnest($1::text[]) with ordinality as n(name, ordinality)`,
    [names],
  );
  for (let window = 0; window < windows; window++) {
    for (let first = 0; first < points; first += POINTS_AT_ONCE) {
      await fillWindow(sql, window, `number between ${first} and ${first + POINTS_AT_ONCE - 1}`);
    }
  }
  for (let day = 0; day < windows * 30; day += DAYS_AT_ONCE) {
    await fillBlocks(sql, points, `generate_series(${day}, ${day + DAYS_AT_ONCE - 1}) d`);
  }
  for (let window = 0; window < windows; window++) {
    await sql.query(
      `insert into audit (at, login, action, subject, outcome)
        select ${FIRST_WINDOW + window * WINDOW_SECONDS}, 'login-' || number % 50,
          'statement.view', name, 'allowed'
        from name_of_point where number % 100 < 50`,
    );
  }
}

async function fillBlocks(sql: Sql, points: number, days: string): Promise<void> {
  const cohorts = `${days}, generate_series(0, ${Math.ceil(points / 100) - 1}) h`;
  const block = `${FIRST_WINDOW} + d * 86400`;
  const ofBlock = `decode(md5('load' || h || '/' || d) || md5(d || '/' || h), 'hex')`;
  await sql.query(
    `insert into release (digest, kind, policy_id, registry_epoch, received_at)
      select ${ofBlock}, 'LOAD', 'UNSAFE-test', 0, ${block} + 86400 from ${cohorts}`,
  );
  await sql.query(
    `insert into load_block select 'cohort-' || h, 'LOAD', ${block}, ${block} + 86400, 1, 900,
        100, 100, array_fill(100, array[96]), array_fill(1000::int8, array[96]), ${ofBlock}
      from ${cohorts}`,
  );
}

async function fillWindow(sql: Sql, window: number, some: string): Promise<void> {
  const start = FIRST_WINDOW + window * WINDOW_SECONDS;
  const end = start + WINDOW_SECONDS;
  const digest = `decode(md5(name || ${window}) || md5(${window} || name), 'hex')`;
  await sql.query(
    `insert into release (digest, kind, policy_id, registry_epoch, received_at)
      select ${digest}, 'BILL', 'UNSAFE-test', 0, ${end} from name_of_point where ${some}`,
  );
  await sql.query(
    `insert into statement (service_point, from_grid, to_grid, from_border, to_border, zone,
        energy_milliwatt_hours, export_milliwatt_hours, tariff, tariff_version, lines, amount,
        currency, estimated, jws, digest)
      select name, ${start}, ${end}, ${start}, ${end}, 'Europe/Zurich', 150000000, 0,
        case when number % 1000 = 7 then 'rare' else 'household-tou' end, 1, '[]',
        (((number * 7919::int8 + ${window * 104_729}) % 100000)::numeric / 100)::text, 'CHF',
        (number * 31 + ${window}) % 100 = 0, 'not a signature', ${digest} from name_of_point where ${some}`,
  );
  await sql.query(
    `insert into statement_register
      select name, ${start}, 0, 'high', 150000000 from name_of_point where ${some}`,
  );
}
