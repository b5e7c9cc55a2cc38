/** Every service's tables are the same in PGlite and on a PostgreSQL server: columns, rules, indexes, functions, triggers. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { migrate, openStore, type Migration, type Store } from "@smarter-metering/runtime";
import { logMigrations } from "../../packages/log/src/store-log.ts";
import { busMigrations } from "../../packages/runtime/src/bus/bus-schema.ts";
import { chainMigration } from "../../services/concentrator/src/chain-store.ts";
import { mailboxMigration } from "../../services/concentrator/src/mailbox.ts";
import { migrations as mdms } from "../../services/mdms/src/migrations.ts";
import { migrations as aggregator } from "../../services/pes/aggregator/src/migrations.ts";
import { migrations as ucs } from "../../services/ucs/src/migrations.ts";
import { startPostgres, type PostgresServer } from "./postgres-server.ts";

const LISTS: Readonly<Record<string, readonly Migration[]>> = {
  aggregator,
  bus: busMigrations,
  concentrator: [chainMigration, mailboxMigration],
  log: logMigrations,
  mdms,
  ucs,
};

/** What a database says of the tables in it; each row is one text. */
const CATALOGUE: Readonly<Record<string, string>> = {
  columns: `select concat_ws(' ', c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod),
      case when a.attnotnull then 'not null' end, nullif(a.attidentity, ''),
      pg_get_expr(d.adbin, d.adrelid)) as item
    from pg_attribute a join pg_class c on c.oid = a.attrelid
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
      and a.attnum > 0 and not a.attisdropped`,
  // PostgreSQL 18 lists what is not null here, too; older ones have it with the columns only.
  rules: `select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) as item
    from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'`,
  indexes: "select indexdef as item from pg_indexes where schemaname = 'public'",
  functions: `select proname || ' ' || pg_get_functiondef(oid) as item from pg_proc
    where pronamespace = 'public'::regnamespace`,
  triggers: "select pg_get_triggerdef(oid) as item from pg_trigger where not tgisinternal",
  parts: `select concat_ws(' ', oid::regclass, pg_get_partkeydef(oid),
      pg_get_expr(relpartbound, oid)) as item
    from pg_class where relnamespace = 'public'::regnamespace and (relkind = 'p' or relispartition)`,
};

async function catalogueOf(store: Store): Promise<Record<string, string[]>> {
  const entries = Object.entries(CATALOGUE).map(async ([name, sql]) => {
    const rows = await store.query<{ item: string }>(sql);
    return [name, rows.map(({ item }) => item).toSorted()] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server.remove());

test("PGlite and the server have the same tables of all services", async () => {
  const connection = await server.createDatabase("all");
  const options = { schema: "test", migrations: [] };
  const stores = [
    await openStore({ ...options, place: { kind: "pglite" } }),
    await openStore({ ...options, place: { kind: "postgres", connection } }),
  ];
  const catalogues = await Promise.all(
    stores.map(async (store) => {
      for (const [name, list] of Object.entries(LISTS)) await migrate(store, name, list);
      const catalogue = await catalogueOf(store);
      await store.close();
      return catalogue;
    }),
  );
  const [embedded, onServer] = catalogues;
  assert(embedded !== undefined && onServer !== undefined);
  assert((embedded["columns"] ?? []).length > 200, "the catalogue is read");
  assert.deepEqual(onServer, embedded);
});
