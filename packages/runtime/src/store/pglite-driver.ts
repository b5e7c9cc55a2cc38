/**
 * PGlite behind the driver interface: folder checks, folder lock, the thread, and errors. Everything
 * that is particular to PGlite is in the four files pglite-*.ts.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Worker } from "node:worker_threads";
import { RuntimeError } from "../error.ts";
import type { Driver, Session } from "./driver.ts";
import { lockFolder } from "./folder-lock.ts";
import type { FolderLock } from "./folder-lock.ts";
import { pgliteTemplate } from "./pglite-template.ts";
import { startPgliteWorker } from "./pglite-thread.ts";
import type { PgliteInput, PgliteReply, PgliteRequest } from "./pglite-wire.ts";
import { PostgresStatements } from "./postgres-statements.ts";
import type { SqlValue } from "./store.ts";

/** PostgreSQL's major version inside PGlite 0.5; a folder of another one needs dump and restore. */
const postgresMajor = "18";
const controlFileBytes = 8192;

/**
 * Opens `folder` (or a database in memory) in a thread of its own. Throws STORE_LOCKED,
 * STORE_DAMAGED, STORE_VERSION.
 */
export async function openPglite(folder?: string): Promise<Driver> {
  if (folder === undefined) {
    return connect({ task: "serve", template: await pgliteTemplate() });
  }
  const lock = lockFolder(resolve(folder));
  try {
    const database = join(resolve(folder), "database");
    if (existsSync(database)) {
      checkFolder(database);
      return await connect({ task: "serve", database }, lock);
    }
    return await connect({ task: "serve", database, template: await pgliteTemplate() }, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** PGlite would take a folder without these files for a new one and write over it. */
function checkFolder(database: string): void {
  let version: string;
  let controlBytes: number;
  try {
    version = readFileSync(join(database, "PG_VERSION"), "utf8").trim();
    controlBytes = statSync(join(database, "global", "pg_control")).size;
  } catch (error) {
    throw damaged(database, "a file is missing", error);
  }
  if (version !== postgresMajor) {
    throw new RuntimeError(
      "STORE_VERSION",
      `${database} is of PostgreSQL ${version}, this program brings ${postgresMajor}: ` +
        "use the program that wrote it to export the data",
    );
  }
  if (controlBytes !== controlFileBytes) throw damaged(database, "pg_control is cut short");
}

function damaged(database: string, what: string, cause?: unknown): RuntimeError {
  return new RuntimeError(
    "STORE_DAMAGED",
    `the database in ${database} cannot be opened (${what}); nothing was deleted: ` +
      "keep a copy of the folder, then restore a backup in its place",
    { cause },
  );
}

async function connect(input: PgliteInput, lock?: FolderLock): Promise<Driver> {
  const worker = startPgliteWorker(input);
  const opened = await firstReply(worker);
  if (opened.kind === "ready") return new PgliteDriver(worker, lock);
  await worker.terminate();
  const what = opened.kind === "unusable" ? opened.message : "unexpected answer";
  if (input.task === "serve" && input.database !== undefined && existsSync(input.database)) {
    throw damaged(input.database, what);
  }
  throw new RuntimeError("STORE_WORKER_DIED", `cannot start a new database: ${what}`);
}

function firstReply(worker: Worker): Promise<PgliteReply> {
  return new Promise((settle) => {
    const unusable = (message: string): void => settle({ kind: "unusable", message });
    worker.once("message", settle);
    worker.once("error", (error: Error) => unusable(error.message));
    worker.once("exit", () => unusable("its thread ended"));
  });
}

interface Waiting {
  resolve(reply: Buffer): void;
  reject(error: RuntimeError): void;
}

class PgliteDriver implements Driver, Session {
  readonly #worker: Worker;
  readonly #lock: FolderLock | undefined;
  readonly #statements = new PostgresStatements((request) => this.#send(request, [request.buffer]));
  /** The thread answers in the order of the requests. */
  readonly #waiting: Waiting[] = [];
  #ended: RuntimeError | undefined;

  constructor(worker: Worker, lock: FolderLock | undefined) {
    this.#worker = worker;
    this.#lock = lock;
    worker.on("message", (message: PgliteReply) => {
      if (message.kind !== "answer") return;
      const { buffer, byteOffset, byteLength } = message.bytes;
      this.#waiting.shift()?.resolve(Buffer.from(buffer, byteOffset, byteLength));
    });
    worker.on("error", (cause: Error) => this.#end(cause));
    worker.on("exit", () => this.#end());
  }

  /** There is but one, for ever. */
  async session(): Promise<Session> {
    return this;
  }

  query(sql: string, params: readonly SqlValue[]): Promise<Record<string, unknown>[]> {
    return this.#statements.query(sql, params);
  }

  async close(): Promise<void> {
    try {
      if (this.#ended === undefined) await this.#send(null, []);
    } finally {
      this.#ended ??= new RuntimeError("STORE_CLOSED", "the store is closed");
      await this.#worker.terminate();
      this.#lock?.release();
    }
  }

  #send(request: PgliteRequest, transfer: readonly ArrayBuffer[]): Promise<Buffer> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(request, transfer);
    });
  }

  /** The thread is gone: every call in flight may or may not have been committed. */
  #end(cause?: Error): void {
    this.#ended ??= new RuntimeError(
      "STORE_WORKER_DIED",
      "the database's thread ended: close the store and open it again",
      { cause },
    );
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended);
  }
}
