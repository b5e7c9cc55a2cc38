/**
 * A database server of the simulation: PostgreSQL itself (PGlite) in this thread, so that a statement is one step. All parties share it,
 * each with its own tables, since one more costs a second. It can be full, and it can lose power: then it comes back as it was at
 * its last `checkpoint`.
 */
import { PGlite } from "@electric-sql/pglite";
import {
  migrate,
  RuntimeError,
  type Migration,
  type Sql,
  type SqlValue,
  type Store,
} from "@smarter-metering/runtime";
import { pgliteTemplate } from "../../packages/runtime/src/store/pglite-template.ts";
import { PostgresStatements } from "../../packages/runtime/src/store/postgres-statements.ts";

const SETTINGS = { enable_bitmapscan: "off", enable_seqscan: "off", jit: "off" };
/** What may change a table. Not whole: what is missed is written although the disk is full. */
const WRITES = /\b(insert|update|delete)\b/i;

export class SimulatedDatabase {
  readonly #pglite: PGlite;
  readonly #connection: PostgresStatements;
  readonly #tables = new Map<string, readonly string[]>();
  #tail: Promise<unknown> = Promise.resolve();
  statements = 0;

  private constructor(pglite: PGlite) {
    this.#pglite = pglite;
    this.#connection = new PostgresStatements(async (request) => {
      this.statements += 1;
      const chunks: Uint8Array[] = [];
      await pglite.execProtocolRawStream(request, {
        onRawData: (chunk) => chunks.push(chunk.slice()),
      });
      return Buffer.concat(chunks);
    });
  }

  static async open(): Promise<SimulatedDatabase> {
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const startParams = [...PGlite.defaultStartParams, ...settings];
    const template = new Uint8Array(await pgliteTemplate());
    const pglite = await PGlite.create({ startParams, loadDataDir: new Blob([template]) });
    return new SimulatedDatabase(pglite);
  }

  /** Makes a party's tables, once in the life of this database. */
  async found(
    party: string,
    schemas: Readonly<Record<string, readonly Migration[]>>,
  ): Promise<void> {
    if (this.#tables.has(party)) return;
    const before = new Set(await this.#tableNames());
    const store = this.store(() => false);
    for (const [schema, migrations] of Object.entries(schemas)) {
      await migrate(store, schema, migrations);
    }
    const made = (await this.#tableNames()).filter((name) => !before.has(name));
    this.#tables.set(party, made);
  }

  /** All tables without rows. References between them are not checked meanwhile: the order does not matter. */
  async empty(): Promise<void> {
    await this.#query("set session_replication_role = replica", []);
    for (const name of await this.#tableNames()) {
      const [row] = await this.#query("select exists (select 1 from " + name + ") as full", []);
      if (row?.["full"] === true) await this.#query(`delete from ${name}`, []);
    }
    await this.#query("set session_replication_role = origin", []);
  }

  /** Keeps the rows of a party's tables (founded for it, or named after it), to which `restore` goes back. */
  async checkpoint(party: string): Promise<Checkpoint> {
    const isOwn = (name: string): boolean =>
      name.startsWith(`${party}_`) || this.#tables.get(party)?.includes(name) === true;
    const names = (await this.#tableNames()).filter(isOwn);
    for (const name of names) {
      await this.#query(`drop table if exists pg_temp.kept_${name}`, []);
      await this.#query(`create temp table kept_${name} as select * from ${name}`, []);
    }
    return names;
  }

  async restore(names: Checkpoint): Promise<void> {
    await this.#query("set session_replication_role = replica", []);
    for (const name of names) {
      await this.#query(`delete from ${name}`, []);
      await this.#query(
        `insert into ${name} overriding system value select * from kept_${name}`,
        [],
      );
    }
    await this.#query("set session_replication_role = origin", []);
  }

  /** A party's way to its tables; `isFull` is asked before each write. */
  store(isFull: () => boolean): Store {
    const query = async <Row>(text: string, params: readonly SqlValue[] = []): Promise<Row[]> => {
      if (isFull() && WRITES.test(text)) {
        throw new RuntimeError("STORE_BUSY", "the database has no room left (SQLSTATE 53100)");
      }
      return (await this.#query(text, params)) as Row[];
    };
    return {
      kind: "pglite",
      query: (text, params) => this.#alone(() => query(text, params)),
      transaction: (work) => this.#alone(() => this.#transaction({ query }, work)),
      close: () => Promise.resolve(),
    };
  }

  close(): Promise<void> {
    return this.#pglite.close();
  }

  #query(text: string, params: readonly SqlValue[]): Promise<Record<string, unknown>[]> {
    return this.#connection.query(text, params);
  }

  async #transaction<T>(sql: Sql, work: (sql: Sql) => Promise<T>): Promise<T> {
    let failed: { readonly error: unknown } | undefined;
    const watched: Sql = {
      query: (text, params) =>
        sql.query<never>(text, params).catch((error: unknown) => {
          failed ??= { error };
          throw error;
        }),
    };
    await this.#query("begin", []);
    try {
      const result = await work(watched);
      if (failed !== undefined) throw failed.error;
      await this.#query("commit", []);
      return result;
    } catch (error) {
      await this.#query("rollback", []);
      throw error;
    }
  }

  #alone<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(job);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #tableNames(): Promise<string[]> {
    const rows = await this.#query(
      `select tablename::text as name from pg_tables
        where schemaname = 'public' and tablename <> 'runtime_migration'`,
      [],
    );
    return rows.map(({ name }) => String(name));
  }
}

/** The names of the tables whose rows are kept. */
export type Checkpoint = readonly string[];
