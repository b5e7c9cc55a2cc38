/**
 * How many there are of what, kept by triggers in the transaction that writes it: nobody counts a table of millions of rows to show a
 * number, and nobody who writes can forget to count. A test holds the numbers against the tables.
 */

/** Of migration 0008-access. */
export const COUNTED: readonly string[] = [
  // statement: all · billed: service points with one · window: seconds of the longest · release, by kind · load: blocks by cohort.
  `create table held_count (
    what text not null,
    owner text not null default '',
    count int8 not null,
    primary key (what, owner))`,
  `create table billed_point (
    service_point text primary key,
    statements int4 not null,
    last_from int8 not null)`,
  `create function add_to_held_count(name text, of_owner text, more int8) returns void language sql as $$
    insert into held_count values (name, of_owner, more)
      on conflict (what, owner) do update set count = held_count.count + excluded.count $$`,
  `create function count_statements() returns trigger language plpgsql as $$
    declare fresh int8;
    begin
      with added as (
        select service_point, count(*)::int4 as statements, max(from_grid) as last_from
          from rows group by service_point),
      known as (
        update billed_point b set statements = b.statements + a.statements,
          last_from = greatest(b.last_from, a.last_from)
          from added a where a.service_point = b.service_point returning b.service_point),
      inserted as (
        insert into billed_point select * from added a
          where not exists (select 1 from known k where k.service_point = a.service_point) returning 1)
      select count(*) into fresh from inserted;
      perform add_to_held_count('billed', '', fresh);
      perform add_to_held_count('statement', '', (select count(*) from rows));
      insert into held_count select 'window', '', max(to_grid - from_grid) from rows having count(*) > 0
        on conflict (what, owner) do update set count = greatest(held_count.count, excluded.count);
      return null;
    end $$`,
  `create function uncount_statements() returns trigger language plpgsql as $$
    declare gone int8;
    begin
      update billed_point b set statements = b.statements - r.statements, last_from = coalesce(
          (select max(from_grid) from statement s where s.service_point = b.service_point), 0)
        from (select service_point, count(*)::int4 as statements from rows group by service_point) r
        where r.service_point = b.service_point;
      with deleted as (
        delete from billed_point where statements = 0
          and service_point in (select service_point from rows) returning 1)
      select count(*) into gone from deleted;
      perform add_to_held_count('billed', '', -gone);
      perform add_to_held_count('statement', '', -(select count(*) from rows));
      return null;
    end $$`,
  ...bothWays("statement", "count_statements", "uncount_statements"),
  ...countedBy("release", "release", "kind", "true"),
  ...countedBy("load_block", "load", "cohort", "stream = 'LOAD'"),
];

/** Of migration 0011-window-sums: bills as they were issued, by the end of their window; credit notes are beside them. */
export const WINDOW_SUMS: readonly string[] = [
  `create table window_sum (
    to_grid int8 not null,
    tariff text not null,
    currency text not null,
    statements int8 not null,
    amount numeric not null,
    primary key (to_grid, tariff, currency))`,
  ...summed("sum_statements", ""),
  ...summed("unsum_statements", "-"),
  ...bothWays("statement", "sum_statements", "unsum_statements"),
  `insert into window_sum
    select to_grid, tariff, currency, count(*), sum(amount::numeric) from statement group by 1, 2, 3`,
];

function summed(name: string, sign: string): string[] {
  return [
    `create function ${name}() returns trigger language plpgsql as $$
    begin
      insert into window_sum as w
        select to_grid, tariff, currency, ${sign}count(*), ${sign}sum(amount::numeric) from rows group by 1, 2, 3
        on conflict (to_grid, tariff, currency) do update
          set statements = w.statements + excluded.statements, amount = w.amount + excluded.amount;
      delete from window_sum where statements = 0;
      return null;
    end $$`,
  ];
}

/** Counts rows of `table` for which `condition` holds, by the column `owner`. */
function countedBy(table: string, what: string, owner: string, condition: string): string[] {
  const [more, fewer] = [`count_${table}`, `uncount_${table}`];
  const made = [
    [more, ""],
    [fewer, "-"],
  ].map(
    ([name, sign]) => `create function ${name}() returns trigger language plpgsql as $$
    begin
      perform add_to_held_count('${what}', r.owner, ${sign}r.count) from
        (select ${owner} as owner, count(*) as count from rows where ${condition} group by 1) r;
      return null;
    end $$`,
  );
  return [...made, ...bothWays(table, more, fewer)];
}

/** Once a statement of SQL, however many rows it writes. */
function bothWays(table: string, more: string, fewer: string): string[] {
  return [
    `create trigger ${more} after insert on ${table} referencing new table as rows
      for each statement execute function ${more}()`,
    `create trigger ${fewer} after delete on ${table} referencing old table as rows
      for each statement execute function ${fewer}()`,
  ];
}
