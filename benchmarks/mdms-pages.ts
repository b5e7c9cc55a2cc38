// The operators' lists over many statements: p95 of a page, first and deep, rows a second of a walk and of CSV, and what writing costs.
// The database is filled by SQL, without a town's cryptography; its shape is the MDMS's own.
// Run: node --import tsx benchmarks/mdms-pages.ts [--json] [--points 20000] [--windows 15] [--server]
// With --server the database is a PostgreSQL server of its own (Debian's package `postgresql`), else PGlite in memory.
import { parseArgs } from "node:util";
import { openStore, type StorePlace } from "@smarter-metering/runtime";
import { migrations } from "@smarter-metering/mdms";
import { readAudit } from "../services/mdms/src/access/audit.ts";
import { readLoad } from "../services/mdms/src/load-query.ts";
import { readCounts } from "../services/mdms/src/overview-query.ts";
import {
  lastStatements,
  readStatements,
  searchStatements,
  type StatementCursor,
  type StatementQuery,
} from "../services/mdms/src/statement-query.ts";
import {
  fillStatements,
  FIRST_WINDOW,
  nameOfPoint,
  WINDOW_SECONDS,
} from "../services/mdms/test/many-rows.ts";
import { startPostgres } from "../test/services/postgres-server.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    points: { type: "string", default: "20000" },
    windows: { type: "string", default: "15" },
    server: { type: "boolean", default: false },
  },
});
const points = Number(values.points);
const windows = Number(values.windows);
const RUNS = 40;
const PAGE = 100;

/** A quarter of a small server's memory, as PostgreSQL's manual advises (19.4.1). */
const settings = { shared_buffers: "2GB", max_wal_size: "8GB", work_mem: "16MB" };
const server = values.server ? await startPostgres({ settings }) : undefined;
const place: StorePlace =
  server === undefined
    ? { kind: "pglite" }
    : { kind: "postgres", connection: await server.createDatabase("mdms") };
const store = await openStore({ place, schema: "mdms", migrations });
const fillStart = performance.now();
await fillStatements(store, { points, windows });
await store.query("analyze");
const fillSeconds = (performance.now() - fillStart) / 1000;

const last = FIRST_WINDOW + (windows - 1) * WINDOW_SECONDS;
const everything: StatementQuery = {
  servicePoint: undefined,
  fromSeconds: 0,
  toSeconds: Number.MAX_SAFE_INTEGER,
  after: undefined,
  limit: PAGE,
};
const deep: StatementCursor = { fromSeconds: last, servicePoint: nameOfPoint(points >> 1) };
const hundred = Array.from({ length: PAGE }, (_, point) => nameOfPoint(point));

/** By name: one page of each list. */
const lists: Readonly<Record<string, () => Promise<unknown>>> = {
  "statements, first page": () => readStatements(store, everything),
  "statements, newest first": () => readStatements(store, { ...everything, order: "newest" }),
  "statements, deep page": () => readStatements(store, { ...everything, after: deep }),
  "statements, last window": () => readStatements(store, { ...everything, fromSeconds: last + 1 }),
  "statements, one service point": () =>
    readStatements(store, { ...everything, servicePoint: nameOfPoint(7) }),
  "statements, rare tariff": () => readStatements(store, { ...everything, tariff: "rare" }),
  "statements, amount that is rare": () =>
    searchStatements(store, everything, { amountMin: "999.90" }),
  "statements, amount that none has": () =>
    searchStatements(store, everything, { amountMin: "5000" }),
  "last statements of 100": () => lastStatements(store, hundred),
  "overview counts": () => readCounts(store),
  "load, one neighbourhood's month": () =>
    readLoad(store, {
      cohort: "cohort-3",
      stream: "LOAD",
      fromSeconds: last,
      toSeconds: last + WINDOW_SECONDS,
      after: undefined,
      limit: PAGE,
    }),
  "audit, newest": () => readAudit(store, { before: undefined, limit: PAGE }),
  "audit of one operator": () =>
    readAudit(store, { before: undefined, limit: PAGE, login: "login-7" }),
};

const pages = [];
for (const [name, list] of Object.entries(lists)) {
  await list();
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    await list();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * (RUNS - 1))] ?? 0;
  pages.push({ name, medianMs: at(0.5), p95Ms: at(0.95) });
}

const walkStart = performance.now();
let walked = 0;
let after: StatementCursor | undefined;
do {
  const rows = await readStatements(store, { ...everything, after, limit: 1000 });
  walked += rows.length;
  after = rows.length < 1000 ? undefined : rows.at(-1);
} while (after !== undefined && walked < 100_000);
const walkRowsPerSecond = Math.round(walked / ((performance.now() - walkStart) / 1000));
await store.close();
await server?.remove();

const result = { statements: points * windows, fillSeconds, pages, walkRowsPerSecond };
if (values.json) console.log(JSON.stringify(result));
else {
  console.log(
    `${result.statements} statements of ${points} service points, filled in ${fillSeconds.toFixed(1)} s`,
  );
  for (const { name, medianMs, p95Ms } of pages) {
    console.log(`${name.padEnd(36)} median ${medianMs.toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms`);
  }
  console.log(`a walk over all, 1000 a page: ${walkRowsPerSecond} rows/s`);
}
