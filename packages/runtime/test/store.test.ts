/** The store: types, errors, transactions, migrations, the folder lock, kill -9, damage. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { insertMany, lockFolder, migrate, openStore } from "@smarter-metering/runtime";
import type { Migration, RuntimeErrorCode, SqlValue, Store } from "@smarter-metering/runtime";

const first: Migration = {
  name: "0001-thing",
  statements: [
    `create table thing (id int8 primary key, body bytea, name text,
       ratio float8, small int4, done bool, constraint thing_small check (small < 100))`,
    "create table part (id int8 references thing)",
  ],
};
const folder = mkdtempSync(join(tmpdir(), "runtime-store-"));
after(() => rmSync(folder, { recursive: true }));

describe("a store in memory", () => {
  let store: Store;
  before(async () => {
    store = await openStore({ schema: "test", migrations: [first] });
  });
  after(() => store.close());

  test("bytes come back as they went, alone and in arrays, also from a window onto a buffer", async () => {
    const all = Uint8Array.from({ length: 256 }, (_, value) => value);
    const given = [new Uint8Array(0), all, all.subarray(9, 13), new Uint8Array(100_000).fill(0x5c)];
    const [alone] = await store.query("select $1::bytea as a, $2::bytea as b", given.slice(1, 3));
    assert.deepEqual(alone, { a: all, b: Uint8Array.of(9, 10, 11, 12) });
    const rows = await store.query<{ item: Uint8Array }>(
      "select item from unnest($1::bytea[]) with ordinality as t (item, place) order by place",
      [given],
    );
    assert.deepEqual(
      rows.map(({ item }) => Buffer.from(item).toString("hex")),
      given.map((bytes) => Buffer.from(bytes).toString("hex")),
    );
    await assert.rejects(store.query("select $1::bytea", ["not bytes"]), { code: "STORE_QUERY" });
  });

  test("hands out the types it documents", async () => {
    const row = [2n ** 62n, new Uint8Array([0, 255]), "é", 0.1, 7, true];
    const insert = "insert into thing values ($1, $2, $3, $4, $5, $6) returning *";
    const [got] = await store.query(insert, row);
    assert.deepEqual(Object.values(got ?? {}), row);
    const sql = `select null::int8 as a, $1::jsonb as b, id from thing where id = any($2::int8[])`;
    const [mixed] = await store.query(sql, ['{"x":[1]}', [2n ** 62n]]);
    assert.deepEqual(mixed, { a: null, b: { x: [1] }, id: 2n ** 62n });
  });

  test("arrays come back as they went, whatever stands in their elements", async () => {
    const texts = ["", "NULL", "a,b", "{x}", '"', "\\", '\\"', " é\n", null];
    const numbers = [-(2n ** 63n), 0n, null];
    const bodies = [new Uint8Array(0), null, Uint8Array.of(0, 255)];
    const unnest = (type: string, given: readonly SqlValue[]) =>
      store
        .query<{ item: unknown }>(
          `select item from unnest($1::${type}[]) with ordinality as t (item, n) order by n`,
          [given],
        )
        .then((rows) => rows.map(({ item }) => item));
    assert.deepEqual(await unnest("text", texts), texts);
    assert.deepEqual(await unnest("int8", numbers), numbers);
    assert.deepEqual(await unnest("bytea", bodies), bodies);
    assert.deepEqual(await unnest("bool", [true, false, null]), [true, false, null]);
    assert.deepEqual(await unnest("jsonb", ['{"a":"\\""}']), [{ a: '"' }]);
    for (const type of ["text", "int4", "bytea"]) assert.deepEqual(await unnest(type, []), []);
  });

  const misfits: [name: string, sql: string, params: SqlValue[]][] = [
    ["text where bytes belong", "select $1::bytea as a", ["\\x00"]],
    ["text among bytes", "select $1::bytea[] is null as a", [[new Uint8Array(1), "x"]]],
    ["bytes where text belongs", "select $1::text as a", [new Uint8Array(1)]],
    ["bytes among text", "select $1::text[] is null as a", [[new Uint8Array(1)]]],
    ["a parameter too few", "select $1::int4 as a", []],
    ["a parameter too many", "select 1 as a", [1]],
    ["an integer beyond its type", "select $1::int4 as a", [2 ** 31]],
    ["a fraction for an integer", "select $1::int8 as a", [0.5]],
    ["a character that text cannot hold", "select $1::text as a", ["a\0b"]],
  ];
  for (const [name, sql, params] of misfits) {
    test(`refuses a parameter: ${name}`, async () => {
      await assert.rejects(store.query(sql, params), { code: "STORE_QUERY" });
      assert.deepEqual(await store.query("select 1 as one"), [{ one: 1 }]);
    });
  }

  test("a statement follows its table when that changes, also when the change is undone", async () => {
    const read = () => store.query("select * from moving");
    await store.query("create table moving (a int4)");
    await store.query("insert into moving values (1)");
    assert.deepEqual(await read(), [{ a: 1 }]);
    const undone = store.transaction(async (sql) => {
      await sql.query("alter table moving add b text default 'x'");
      assert.deepEqual(await sql.query("select * from moving"), [{ a: 1, b: "x" }]);
      throw new Error("undo");
    });
    await assert.rejects(undone, /undo/);
    assert.deepEqual(await read(), [{ a: 1 }]);
    await store.query("alter table moving alter a type text");
    assert.deepEqual(await read(), [{ a: "1" }]);
  });

  test("more different statements than are kept prepared", async () => {
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 510; n++) {
        assert.deepEqual(await store.query(`select ${n} as n`), [{ n }]);
      }
    }
  });

  test("a plan made while a table is empty uses the index: it is kept when the table is full", async () => {
    await store.query("create table empty (id int8 primary key)");
    await store.query("vacuum empty");
    const [plan] = await store.query("explain (format json) select id from empty where id = 5");
    assert.match(JSON.stringify(plan), /"Index (Only )?Scan"/);
  });

  const refused: [name: string, sql: string, code: RuntimeErrorCode, constraint?: string][] = [
    ["unique", `insert into thing (id) values (${2n ** 62n})`, "STORE_CONSTRAINT", "thing_pkey"],
    ["check", "insert into thing values (9, '', '', 0, 100)", "STORE_CONSTRAINT", "thing_small"],
    ["foreign key", "insert into part values (404)", "STORE_CONSTRAINT", "part_id_fkey"],
    ["not null", "insert into thing (id) values (null)", "STORE_CONSTRAINT"],
    ["numeric", "select sum(id) from thing", "STORE_TYPE"],
    ["timestamptz", "select now()", "STORE_TYPE"],
    ["syntax", "selec 1", "STORE_QUERY"],
    ["bad value", "select 'secret-value'::int8", "STORE_QUERY"],
    ["two statements", "select 1; select 2", "STORE_QUERY"],
  ];
  for (const [name, sql, code, constraint] of refused) {
    test(`refuses: ${name}`, async () => {
      await assert.rejects(store.query(sql), (error: Error & { constraint?: string }) => {
        assert.doesNotMatch(error.message, /secret-value|404/);
        assert.equal(error.constraint, constraint);
        return "code" in error && error.code === code;
      });
    });
  }

  test("a failed transaction leaves nothing, also when its error was caught", async () => {
    const failing = store.transaction(async (sql) => {
      await sql.query("insert into thing (id) values (1)");
      throw new Error("no");
    });
    await assert.rejects(failing, /no/);
    const swallowing = store.transaction(async (sql) => {
      await sql.query("insert into thing (id) values (2)");
      await sql.query("selec").catch(() => undefined);
    });
    await assert.rejects(swallowing, { code: "STORE_QUERY" });
    assert.deepEqual(await store.query("select id from thing where id in (1, 2)"), []);
  });

  test("transactions run one after the other, first come first served", async () => {
    const log: string[] = [];
    const job = (name: string) =>
      store.transaction(async (sql) => {
        log.push(`${name} begins`);
        await sql.query("select 1 as one");
        log.push(`${name} ends`);
      });
    await Promise.all([
      job("a"),
      store.query("select 1 as one").then(() => log.push("q")),
      job("b"),
    ]);
    assert.deepEqual(log, ["a begins", "a ends", "q", "b begins", "b ends"]);
  });

  test("the store inside a transaction is a programmer error, not a deadlock", async () => {
    const hasty = await openStore({ schema: "hasty", migrations: [], idleInTransactionMs: 100 });
    const nested = hasty.transaction(async (sql) => {
      await sql.query("select 1 as one");
      return hasty.query("select 2 as two");
    });
    await assert.rejects(nested, { code: "ERR_ASSERTION" });
    assert.deepEqual(await hasty.query("select 3 as three"), [{ three: 3 }]);
    await hasty.close();
  });

  test("insertMany writes all rows and skips conflicts when told to", async () => {
    const rows = Array.from({ length: 2_500 }, (_, i) => [
      BigInt(i + 1000),
      new Uint8Array([i % 256]),
    ]);
    const columns = { id: "int8", body: "bytea" } as const;
    const onConflict = { onConflict: "(id) do nothing" };
    assert.equal(await insertMany(store, "thing", columns, rows), 2_500);
    assert.equal(await insertMany(store, "thing", columns, rows.slice(0, 5), onConflict), 0);
    await assert.rejects(insertMany(store, "thing", columns, rows), { code: "STORE_CONSTRAINT" });
    const [row] = await store.query("select body from thing where id = 1255");
    assert.deepEqual(row, { body: new Uint8Array([255]) });
  });

  test("a past that differs is refused, a new migration that fails leaves nothing", async () => {
    const second = { name: "0002-more", statements: ["create table more (a int8)", "selec"] };
    const changed = { ...first, statements: ["create table other (a int8)"] };
    const spaced = { ...first, statements: first.statements.map((s) => `${s} `) };
    for (const list of [[changed], [], [second, first], [first, second]]) {
      await assert.rejects(migrate(store, "test", list), { code: "STORE_MIGRATION" });
    }
    await migrate(store, "test", [spaced]);
    await assert.rejects(store.query("select a from more"), { code: "STORE_QUERY" });
  });
});

test("a closed store says so", async () => {
  const store = await openStore({ schema: "test", migrations: [] });
  const pending = store.query("select 1 as one");
  await Promise.all([store.close(), store.close()]);
  assert.deepEqual(await pending, [{ one: 1 }]);
  await assert.rejects(store.query("select 1"), { code: "STORE_CLOSED" });
});

/** Starts a process that opens `path` and writes ids 1, 2, 3 …, printing each when acknowledged. */
function startWriter(path: string): { child: ChildProcess; lines: AsyncIterator<string> } {
  const script = `
    import { openStore } from "@smarter-metering/runtime";
    const migrations = [{ name: "1", statements: ["create table n (id int8 primary key)"] }];
    const store = await openStore({ folder: ${JSON.stringify(path)}, schema: "n", migrations });
    for (let id = 1n; ; id++) {
      await store.query("insert into n values ($1)", [id]);
      process.stdout.write(id + "\\n");
    }`;
  const file = join(import.meta.dirname, `.writer-${process.pid}.ts`);
  writeFileSync(file, script);
  const child = spawn(process.execPath, ["--import", "tsx", file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.once("exit", () => rmSync(file, { force: true }));
  assert(child.stdout !== null);
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
}

test("one process per folder; kill -9 loses nothing acknowledged; damage is reported", async () => {
  const path = join(folder, "killed");
  const migrations = [{ name: "1", statements: ["create table n (id int8 primary key)"] }];
  const { child, lines } = startWriter(path);
  let acknowledged = 0n;
  while (acknowledged < 200n) acknowledged = BigInt((await lines.next()).value as string);
  await assert.rejects(openStore({ folder: path, schema: "n", migrations }), {
    code: "STORE_LOCKED",
    message: new RegExp(`process ${child.pid} uses the folder .*killed: stop`),
  });
  child.kill("SIGKILL");
  await once(child, "exit");
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    acknowledged = BigInt(line.value);
  }

  const store = await openStore({ folder: path, schema: "n", migrations });
  const [row] = await store.query("select count(*) as count, max(id) as max from n");
  await store.close();
  assert(row !== undefined && (row["max"] as bigint) >= acknowledged);
  assert.equal(row["count"], row["max"]);
  assert.deepEqual(readdirSync(path), ["database"]);

  const damages: [string, (database: string) => void, RuntimeErrorCode][] = [
    ["control", (db) => truncateSync(join(db, "global/pg_control"), 100), "STORE_DAMAGED"],
    ["version", (db) => rmSync(join(db, "PG_VERSION")), "STORE_DAMAGED"],
    ["other", (db) => writeFileSync(join(db, "PG_VERSION"), "15\n"), "STORE_VERSION"],
    ["wal", (db) => truncateLogs(join(db, "pg_wal")), "STORE_DAMAGED"],
  ];
  for (const [name, damage, code] of damages) {
    const copy = join(folder, name);
    cpSync(path, copy, { recursive: true });
    damage(join(copy, "database"));
    const files = readdirSync(join(copy, "database"));
    await assert.rejects(openStore({ folder: copy, schema: "n", migrations }), { code });
    assert.deepEqual(
      files.filter((f) => !readdirSync(join(copy, "database")).includes(f)),
      [],
    );
    assert.deepEqual(readdirSync(copy), ["database"], "the lock was released");
  }
});

function truncateLogs(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/^[0-9A-F]{24}$/.test(name)) truncateSync(join(folder, name), 1_000);
  }
}

test("claims of dead processes, recycled process ids and other boots are taken over", () => {
  const path = join(folder, "stale");
  lockFolder(path).release();
  const random = "0123456789abcdef";
  for (const claim of [`lock.4194304.1_ab.${random}`, `lock.${process.pid}.1_deadbeef.${random}`]) {
    writeFileSync(join(path, claim), "");
  }
  const lock = lockFolder(path);
  assert.equal(readdirSync(path).length, 1);
  assert.throws(() => lockFolder(path), { code: "STORE_LOCKED" });
  assert.equal(readdirSync(path).length, 1);
  lock.release();
  assert.deepEqual(readdirSync(path), []);
});
