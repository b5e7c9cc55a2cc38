/** Fills an MDMS's database with rows made by SQL: as many as a town's, without a town's cryptography. */
import type { Sql } from "@smarter-metering/runtime";

/** Of no zone: months of thirty days. */
export const WINDOW_SECONDS = 30 * 86_400;
export const FIRST_WINDOW = Date.UTC(2021, 0, 1) / 1000;

/** A pseudonym of a service point by its number, in the order of a hash as real ones are. */
export const nameOfPoint = (point: number): string =>
  ((BigInt(point) * 0x9e3779b97f4a7c15n) % (1n << 64n)).toString(16).padStart(16, "0").repeat(2);

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
  const all = `generate_series(0, ${windows - 1}) w, name_of_point p`;
  const start = `${FIRST_WINDOW} + w * ${WINDOW_SECONDS}`;
  await sql.query("create temporary table name_of_point (number int4, name text)");
  const names = Array.from({ length: points }, (_, point) => nameOfPoint(point));
  await sql.query(
    `insert into name_of_point select ordinality - 1, name
      from unnest($1::text[]) with ordinality as n(name, ordinality)`,
    [names],
  );
  const digest = `decode(md5(name || w) || md5(w || name), 'hex')`;
  await sql.query(
    `insert into release (digest, kind, policy_id, registry_epoch, received_at)
      select ${digest}, 'BILL', 'UNSAFE-test', 0, ${start} + ${WINDOW_SECONDS} from ${all}`,
  );
  await sql.query(
    `insert into statement (service_point, from_grid, to_grid, from_border, to_border, zone,
        energy_milliwatt_hours, export_milliwatt_hours, tariff, tariff_version, lines, amount,
        currency, estimated, jws, digest)
      select name, ${start}, ${start} + ${WINDOW_SECONDS}, ${start}, ${start} + ${WINDOW_SECONDS},
        'Europe/Zurich', 150000000, 0,
        case when number % 1000 = 7 then 'rare' else 'household-tou' end, 1, '[]',
        (((number * 7919::int8 + w * 104729) % 100000)::numeric / 100)::text, 'CHF',
        (number * 31 + w) % 100 = 0, 'not a signature', ${digest} from ${all}`,
  );
  await sql.query(
    `insert into statement_register
      select service_point, from_grid, 0, 'high', energy_milliwatt_hours from statement`,
  );
  const cohorts = `generate_series(0, ${windows * 30 - 1}) d,
    generate_series(0, ${Math.ceil(points / 100) - 1}) h`;
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
  await sql.query(
    `insert into audit (at, login, action, subject, outcome)
      select ${start}, 'login-' || number % 50, 'statement.view', name, 'allowed'
      from ${all} where number % 100 < 50`,
  );
}
