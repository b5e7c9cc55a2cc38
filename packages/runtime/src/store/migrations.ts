/**
 * Ordered, check-summed migrations, recorded in the database they change. A database whose past
 * differs from the list is refused: starting anyway would run on tables nobody has tested.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { hasCode, RuntimeError } from "../error.ts";
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

/** Processes that start together change the tables one after the other. Any number ("smmigrat"). */
const migrationLock = 0x73_6d_6d_69_67_72_61_74n;

/**
 * Applies the missing tail of `migrations` under the label `schema`, each in one transaction. A role
 * of the database that may not make tables only checks that nothing is missing. Throws
 * STORE_MIGRATION when an applied one is missing from the list, moved or changed, when the database
 * is newer than the list, when a new one fails (it is then rolled back), or when one is missing and
 * the role may not apply it; and what `Store.transaction` throws.
 */
export async function migrate(
  store: Store,
  schema: string,
  migrations: readonly Migration[],
): Promise<void> {
  assert(new Set(migrations.map(({ name }) => name)).size === migrations.length, "names repeat");
  const step = (sql: Sql): Promise<boolean> => applyNext(sql, schema, migrations);
  let applied = true;
  while (applied) applied = await store.transaction(step, { patient: true });
}

/** Applies at most one, and returns whether it did. */
async function applyNext(
  sql: Sql,
  schema: string,
  migrations: readonly Migration[],
): Promise<boolean> {
  const [role] = await sql.query<{ name: string; owns: boolean }>(
    `select current_user::text as name,
      has_schema_privilege(current_schema(), 'create') as owns`,
  );
  assert(role !== undefined, "one row");
  if (role.owns) await sql.query("select pg_advisory_xact_lock($1)", [migrationLock]);
  const applied = await readApplied(sql, schema, role.owns);
  checkPast(schema, migrations, applied);
  const next = migrations[applied.length];
  if (next === undefined) return false;
  if (!role.owns) {
    throw new RuntimeError(
      "STORE_MIGRATION",
      `migration ${schema}/${next.name} is missing in the database, and the role ${role.name} ` +
        "may not make tables: start this version once as the tables' owner",
    );
  }
  await apply(sql, schema, applied.length, next);
  return true;
}

async function readApplied(
  sql: Sql,
  schema: string,
  owns: boolean,
): Promise<readonly AppliedMigration[]> {
  const [table] = await sql.query<{ made: boolean }>(
    "select to_regclass('runtime_migration') is not null as made",
  );
  if (table?.made !== true) {
    if (!owns) return [];
    await sql.query(`create table runtime_migration (
      schema text not null, position int4 not null, name text not null, checksum text not null,
      primary key (schema, position))`);
  }
  return sql.query<AppliedMigration>(
    "select name, checksum from runtime_migration where schema = $1 order by position",
    [schema],
  );
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
  try {
    for (const statement of migration.statements) await sql.query(statement);
  } catch (cause) {
    // Whether the server still did it is not known after its loss; nor is it the migration's fault.
    if (hasCode(cause, "STORE_UNREACHABLE")) throw cause;
    const message = `migration ${schema}/${migration.name} failed and was rolled back`;
    throw new RuntimeError("STORE_MIGRATION", message, { cause });
  }
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
