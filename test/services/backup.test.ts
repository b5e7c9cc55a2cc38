/**
 * Backup and restore of databases: an embedded one while its party is stopped, one on a server while its party writes. What was committed
 * before the backup began is in it, whole transactions only, and nothing of what came after the restore is mixed in.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  openStore,
  type Migration,
  type PostgresConnection,
  type StorePlace,
} from "@smarter-metering/runtime";
import { makeBackup } from "../../cli/src/backup/make-backup.ts";
import { sha256Of } from "../../cli/src/backup/manifest.ts";
import { restoreBackup } from "../../cli/src/backup/restore-backup.ts";
import { layoutOf, type Layout } from "../../cli/src/deployment/layout.ts";
import { startPostgres, type PostgresServer } from "./postgres-server.ts";

const MIGRATIONS: readonly Migration[] = [
  {
    name: "0001",
    statements: [
      "create table payment (id int8 primary key, amount int8 not null)",
      "create table total (id int4 primary key, amount int8 not null)",
      "insert into total values (1, 0)",
    ],
  },
];
const PEER = {
  role: "mdms",
  registryUrl: "http://127.0.0.1:1",
  registryRootKey: "00".repeat(32),
  registryPinFile: "registry-pin.json",
  busUrl: "http://127.0.0.1:2",
  tokenFile: "token",
  keysFile: "keys.json",
  listen: { port: 3 },
};

let root: string;
let folders = 0;

before(() => {
  root = mkdtempSync(join(tmpdir(), "backup-"));
});
after(() => rmSync(root, { recursive: true, force: true }));

const newFolder = (): string => join(root, String((folders += 1)));

function deploymentOf(store: object): Layout {
  const layout = layoutOf(newFolder());
  const folder = layout.folder("mdms");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(layout.config("mdms"), JSON.stringify({ ...PEER, store }));
  for (const name of ["keys.json", "token"]) {
    writeFileSync(join(folder, name), name, { mode: 0o600 });
  }
  return layout;
}

const open = (place: StorePlace) => openStore({ place, schema: "test", migrations: MIGRATIONS });
type Opened = Awaited<ReturnType<typeof open>>;

/** Two tables in one transaction: a backup that cut one in half would show. */
const pay = (store: Opened, id: number): Promise<unknown> =>
  store.transaction(async (sql) => {
    await sql.query("insert into payment values ($1, $1)", [id]);
    await sql.query("update total set amount = amount + $1", [id]);
  });

async function booksOf(store: Opened): Promise<{ newest: number; counted: bigint; total: bigint }> {
  const [books] = await store.query<{ newest: number; counted: bigint; total: bigint }>(
    `select (select coalesce(max(id), 0)::int4 from payment) as newest,
      (select coalesce(sum(amount), 0)::int8 from payment) as counted,
      (select amount from total) as total`,
  );
  assert(books !== undefined, "one row");
  return books;
}

test("an embedded database is copied while its party is stopped, and is as it was", async () => {
  const layout = deploymentOf({ folder: "store" });
  const placeIn = (of: Layout): StorePlace => ({
    kind: "pglite",
    folder: join(of.folder("mdms"), "store"),
  });
  const store = await open(placeIn(layout));
  for (let id = 1; id <= 50; id += 1) await pay(store, id);
  await assert.rejects(makeBackup(layout, "mdms", newFolder(), 0), { code: "STORE_LOCKED" });
  await store.close();
  const backup = newFolder();
  await makeBackup(layout, "mdms", backup, 0);
  const later = await open(placeIn(layout));
  await pay(later, 51);
  await later.close();

  const fresh = layoutOf(newFolder());
  await restoreBackup(backup, fresh);
  const old = await open(placeIn(fresh));
  assert.deepEqual(await booksOf(old), { newest: 50, counted: 1275n, total: 1275n });
  await pay(old, 51); // It is not only to be looked at.
  await old.close();
});

describe("a database on a server", () => {
  let server: PostgresServer;
  let connection: PostgresConnection;
  let layout: Layout;

  const storeAt = ({ host, port, database, user, password }: PostgresConnection): object => {
    const passwordFile = join(root, `password-${database}`);
    assert(typeof password === "string", "the server gives a password");
    writeFileSync(passwordFile, password, { mode: 0o600 });
    return { postgres: { host, port, database, user, passwordFile } };
  };
  before(async () => {
    server = await startPostgres();
    connection = await server.createDatabase("mdms");
    layout = deploymentOf(storeAt(connection));
  });
  after(() => server.remove());

  test("is dumped while its party writes, whole transactions only", async () => {
    const store = await open({ kind: "postgres", connection });
    const progress = { done: 0, isOver: false };
    const writing = (async () => {
      for (let id = 1; !progress.isOver; id += 1) {
        await pay(store, id);
        progress.done = id;
      }
    })();
    while (progress.done < 100) await store.query("select 1");
    const before = progress.done;
    const backup = newFolder();
    await makeBackup(layout, "mdms", backup, 0);
    progress.isOver = true;
    await writing;
    const { done } = progress;
    assert(done > before, "it went on meanwhile");

    // Into a new database, which the restored configuration names.
    const target = await server.createDatabase("restored");
    const config = join(backup, "files", "config.json");
    const moved = JSON.stringify({ ...PEER, store: storeAt(target) });
    await replaceInBackup(backup, config, moved);
    const fresh = layoutOf(newFolder());
    await restoreBackup(backup, fresh);
    const restored = await open({ kind: "postgres", connection: target });
    const books = await booksOf(restored);
    assert.equal(books.counted, books.total);
    assert(books.newest >= before, `${before} were there before, ${books.newest} were restored`);
    assert(books.newest <= done, "none that was never written");
    await pay(restored, done + 1);
    await restored.close();
    await store.close();

    // Not over a database that holds something: it stays as it is, and no folder is made.
    const again = layoutOf(newFolder());
    await assert.rejects(restoreBackup(backup, again), { code: "BACKUP_PROGRAM" });
    assert.deepEqual(await readdir(again.root), []);
    const kept = await open({ kind: "postgres", connection: target });
    assert.equal((await booksOf(kept)).newest, done + 1);
    await kept.close();
  });

  test("that does not answer is a failure that names no secret, and leaves nothing", async () => {
    const away = { ...connection, port: 1 };
    const dead = deploymentOf(storeAt(away));
    const to = newFolder();
    await assert.rejects(makeBackup(dead, "mdms", to, 0), (error: Error & { code?: string }) => {
      assert.equal(error.code, "BACKUP_PROGRAM");
      assert(
        typeof connection.password === "string" && !error.message.includes(connection.password),
      );
      return true;
    });
    assert.equal((await readdir(root)).includes(to.slice(root.length + 1)), false);
  });
});

/** As an operator would who edits the configuration in a backup: with its new hash. */
async function replaceInBackup(backup: string, path: string, text: string): Promise<void> {
  const manifest = join(backup, "backup.json");
  const before = await sha256Of(path);
  writeFileSync(path, text);
  const after = await sha256Of(path);
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace(before, after));
}
