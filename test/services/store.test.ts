/**
 * The store over a PostgreSQL server: what every store does, and what only a server can do to it: go away, be shared with others, refuse.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { inspect } from "node:util";
import {
  openStore,
  type Migration,
  type PostgresConnection,
  type Sql,
  type Store,
  type StoreOptions,
} from "@smarter-metering/runtime";
import { createAuthority, issueCertificate } from "../../cli/src/deployment/certificates.ts";
import { PostgresDriver } from "../../packages/runtime/src/store/postgres-driver.ts";
import { storeConformance } from "../../packages/runtime/test/store-conformance.ts";
import { startPostgres, type PostgresServer } from "./postgres-server.ts";

let server: PostgresServer;
before(async () => {
  server = await startPostgres({ durable: true });
});
after(() => server.remove());

let databases = 0;
const newDatabase = () => server.createDatabase(`store_${++databases}`);
const open = (connection: PostgresConnection, options: Partial<StoreOptions> = {}) =>
  openStore({
    place: { kind: "postgres", connection },
    schema: "test",
    migrations: [],
    ...options,
  });

storeConformance(async () => ({ kind: "postgres", connection: await newDatabase() }));

const pairs: Migration = {
  name: "0001-pairs",
  statements: ["create table pair (id int8 not null, half int4 not null, primary key (id, half))"],
};
const insertPair = async (sql: Sql, id: bigint): Promise<void> => {
  await sql.query("insert into pair values ($1, 1)", [id]);
  await sql.query("insert into pair values ($1, 2)", [id]);
};

describe("selects outside transactions", () => {
  let store: Store;
  before(async () => {
    store = await open(await newDatabase(), { migrations: [pairs] });
  });
  after(() => store.close());
  const count = async (): Promise<unknown> =>
    (await store.query("select count(*)::int4 as n from pair"))[0]?.["n"];

  test("see what is committed, and wait for no transaction", async () => {
    await store.transaction(async (sql) => {
      await insertPair(sql, 1n);
      assert.equal(await count(), 0);
    });
    assert.equal(await count(), 2);
    await store.query("delete from pair");
    assert.equal(await count(), 0);
  });

  test("may not write", async () => {
    await store.query("create sequence numbers");
    await assert.rejects(store.query("select nextval('numbers') as n"), { code: "STORE_QUERY" });
    const rows = await store.transaction((sql) => sql.query("select nextval('numbers') as n"));
    assert.deepEqual(rows, [{ n: 1n }]);
  });

  test("vacuum is the server's own work", async () => {
    assert.deepEqual(await store.query("vacuum pair"), []);
  });
});

test("the server holds sessions to their limits; a patient transaction has none", async () => {
  const store = await open(await newDatabase());
  const settings = `select current_setting('statement_timeout') as statement,
    current_setting('lock_timeout') as lock,
    current_setting('idle_in_transaction_session_timeout') as idle,
    current_setting('timezone') as zone, current_setting('application_name') as name`;
  const limits = {
    statement: "1min",
    lock: "30s",
    idle: "1min",
    zone: "UTC",
    name: "smarter-metering test",
  };
  const read = (sql: Sql) => sql.query(settings);
  assert.deepEqual(await store.query(settings), [limits]);
  assert.deepEqual(await store.transaction(read, { patient: true }), [
    { ...limits, statement: "0" },
  ]);
  assert.deepEqual(await store.transaction(read), [limits]);
  await store.close();
});

test("kill -9 in the middle of writes: what was acknowledged is there, and the store heals", async () => {
  const unreachableMsMax = 120_000; // A busy machine takes its time to start a server.
  const store = await open(await newDatabase(), { migrations: [pairs], unreachableMsMax });
  const acknowledged: bigint[] = [];
  let id = 0n;
  for (let round = 0; round < 3; round++) {
    const target = acknowledged.length + 50;
    const writing = (async () => {
      for (;;) {
        const mine = ++id;
        await store.transaction((sql) => insertPair(sql, mine));
        acknowledged.push(mine);
        if (acknowledged.length === target) void server.kill();
      }
    })();
    await assert.rejects(writing, { code: "STORE_UNREACHABLE" });
    await server.kill();
    // A call that is made while the server is away waits for it.
    const [late] = await Promise.all([store.query("select 1 as one"), server.start()]);
    assert.deepEqual(late, [{ one: 1 }]);
  }
  const rows = await store.query<{ id: bigint; n: number }>(
    "select id, count(*)::int4 as n from pair group by id order by id",
  );
  assert(
    rows.every(({ n }) => n === 2),
    "a transaction is there as a whole",
  );
  const there = new Set(rows.map((row) => row.id));
  assert.deepEqual(
    acknowledged.filter((mine) => !there.has(mine)),
    [],
  );
  // At most one in each round was committed without an answer.
  assert(rows.length <= acknowledged.length + 3);
  await store.transaction((sql) => insertPair(sql, ++id));
  await store.close();
});

test("a transaction whose connection is lost is gone, and nothing of it runs on the next one", async () => {
  const connection = await newDatabase();
  const store = await open(connection, { migrations: [pairs] });
  const cut = store.transaction(async (sql) => {
    await insertPair(sql, 1n);
    const [row] = await sql.query<{ pid: number }>("select pg_backend_pid()::int4 as pid");
    await server.admin(`select pg_terminate_backend(${row?.pid})`);
    await sql.query("insert into pair values (2, 1)").catch(() => undefined);
    await sql.query("insert into pair values (3, 1)");
  });
  await assert.rejects(cut, { code: "STORE_UNREACHABLE" });
  assert.deepEqual(await store.query("select id from pair"), []);
  await store.transaction((sql) => insertPair(sql, 4n));
  assert.equal((await store.query("select id from pair")).length, 2);
  await store.close();
});

test("a server that stays away: calls fail after their time, and closing does not wait", async () => {
  const store = await open(await newDatabase(), { unreachableMsMax: 300 });
  await server.stop();
  await assert.rejects(store.query("select 1 as one"), { code: "STORE_UNREACHABLE" });
  await assert.rejects(store.query("create table a (b int4)"), { code: "STORE_UNREACHABLE" });
  await store.close();
  await server.start();
});

test("calls that wait together fail together, and do not each try in turn", async (context) => {
  let tries = 0;
  const closed = createServer((socket) => {
    tries += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  context.after(() => closed.close());
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  const limits = {
    statementMsMax: 1_000,
    lockMsMax: 1_000,
    idleInTransactionMsMax: 1_000,
    readOnly: false,
    applicationName: "test",
  };
  const driver = new PostgresDriver({ ...server.superuser, port }, limits, 300);
  const calledMs = performance.now();
  const calls: unknown[] = [];
  for (let call = 0; call < 50; call++) {
    calls.push(await driver.session(calledMs).catch((error: { code: unknown }) => error.code));
  }
  assert(calls.every((code) => code === "STORE_UNREACHABLE"));
  assert(tries > 1 && tries < 20, `${tries} tries`);
  await driver.close();
});

describe("what is refused says so without the password", () => {
  const password = "not-the-password-7e57";
  const refused: [name: string, (good: PostgresConnection) => PostgresConnection, RegExp][] = [
    ["a wrong password", (good) => ({ ...good, password }), /password authentication failed/],
    ["no such database", (good) => ({ ...good, database: "nowhere" }), /"nowhere" does not exist/],
    ["no TLS", (good) => ({ ...good, password, tls: { ca: "" } }), /does not support SSL/],
    ["nobody listens", (good) => ({ ...good, password, port: 1 }), /ECONNREFUSED/],
    ["a name unknown", (good) => ({ ...good, password, host: "none.invalid" }), /ENOTFOUND|EAI_/],
    [
      "a password that cannot be read",
      (good) => ({ ...good, password: () => Promise.reject(new Error("no such file")) }),
      /no such file/,
    ],
  ];
  for (const [name, change, message] of refused) {
    test(name, async () => {
      const connection = change(await newDatabase());
      const opening = open(connection, { unreachableMsMax: 200 });
      await assert.rejects(opening, (error: Error & { code?: string }) => {
        assert.equal(error.code, "STORE_UNREACHABLE");
        assert.match(error.message, message);
        const shown = inspect(error, { depth: 9, showHidden: true });
        assert(typeof connection.password === "function" || connection.password !== undefined);
        const secret = typeof connection.password === "string" ? connection.password : password;
        assert(!shown.includes(secret), "the password is in the error");
        return true;
      });
    });
  }
});

describe("TLS", () => {
  const authority = createAuthority(Date.now());
  const nowMs = Date.now();
  const certificate = (kind: "server" | "monitor", name: string, hosts: readonly string[]) =>
    issueCertificate(authority, { kind, name, hosts, nowMs });
  const shown = certificate("server", "database", ["127.0.0.1", "database.example"]);
  let secured: PostgresServer;
  before(async () => {
    const tls = { cert: shown.certificate, key: shown.key, ca: authority.certificate };
    secured = await startPostgres({ tls });
  });
  after(() => secured.remove());

  test("both sides show certificates, in TLS 1.3, and anything less is refused at once", async () => {
    const plain = await secured.createDatabase("closed");
    const own = certificate("monitor", "closed", []);
    const tls = { ca: authority.certificate, cert: own.certificate, key: own.key };
    for (const servername of [undefined, "database.example"]) {
      const named = servername === undefined ? tls : { ...tls, servername };
      const store = await open({ ...plain, tls: named });
      const [session] = await store.query(
        "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()",
      );
      assert.deepEqual(session, { ssl: true, version: "TLSv1.3" });
      await store.close();
    }
    const other = certificate("monitor", "other", []);
    const refused: [string, PostgresConnection["tls"], RegExp][] = [
      ["no TLS", undefined, /no encryption/],
      ["no certificate", { ca: tls.ca }, /client certificate/],
      ["another's", { ...tls, cert: other.certificate, key: other.key }, /authentication failed/],
      ["another authority", { ...tls, ca: createAuthority(nowMs).certificate }, /certificate/],
      ["another name", { ...tls, servername: "elsewhere.example" }, /elsewhere\.example/],
    ];
    for (const [name, less, message] of refused) {
      const { tls: _, ...bare } = { ...plain, tls };
      const connection = less === undefined ? bare : { ...bare, tls: less };
      const expected = { code: "STORE_UNREACHABLE", message };
      await assert.rejects(open(connection, { unreachableMsMax: 60_000 }), expected, name);
    }
  });
});

describe("several processes on one database", () => {
  test("those that migrate at the same time do it once", async () => {
    const connection = await newDatabase();
    const migrations = [pairs, { name: "0002-more", statements: ["create table more (a int4)"] }];
    const stores = await Promise.all(
      Array.from({ length: 4 }, () => open(connection, { migrations })),
    );
    const [row] = await server.admin(
      "select count(*)::int4 as n from runtime_migration",
      connection.database,
    );
    assert.deepEqual(row, { n: 2 });
    await Promise.all(stores.map((store) => store.close()));
  });

  test("a role that may not make tables only checks them", async () => {
    const owner = await newDatabase();
    const { database, user } = owner;
    const role = await newDatabase();
    const worker = { ...role, database };
    const expected = {
      code: "STORE_MIGRATION",
      message: new RegExp(`test/0001-pairs is missing.*role ${role.user} may not`),
    };
    await assert.rejects(open(worker, { migrations: [pairs] }), expected);
    await (await open(owner, { migrations: [pairs] })).close();
    await server.admin(
      `grant select on all tables in schema public to "${role.user}";
       grant select, insert on pair to "${role.user}"`,
      database,
    );
    const store = await open(worker, { migrations: [pairs] });
    await store.transaction((sql) => insertPair(sql, 1n));
    await assert.rejects(store.query("delete from pair"), { code: "STORE_QUERY" });
    await store.close();
    const newer = [pairs, { name: "0002-more", statements: ["create table more (a int4)"] }];
    await assert.rejects(open(worker, { migrations: newer }), { code: "STORE_MIGRATION" });
    assert.notEqual(user, role.user);
  });

  test("of two transactions that wait for each other one fails and may be repeated", async () => {
    const connection = await newDatabase();
    const [first, second] = await Promise.all([
      open(connection, { migrations: [pairs] }),
      open(connection, { migrations: [pairs] }),
    ]);
    const locked: Promise<unknown>[] = [];
    let bothLocked = (): void => undefined;
    const both = new Promise<void>((resolve) => (bothLocked = resolve));
    const job = (store: Store, one: bigint, other: bigint) =>
      store.transaction(async (sql) => {
        await sql.query("insert into pair values ($1, 1)", [one]);
        if (locked.push(both) === 2) bothLocked();
        await both;
        await sql.query("insert into pair values ($1, 1)", [other]);
      });
    const results = await Promise.allSettled([job(first, 1n, 2n), job(second, 2n, 1n)]);
    const failed = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason as unknown] : [],
    );
    assert.equal(failed.length, 1);
    assert.equal((failed[0] as { code?: unknown }).code, "STORE_CONFLICT");
    assert.equal((await first.query("select id from pair")).length, 2);
    await Promise.all([first.close(), second.close()]);
  });

  test("a table that another process changes: a statement fails once, a select not at all", async () => {
    const connection = await newDatabase();
    const [store, other] = await Promise.all([
      open(connection, { migrations: [pairs] }),
      open(connection, { migrations: [pairs] }),
    ]);
    const read = () => store.query("select * from pair");
    const write = () => store.query("insert into pair values (1, 1) returning *");
    assert.deepEqual(await write(), [{ id: 1n, half: 1 }]);
    assert.deepEqual(await read(), [{ id: 1n, half: 1 }]);
    await other.query("alter table pair drop constraint pair_pkey");
    await other.query("alter table pair add column more text");
    assert.deepEqual(await read(), [{ id: 1n, half: 1, more: null }]);
    await assert.rejects(write(), { code: "STORE_CONFLICT" });
    assert.deepEqual(await write(), [{ id: 1n, half: 1, more: null }]);
    await Promise.all([store.close(), other.close()]);
  });
});
