/**
 * Services over a PostgreSQL server: some of their own tests once more, with databases there in place of PGlite. Those that record, judge
 * and page most are taken; every other one runs so, too, with SMARTER_METERING_TEST_STORE in its environment (test-place.ts).
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { startPostgres, type PostgresServer } from "./postgres-server.ts";

const root = new URL("../..", import.meta.url).pathname;
const FILES = [
  "packages/log/test/store-log.test.ts",
  "services/mdms/test/releases.test.ts",
  "services/pes/aggregator/test/ledger.test.ts",
  "services/pes/aggregator/test/retention.test.ts",
  "services/ucs/test/sealed.test.ts",
];

let server: PostgresServer;
before(async () => {
  server = await startPostgres({ settings: { max_connections: "200" } });
});
after(() => server.remove());

test("services do the same over a server", async () => {
  // Without NODE_TEST_CONTEXT, which would make the runner take itself for a file of this one.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const words = ["--import", "tsx", "--test", "--test-reporter=tap", "--test-concurrency=2"];
  const child = spawn(process.execPath, [...words, ...FILES], {
    cwd: root,
    env: { ...environment, SMARTER_METERING_TEST_STORE: JSON.stringify(server.superuser) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert(child.stdout !== null);
  const [output] = await Promise.all([text(child.stdout), once(child, "close")]);
  assert.equal(child.exitCode, 0, output);
  const passed = Number(/^# pass (\d+)$/m.exec(output)?.[1]);
  assert(passed >= 35, `${passed} tests ran`);
  const databases = await server.admin("select datname from pg_database where datname ~ '^test_'");
  assert(databases.length >= FILES.length, "they used the server");
});
