/**
 * What every store does, whichever database is behind it: types, errors, transactions, migrations.
 * Run for PGlite by store.test.ts, and for a PostgreSQL server by test/services/store.test.ts.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { insertMany, migrate, openStore } from "@smarter-metering/runtime";
import type {
  Migration,
  RuntimeErrorCode,
  SqlValue,
  Store,
  StorePlace,
} from "@smarter-metering/runtime";

const first: Migration = {
  name: "0001-thing",
  statements: [
    `create table thing (id int8 primary key, body bytea, name text,
       ratio float8, small int4, done bool, constraint thing_small check (small < 100))`,
    "create table part (id int8 references thing)",
  ],
};
/** `empty` gives a place with nothing in it. */
export function storeConformance(empty: () => Promise<StorePlace>): void {
  void describe("every store", () => {
    let store: Store;
    before(async () => {
      store = await openStore({ place: await empty(), schema: "test", migrations: [first] });
    });
    after(() => store.close());

    void test("bytes come back as they went, alone and in arrays, also from a window onto a buffer", async () => {
      const all = Uint8Array.from({ length: 256 }, (_, value) => value);
      const given = [
        new Uint8Array(0),
        all,
        all.subarray(9, 13),
        new Uint8Array(100_000).fill(0x5c),
      ];
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

    void test("hands out the types it documents", async () => {
      const row = [2n ** 62n, new Uint8Array([0, 255]), "é", 0.1, 7, true];
      const insert = "insert into thing values ($1, $2, $3, $4, $5, $6) returning *";
      const [got] = await store.query(insert, row);
      assert.deepEqual(Object.values(got ?? {}), row);
      const sql = `select null::int8 as a, $1::jsonb as b, id from thing where id = any($2::int8[])`;
      const [mixed] = await store.query(sql, ['{"x":[1]}', [2n ** 62n]]);
      assert.deepEqual(mixed, { a: null, b: { x: [1] }, id: 2n ** 62n });
    });

    void test("extremes come back as they went", async () => {
      const int8 = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n, -1n];
      const text = ["", " ", "\u0001", "\u{1f4a1} Zähler \u202e", "\\x00", "x".repeat(1_000_000)];
      const float8 = [0.1, 5e-324, 1.7976931348623157e308, Infinity, NaN];
      const int4 = [-(2 ** 31), 2 ** 31 - 1];
      for (const [type, values] of Object.entries({ int8, text, float8, int4 })) {
        for (const value of values) {
          const [row] = await store.query(`select $1::${type} as a`, [value]);
          assert.deepEqual(row, { a: value });
        }
      }
      const json = { "": [null, true, -0.5, "é\u0001"], deep: { list: [] } };
      for (const type of ["json", "jsonb"]) {
        const [row] = await store.query(`select $1::${type} as a`, [JSON.stringify(json)]);
        assert.deepEqual(row, { a: json });
      }
    });

    void test("an answer of many rows and megabytes is whole", async () => {
      const rows = await store.query<{ n: number; body: Uint8Array }>(
        `select n, decode(repeat(lpad(to_hex(n % 256), 2, '0'), n % 3000), 'hex') as body
         from generate_series(1, 5000) as t (n) order by n`,
      );
      assert.equal(rows.length, 5_000);
      for (const [index, { n, body }] of rows.entries()) {
        assert.equal(n, index + 1);
        assert(body.length === n % 3000 && body.every((byte) => byte === n % 256));
      }
    });

    void test("many calls at once: each gets its own answer", async () => {
      const calls = Array.from({ length: 200 }, (_, n) =>
        store.query<{ n: number }>(n % 2 === 0 ? "select $1::int4 as n" : "values ($1::int4)", [n]),
      );
      const answers = await Promise.all(calls);
      assert.deepEqual(
        answers.map(([row]) => Object.values(row ?? {})[0]),
        answers.map((_, n) => n),
      );
    });

    void test("arrays come back as they went, whatever stands in their elements", async () => {
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
      void test(`refuses a parameter: ${name}`, async () => {
        await assert.rejects(store.query(sql, params), { code: "STORE_QUERY" });
        assert.deepEqual(await store.query("select 1 as one"), [{ one: 1 }]);
      });
    }

    void test("a statement follows its table when that changes, also when the change is undone", async () => {
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

    void test("more different statements than are kept prepared", async () => {
      for (let round = 0; round < 2; round++) {
        for (let n = 0; n < 510; n++) {
          assert.deepEqual(await store.query(`select ${n} as n`), [{ n }]);
        }
      }
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
      void test(`refuses: ${name}`, async () => {
        await assert.rejects(store.query(sql), (error: Error & { constraint?: string }) => {
          assert.doesNotMatch(error.message, /secret-value|404/);
          assert.equal(error.constraint, constraint);
          return "code" in error && error.code === code;
        });
      });
    }

    void test("a failed transaction leaves nothing, also when its error was caught", async () => {
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

    void test("after an error a transaction takes no more statements", async () => {
      const going = store.transaction(async (sql) => {
        await assert.rejects(sql.query("insert into thing values (1, '', '', 0, 100)"), {
          code: "STORE_CONSTRAINT",
        });
        await assert.rejects(sql.query("select 1 as one"), { code: "STORE_QUERY" });
        return "done";
      });
      await assert.rejects(going, { code: "STORE_CONSTRAINT", constraint: "thing_small" });
    });

    void test("a rule that is looked at when it commits fails the transaction", async () => {
      await store.query(`create table pair (id int4 primary key,
        other int4 references pair deferrable initially deferred)`);
      await store.transaction(async (sql) => {
        await sql.query("insert into pair values (1, 2)");
        await sql.query("insert into pair values (2, 1)");
      });
      const broken = store.transaction((sql) => sql.query("insert into pair values (3, 4)"));
      await assert.rejects(broken, { code: "STORE_CONSTRAINT", constraint: "pair_other_fkey" });
      assert.deepEqual(await store.query("select count(*)::int4 as n from pair"), [{ n: 2 }]);
    });

    void test("what was not awaited in a transaction is in it", async () => {
      await store.transaction(async (sql) => {
        void sql.query("insert into thing (id) values (77)");
      });
      assert.deepEqual(await store.query("select id from thing where id = 77"), [{ id: 77n }]);
      const failing = store.transaction(async (sql) => {
        sql.query("insert into thing (id) values (77)").catch(() => undefined);
      });
      await assert.rejects(failing, { code: "STORE_CONSTRAINT" });
    });

    void test("transactions run one after the other, first come first served", async () => {
      const log: string[] = [];
      const job = (name: string) =>
        store.transaction(async (sql) => {
          log.push(`${name} begins`);
          await sql.query("select 1 as one");
          log.push(`${name} ends`);
        });
      await Promise.all([
        job("a"),
        store.query("create table between (a int4)").then(() => log.push("between")),
        job("b"),
      ]);
      assert.deepEqual(log, ["a begins", "a ends", "between", "b begins", "b ends"]);
    });

    void test("the store inside a transaction is a programmer error, not a deadlock", async () => {
      const hasty = await openStore({
        place: await empty(),
        schema: "hasty",
        migrations: [],
        idleInTransactionMs: 100,
      });
      const nested = hasty.transaction(async (sql) => {
        await sql.query("select 1 as one");
        return hasty.query("create table too_early (a int4)");
      });
      await assert.rejects(nested, { code: "ERR_ASSERTION" });
      assert.deepEqual(await hasty.query("select 3 as three"), [{ three: 3 }]);
      await hasty.close();
    });

    void test("insertMany writes all rows and skips conflicts when told to", async () => {
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
      assert.equal(await insertMany(store, "thing", columns, []), 0);
    });

    void test("a past that differs is refused, a new migration that fails leaves nothing", async () => {
      const second = { name: "0002-more", statements: ["create table more (a int8)", "selec"] };
      const changed = { ...first, statements: ["create table other (a int8)"] };
      const spaced = { ...first, statements: first.statements.map((s) => `${s} `) };
      for (const list of [[changed], [], [second, first], [first, second]]) {
        await assert.rejects(migrate(store, "test", list), { code: "STORE_MIGRATION" });
      }
      await migrate(store, "test", [spaced]);
      await migrate(store, "other", [{ name: "1", statements: ["create table theirs (a int8)"] }]);
      await assert.rejects(store.query("select a from more"), { code: "STORE_QUERY" });
    });
  });

  void test("a closed store says so", async () => {
    const store = await openStore({ place: await empty(), schema: "test", migrations: [] });
    const reading = store.query("select 1 as one");
    const writing = store.query("create table late (a int4)");
    await Promise.all([store.close(), store.close()]);
    assert.deepEqual(await reading, [{ one: 1 }]);
    assert.deepEqual(await writing, []);
    for (const sql of ["select 1", "create table later (a int4)"]) {
      await assert.rejects(store.query(sql), { code: "STORE_CLOSED" });
    }
    await assert.rejects(
      store.transaction(async () => undefined),
      { code: "STORE_CLOSED" },
    );
  });
}
