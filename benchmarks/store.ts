/**
 * The store over PGlite and over a PostgreSQL server of its own (fsync on): bulk inserts, commits, selects. Rows are as the aggregator's
 * contributions. Times by the wall, and the processor time of this process: `npm run bench:store`.
 */
import { randomBytes } from "node:crypto";
import { insertMany, openStore, type Sql, type StorePlace } from "@smarter-metering/runtime";
import { startPostgres } from "../test/services/postgres-server.ts";

const columns = {
  service_point: "text",
  stream: "text",
  block: "int8",
  cohort: "text",
  frame_hash: "bytea",
  encoded: "bytea",
} as const;
const migrations = [
  {
    name: "0001-contribution",
    statements: [
      `create table contribution (service_point text not null, stream text not null,
        block int8 not null, cohort text, frame_hash bytea not null, encoded bytea not null,
        primary key (service_point, stream, block))`,
      "create index contribution_of_set on contribution (cohort, stream, block)",
    ],
  },
];
const SERVICE_POINTS = 5_000;
const ENCODED_BYTES = 1_100;

let made = 0;
function makeRows(count: number) {
  return Array.from({ length: count }, () => {
    const index = made++;
    const servicePoint = (index % SERVICE_POINTS).toString(16).padStart(64, "0");
    const block = BigInt(Math.floor(index / SERVICE_POINTS) * 3_600);
    const cohort = `cohort-${index % 50}`;
    return [servicePoint, "LOAD", block, cohort, randomBytes(32), randomBytes(ENCODED_BYTES)];
  });
}

/** Runs `once` in as many rounds, after one that does not count. */
async function measure(what: string, unit: string, units: number, once: () => Promise<unknown>) {
  await once();
  const rounds = Math.max(2, Math.round(20_000 / Math.max(units, 100)));
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
  for (let round = 0; round < rounds; round++) await once();
  const microseconds = (1_000 * (performance.now() - startMs)) / (rounds * units);
  const { user, system } = process.cpuUsage(startCpu);
  const cpu = (user + system) / (rounds * units);
  const perSecond = Math.round(1_000_000 / microseconds);
  console.log(`  ${what}: ${perSecond} ${unit}/s, ${cpu.toFixed(1)} µs of processor time each`);
}

async function run(name: string, place: StorePlace): Promise<void> {
  console.log(name);
  const store = await openStore({ place, schema: "bench", migrations });
  const insert = (sql: Sql, count: number) =>
    insertMany(sql, "contribution", columns, makeRows(count));
  await measure("transactions of one row", "commits", 1, () =>
    store.transaction((sql) => insert(sql, 1)),
  );
  for (const count of [100, 1_000, 10_000]) {
    await measure(`transactions of ${count} rows`, "rows", count, () =>
      store.transaction((sql) => insert(sql, count)),
    );
  }
  const select =
    "select service_point, encoded, block from contribution where cohort = $1 limit 20";
  await measure("selects of 20 rows, one after the other", "selects", 1, () =>
    store.query(select, ["cohort-7"]),
  );
  await measure("selects of 20 rows, 16 at once", "selects", 16, () =>
    Promise.all(Array.from({ length: 16 }, (_, n) => store.query(select, [`cohort-${n}`]))),
  );
  await store.close();
}

await run("PGlite, in memory", { kind: "pglite" });
const server = await startPostgres({ durable: true, settings: { max_wal_size: "4GB" } });
try {
  const connection = await server.createDatabase("bench");
  await run("PostgreSQL server", { kind: "postgres", connection });
} finally {
  await server.remove();
}
