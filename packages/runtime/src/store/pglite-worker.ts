/**
 * The thread in which PGlite runs, because a query blocks the event loop of the thread it runs in.
 * Started by pglite-driver.ts and pglite-template.ts only.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import assert from "node:assert/strict";
import { PGlite, types } from "@electric-sql/pglite";
import type { PGliteOptions } from "@electric-sql/pglite";
import { workerInput } from "../worker/spawn-worker.ts";
import { unpackArchive } from "./unpack-archive.ts";
import type { PgliteInput, PgliteReply, PgliteRequest, SqlFailure } from "./pglite-wire.ts";

const parseInt8 = (text: string): bigint => BigInt(text);

/** PostgreSQL's hex format, `\\x` and two digits a byte. PGlite's own code for it is 20 times slower. */
const writeBytea = (value: unknown): string => {
  assert(value instanceof Uint8Array, "bytea takes a Uint8Array");
  const { buffer, byteOffset, byteLength } = value;
  return `\\x${Buffer.from(buffer, byteOffset, byteLength).toString("hex")}`;
};

/** In memory of its own: a slice of a shared pool would be posted with the whole pool. */
function parseBytea(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length - 2) / 2);
  Buffer.from(bytes.buffer).write(text.slice(2), "hex");
  return bytes;
}

/** The types of result columns that both PGlite and a PostgreSQL driver return alike. */
const returnedTypes = new Set([
  types.BOOL,
  types.BYTEA,
  types.INT2,
  types.INT4,
  types.INT8,
  types.FLOAT4,
  types.FLOAT8,
  types.TEXT,
  types.VARCHAR,
  types.BPCHAR,
  types.JSON,
  types.JSONB,
  2278, // void, what a function without a result gives
]);

/** One connection, no replica, no fsync: what a server would need for those is left out. */
const settings = {
  // Without a limit a store that only grows keeps 1 GB of write-ahead log.
  max_wal_size: "64MB",
  // The default, 128 MB, is memory of this process; the system's cache holds the folder anyway.
  shared_buffers: "16MB",
  // Nobody gathers statistics, and a guess must not read a whole backlog to sort it for a LIMIT.
  enable_bitmapscan: "off",
  random_page_cost: "1.1",
  wal_level: "minimal",
  max_wal_senders: "0",
  jit: "off",
};

const serveOptions: PGliteOptions = {
  parsers: { [types.INT8]: parseInt8, [types.BYTEA]: parseBytea },
  serializers: { [types.BYTEA]: writeBytea },
  startParams: [
    ...PGlite.defaultStartParams,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ],
};

assert(parentPort !== null, "this file runs in a worker thread");
const port = parentPort;
const reply = (message: PgliteReply): void => port.postMessage(message);

/**
 * A new folder is filled beside its final place and then renamed: a database that exists is whole,
 * also when the process was killed while it made it.
 */
async function open(database?: string, template?: Uint8Array): Promise<PGlite> {
  if (database === undefined) {
    const archive = template === undefined ? {} : { loadDataDir: new Blob([template.slice()]) };
    return PGlite.create({ ...serveOptions, ...archive });
  }
  if (!existsSync(database)) {
    assert(template !== undefined, "a new database is made from the template");
    const partial = `${database}.partial`;
    rmSync(partial, { recursive: true, force: true });
    unpackArchive(template, partial);
    renameSync(partial, database);
  }
  return PGlite.create({ ...serveOptions, dataDir: database });
}

async function answer(db: PGlite, { id, statement }: PgliteRequest): Promise<void> {
  if (statement === null) {
    await db.close();
    reply({ kind: "rows", id, rows: [] });
    port.close();
    return;
  }
  try {
    const result = await db.query<Record<string, unknown>>(statement.sql, [...statement.params]);
    const refused = result.fields.find(({ dataTypeID }) => !returnedTypes.has(dataTypeID));
    if (refused !== undefined) {
      const message = `column ${refused.name} has type ${refused.dataTypeID}: cast it in the query`;
      return reply({ kind: "failure", id, failure: { message, refusedType: true } });
    }
    reply({ kind: "rows", id, rows: result.rows });
  } catch (error) {
    reply({ kind: "failure", id, failure: failureOf(error) });
    // A trap inside WebAssembly leaves the database in no state to go on from.
    if (error instanceof WebAssembly.RuntimeError) throw error;
  }
}

function failureOf(error: unknown): SqlFailure {
  if (!(error instanceof Error)) return { message: "unknown failure" };
  const text = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === "string" ? value : undefined;
  };
  const sqlState = text("code");
  const table = text("table");
  const constraint = text("constraint");
  return {
    message: error.message,
    ...(sqlState === undefined ? {} : { sqlState }),
    ...(table === undefined ? {} : { table }),
    ...(constraint === undefined ? {} : { constraint }),
  };
}

async function main(): Promise<void> {
  const input = workerInput() as PgliteInput;
  if (input.task === "make-template") {
    const db = await PGlite.create();
    const archive = await db.dumpDataDir("gzip");
    await db.close();
    reply({ kind: "template", archive: new Uint8Array(await archive.arrayBuffer()) });
    return;
  }
  let db: PGlite;
  try {
    db = await open(input.database, input.template);
  } catch (error) {
    return reply({ kind: "unusable", message: error instanceof Error ? error.message : "unknown" });
  }
  reply({ kind: "ready" });
  let last: Promise<void> = Promise.resolve();
  port.on("message", (request: PgliteRequest) => {
    last = last.then(() => answer(db, request));
  });
}

void main();
