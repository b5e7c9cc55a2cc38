// The thread in which PGlite runs, because a query blocks the event loop of the thread it runs in.
// Started by pglite-driver.ts and pglite-template.ts only. It carries PostgreSQL's wire protocol and
// reads none of it. Plain JavaScript because a worker of Node 20 does not inherit the TypeScript
// loader of its parent, and one of its own would translate PGlite at every start of a store.
import assert from "node:assert/strict";
import { existsSync, renameSync, rmSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { unpackArchive } from "./unpack-archive.js";

/** One connection, no replica, no fsync: what a server would need for those is left out. */
const settings = {
  // Without a limit a store that only grows keeps 1 GB of write-ahead log.
  max_wal_size: "64MB",
  // The default, 128 MB, is memory of this process; the system's cache holds the folder anyway.
  shared_buffers: "16MB",
  // Nobody gathers statistics, and a guess must not read a whole backlog to sort it for a LIMIT. A
  // plan is kept, too: the one made while a table is empty has to suit the table when it is full.
  enable_bitmapscan: "off",
  enable_seqscan: "off",
  random_page_cost: "1.1",
  wal_level: "minimal",
  max_wal_senders: "0",
  jit: "off",
};

const serveOptions = {
  startParams: [
    ...PGlite.defaultStartParams,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ],
};

assert(parentPort !== null, "this file runs in a worker thread");
const port = parentPort;

/**
 * @param {import("./pglite-wire.ts").PgliteReply} message
 * @param {ArrayBuffer[]} transfer
 */
const reply = (message, transfer = []) => port.postMessage(message, transfer);

/**
 * A new folder is filled beside its final place and then renamed: a database that exists is whole,
 * also when the process was killed while it made it.
 * @param {string | undefined} database
 * @param {Uint8Array | undefined} template
 */
async function open(database, template) {
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

/**
 * @param {PGlite} db
 * @param {import("./pglite-wire.ts").PgliteRequest} request
 */
async function answer(db, request) {
  if (request === null) {
    await db.close();
    reply({ kind: "answer", bytes: new Uint8Array(0) });
    port.close();
    return;
  }
  const bytes = await exchange(db, request);
  // The answer ends with a "Z" of six bytes, "ready", unless something broke inside WebAssembly.
  // That leaves the database in no state to go on from: this thread ends.
  assert(bytes.at(-6) === 0x5a, "the database did not finish its answer");
  reply({ kind: "answer", bytes }, [bytes.buffer]);
}

/**
 * @param {PGlite} db
 * @param {Uint8Array} request
 */
async function exchange(db, request) {
  /** @type {Uint8Array[]} */
  const chunks = [];
  // They lie in the database's own memory, which it uses again.
  await db.execProtocolRawStream(request, { onRawData: (chunk) => chunks.push(chunk.slice()) });
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.length;
  }
  return bytes;
}

/** @param {import("./pglite-wire.ts").PgliteInput} input */
async function main(input) {
  if (input.task === "make-template") {
    const db = await PGlite.create();
    const archive = await db.dumpDataDir("gzip");
    await db.close();
    reply({ kind: "template", archive: new Uint8Array(await archive.arrayBuffer()) });
    return;
  }
  let db;
  try {
    db = await open(input.database, input.template);
  } catch (error) {
    reply({ kind: "unusable", message: error instanceof Error ? error.message : "unknown" });
    return;
  }
  reply({ kind: "ready" });
  let last = Promise.resolve();
  port.on("message", (request) => {
    last = last.then(() => answer(db, request));
  });
}

void main(workerData);
