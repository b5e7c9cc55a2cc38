/**
 * Databases that older versions wrote: for each service and each of its migrations, the tables as they were before it, with rows in all
 * of them, are opened by this version. Nothing is lost, and the tables are those of a new database.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { logMigrations } from "../../packages/log/src/store-log.ts";
import { busMigrations } from "../../packages/runtime/src/bus/bus-schema.ts";
import { migrate, openStore, type Migration, type Store } from "@smarter-metering/runtime";
import { chainMigration } from "../../services/concentrator/src/chain-store.ts";
import { mailboxMigration } from "../../services/concentrator/src/mailbox.ts";
import { migrations as mdmsMigrations } from "../../services/mdms/src/migrations.ts";
import { migrations as aggregatorMigrations } from "../../services/pes/aggregator/src/migrations.ts";
import { migrations as ucsMigrations } from "../../services/ucs/src/migrations.ts";
import { startPostgres, type PostgresServer } from "./postgres-server.ts";

const LISTS: Readonly<Record<string, readonly Migration[]>> = {
  aggregator: aggregatorMigrations,
  bus: busMigrations,
  concentrator: [chainMigration, mailboxMigration],
  log: logMigrations,
  mdms: mdmsMigrations,
  ucs: ucsMigrations,
};

/** Tables whose rows a migration takes away on purpose. */
const EMPTIED: Readonly<Record<string, readonly string[]>> = {
  aggregator: ["entry"], // What stands in the log leaves the queue (0007-sharing).
};

/** One database for all cases: each has a schema of its own, which unqualified names lead to. */
class Cases {
  readonly #store: Store;
  #schemas = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async begin(): Promise<void> {
    this.#schemas += 1;
    await this.query(`create schema case_${this.#schemas}`);
    await this.query(`set search_path to case_${this.#schemas}`);
  }

  /** On the connection that writes, whose search path was set. */
  query<Row>(text: string): Promise<Row[]> {
    return this.#store.transaction((sql) => sql.query<Row>(text));
  }

  migrate(service: string, migrations: readonly Migration[]): Promise<void> {
    return migrate(this.#store, service, migrations);
  }

  /** Ordinary columns, in the order in which their tables were made: those that others refer to come first. */
  columns(): Promise<Column[]> {
    return this.query<Column>(
      `select c.relname::text as table, a.attname::text as column,
          format_type(a.atttypid, a.atttypmod) as type,
          (a.attnotnull and not a.atthasdef and a.attidentity = '') as "isFilled"
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
          and not c.relispartition and c.relname <> 'runtime_migration'
          and a.attnum > 0 and not a.attisdropped
        order by c.oid, a.attnum`,
    );
  }

  /** A row in every table that has none. */
  async fill(): Promise<void> {
    const columns = await this.columns();
    for (const table of new Set(columns.map((each) => each.table))) {
      const own = columns.filter((each) => each.table === table && each.isFilled);
      const names = own.map(({ column }) => `"${column}"`).join(", ");
      const values = own.map(({ type }) => literalOf(type)).join(", ");
      await this.query(
        `insert into "${table}" (${names}) select ${values} where not exists (select from "${table}")`,
      );
    }
  }

  async rows(): Promise<ReadonlyMap<string, number>> {
    const tables = new Set((await this.columns()).map(({ table }) => table));
    const counts = [...tables].map(
      (table) => `select '${table}' as table, count(*)::int4 as count from "${table}"`,
    );
    if (counts.length === 0) return new Map();
    const rows = await this.query<{ table: string; count: number }>(counts.join(" union all "));
    return new Map(rows.map(({ table, count }) => [table, count]));
  }

  /** Columns, indexes and constraints, as text. */
  async tables(): Promise<string[]> {
    const columns = await this.columns();
    const rules = await this.query<{ rule: string }>(
      `select replace(indexdef, schemaname || '.', '') as rule from pg_indexes
          where schemaname = current_schema()
        union all
        select replace(conrelid::regclass::text, current_schema() || '.', '') || ' ' ||
            replace(pg_get_constraintdef(oid), current_schema() || '.', '')
          from pg_constraint where connamespace = current_schema()::regnamespace and contype <> 'n'`,
    );
    return [
      ...columns.map(({ table, column, type }) => `${table}.${column} ${type}`),
      ...rules.map(({ rule }) => rule),
    ].toSorted();
  }
}

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly isFilled: boolean;
}

/** The same value everywhere, so that what refers to another row finds one. */
function literalOf(type: string): string {
  if (type.endsWith("[]")) return `array[${literalOf(type.slice(0, -2))}]::${type}`;
  if (type === "bytea") return "'\\x01'::bytea";
  if (type === "boolean") return "true";
  if (/^(bigint|integer|smallint|double precision|numeric)/.test(type)) return "1";
  if (type.startsWith("json")) return `'{}'::${type}`;
  assert.equal(type, "text", "a type that this test knows a value for");
  return "'1'";
}

function upgrades(open: () => Promise<Store>): void {
  let store: Store;
  let cases: Cases;
  before(async () => {
    store = await open();
    cases = new Cases(store);
  });
  after(() => store.close());

  for (const [service, migrations] of Object.entries(LISTS)) {
    describe(service, () => {
      let expected: readonly string[] = [];
      before(async () => {
        await cases.begin();
        await cases.migrate(service, migrations);
        expected = await cases.tables();
      });
      for (const [index, { name }] of migrations.entries()) {
        const last = migrations[index - 1]?.name ?? "an empty database";
        test(`${name} and what follows, over ${last}`, async () => {
          await cases.begin();
          await cases.migrate(service, migrations.slice(0, index));
          await cases.fill();
          const filled = await cases.rows();
          await cases.migrate(service, migrations);
          const now = await cases.rows();
          const lost = [...filled].filter(([table, count]) => (now.get(table) ?? 0) < count);
          const names = lost.map(([table]) => table).filter((table) => now.has(table));
          const unexpected = names.filter((table) => EMPTIED[service]?.includes(table) !== true);
          assert.deepEqual(unexpected, [], "tables that lost rows");
          assert.deepEqual(await cases.tables(), expected);
        });
      }
    });
  }

  test("a newer database is refused by an older version, and a changed past by all", async () => {
    await cases.begin();
    await cases.migrate("ucs", ucsMigrations);
    await assert.rejects(cases.migrate("ucs", ucsMigrations.slice(0, -1)), {
      code: "STORE_MIGRATION",
      message: /is not known in this version: run the version that wrote/,
    });
    const [first, ...others] = ucsMigrations;
    const changed = [{ name: first?.name ?? "", statements: ["select 1"] }, ...others];
    await assert.rejects(cases.migrate("ucs", changed), { code: "STORE_MIGRATION" });
  });
}

const nothingYet = { schema: "none", migrations: [] };

describe("PGlite", () => {
  upgrades(() => openStore({ place: { kind: "pglite" }, ...nothingYet }));
});

describe("PostgreSQL", () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.remove());
  upgrades(async () => {
    const connection = await server.createDatabase("upgrade");
    return openStore({ place: { kind: "postgres", connection }, ...nothingYet });
  });
});
