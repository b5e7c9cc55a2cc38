/** The store over PGlite: what every store does, the folder lock, kill -9, damage. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import * as fc from "fast-check";
import { lockFolder, openStore } from "@smarter-metering/runtime";
import type { RuntimeErrorCode } from "@smarter-metering/runtime";
import { AnswerBytes } from "../src/store/postgres-answer.ts";
import { storeConformance } from "./store-conformance.ts";

const folder = mkdtempSync(join(tmpdir(), "runtime-store-"));
after(() => rmSync(folder, { recursive: true }));

const inMemory = async () => ({ kind: "pglite" }) as const;
storeConformance(inMemory);

test("a plan made while a table is empty uses the index: it is kept when the table is full", async () => {
  const store = await openStore({ place: await inMemory(), schema: "test", migrations: [] });
  await store.query("create table empty (id int8 primary key)");
  await store.query("vacuum empty");
  const [plan] = await store.query("explain (format json) select id from empty where id = 5");
  assert.match(JSON.stringify(plan), /"Index (Only )?Scan"/);
  await store.close();
});

/** One message of the wire protocol with `bodyBytes` bytes that look like the end of an answer. */
function wireMessage(code: string, bodyBytes: number): Buffer {
  const message = Buffer.alloc(5 + bodyBytes, Buffer.from([0x5a, 0, 0, 0, 5, 0x49]));
  message.write(code);
  message.writeInt32BE(4 + bodyBytes, 1);
  return message;
}

test("an answer from a socket is whole however it was cut; what follows it is the next one's", () => {
  const parts = fc.array(fc.tuple(fc.constantFrom("D", "C", "1"), fc.nat(40)), { maxLength: 5 });
  const exchange = fc.record({ parts, noticeBytes: fc.option(fc.nat(20), { nil: undefined }) });
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(exchange, { maxLength: 4 }), sizes, (exchanges, cuts) => {
      const reader = new AnswerBytes();
      let before: Buffer = Buffer.alloc(0);
      let round = 0;
      for (const { parts, noticeBytes } of exchanges) {
        const messages = parts.map(([code, bodyBytes]) => wireMessage(code, bodyBytes));
        const answer = Buffer.concat([...messages, wireMessage("Z", 1)]);
        const notice = noticeBytes === undefined ? Buffer.alloc(0) : wireMessage("N", noticeBytes);
        const got: Buffer[] = [];
        const arriving = Buffer.concat([answer, notice]);
        for (let start = 0; start < arriving.length; round++) {
          const end = start + (cuts[round % cuts.length] ?? 1);
          const whole = reader.add(arriving.subarray(start, end));
          if (whole !== undefined) got.push(whole);
          start = end;
        }
        assert.deepEqual(got, [Buffer.concat([before, answer])]);
        before = notice;
      }
    }),
  );
});

/** Starts a process that opens `path` and writes ids 1, 2, 3 …, printing each when acknowledged. */
function startWriter(path: string): { child: ChildProcess; lines: AsyncIterator<string> } {
  const script = `
    import { openStore } from "@smarter-metering/runtime";
    const migrations = [{ name: "1", statements: ["create table n (id int8 primary key)"] }];
    const store = await openStore({ place: { kind: "pglite", folder: ${JSON.stringify(path)} }, schema: "n", migrations });
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
  await assert.rejects(
    openStore({ place: { kind: "pglite", folder: path }, schema: "n", migrations }),
    {
      code: "STORE_LOCKED",
      message: new RegExp(`process ${child.pid} uses the folder .*killed: stop`),
    },
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    acknowledged = BigInt(line.value);
  }

  const store = await openStore({
    place: { kind: "pglite", folder: path },
    schema: "n",
    migrations,
  });
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
    await assert.rejects(
      openStore({ place: { kind: "pglite", folder: copy }, schema: "n", migrations }),
      { code },
    );
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
