/**
 * Ordered, check-summed migrations, recorded in the database they change. A database whose past
 * differs from the list is refused: starting anyway would run on tables nobody has tested.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { RuntimeError } from "../error.ts";
import type { Sql, Store } from "./store.ts";

export interface Migration {
  /** Unique in its list, never changed once released, such as "0001-ledger". */
  readonly name: string;
  /** Statements run in order inside one transaction. */
  readonly statements: readonly string[];
}

interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
}

/**
 * Applies the missing tail of `migrations` under the label `schema`, each in one transaction.
 * Throws STORE_MIGRATION when an applied one is missing from the list, moved or changed, when the
 * database is newer than the list, or when a new one fails (it is then rolled back).
 */
export async function migrate(
  store: Store,
  schema: string,
  migrations: readonly Migration[],
): Promise<void> {
  assert(new Set(migrations.map(({ name }) => name)).size === migrations.length, "names repeat");
  await store.query(`create table if not exists runtime_migration (
    schema text not null, position int4 not null, name text not null, checksum text not null,
    primary key (schema, position))`);
  const applied = await store.query<AppliedMigration>(
    "select name, checksum from runtime_migration where schema = $1 order by position",
    [schema],
  );
  checkPast(schema, migrations, applied);
  for (const [position, migration] of migrations.entries()) {
    if (position < applied.length) continue;
    await store
      .transaction((sql) => apply(sql, schema, position, migration))
      .catch((error: unknown) => {
        const message = `migration ${schema}/${migration.name} failed and was rolled back`;
        throw new RuntimeError("STORE_MIGRATION", message, { cause: error });
      });
  }
}

function checkPast(
  schema: string,
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
): void {
  for (const [position, { name, checksum }] of applied.entries()) {
    const migration = migrations[position];
    const where = `migration ${schema}/${name} in the database`;
    if (migration === undefined || migration.name !== name) {
      const found = migration === undefined ? "is not known" : `stands where ${migration.name} is`;
      throw new RuntimeError(
        "STORE_MIGRATION",
        `${where} ${found} in this version: run the version that wrote the database, or a newer one`,
      );
    }
    if (checksumOf(migration) !== checksum) {
      throw new RuntimeError(
        "STORE_MIGRATION",
        `${where} was changed since it ran: restore it and add a new migration instead`,
      );
    }
  }
}

async function apply(
  sql: Sql,
  schema: string,
  position: number,
  migration: Migration,
): Promise<void> {
  for (const statement of migration.statements) await sql.query(statement);
  await sql.query("insert into runtime_migration values ($1, $2, $3, $4)", [
    schema,
    position,
    migration.name,
    checksumOf(migration),
  ]);
}

/** Over the statements with white space folded, so that formatting a file changes nothing. */
function checksumOf({ statements }: Migration): string {
  const text = statements.map((statement) => statement.replaceAll(/\s+/g, " ").trim());
  return createHash("sha256").update(JSON.stringify(text)).digest("hex");
}
