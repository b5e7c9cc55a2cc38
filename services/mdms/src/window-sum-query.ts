/** How many bills the last billing window brought, and what they come to. */
import type { Sql } from "@smarter-metering/runtime";

export interface WindowSum {
  readonly tariff: string;
  readonly currency: string;
  readonly statements: number;
  /** Decimal text, of the bills as they were issued. */
  readonly amount: string;
}

export interface LastWindow {
  /** Epoch seconds. */
  readonly toSeconds: number;
  readonly sums: readonly WindowSum[];
}

/** Ends of windows that are looked at: a quarter's and those before it, but no years of days on which somebody moved out. */
const LOOKED_AT_SECONDS = 100 * 86_400;

/**
 * The newest end of windows at which at least half as many were billed as at the busiest of the last hundred days: neither a day on which
 * somebody moved out, nor a month of which most is still to come. Undefined before the first statement.
 */
export async function readLastWindow(sql: Sql): Promise<LastWindow | undefined> {
  const rows = await sql.query<{
    toSeconds: bigint;
    tariff: string;
    currency: string;
    statements: bigint;
    amount: string;
  }>(
    `with ends as (
        select to_grid, sum(statements) as statements from window_sum
          where to_grid > (select max(to_grid) from window_sum) - $1::int8 group by to_grid)
      select to_grid as "toSeconds", tariff, currency, statements, amount::text as amount
        from window_sum
        where to_grid = (select max(to_grid) from ends
          where 2 * statements >= (select max(statements) from ends))
        order by tariff, currency`,
    [LOOKED_AT_SECONDS],
  );
  const [first] = rows;
  if (first === undefined) return undefined;
  const sums = rows.map(({ toSeconds: _, statements, ...row }) => {
    return { ...row, statements: Number(statements) };
  });
  return { toSeconds: Number(first.toSeconds), sums };
}
