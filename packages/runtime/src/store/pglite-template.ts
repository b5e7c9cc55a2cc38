/**
 * An empty, initialised database as an archive, so that initdb (seconds) runs once per machine and
 * user and not once per store. Kept in the temporary folder: without it everything works, slower.
 */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileAtomic } from "../atomic-file.ts";
import { RuntimeError } from "../error.ts";
import { startPgliteWorker } from "./pglite-thread.ts";
import type { PgliteReply } from "./pglite-wire.ts";

/** A file is the SHA-256 of the archive followed by the archive (gzip, about 5 MB). */
const hashBytes = 32;
let shared: Promise<Uint8Array> | undefined;

/** The archive for PGlite's `loadDataDir`: from this process, from disk, or made now. */
export function pgliteTemplate(): Promise<Uint8Array> {
  shared ??= loadOrMake().catch((error: unknown) => {
    shared = undefined;
    throw error;
  });
  return shared;
}

async function loadOrMake(): Promise<Uint8Array> {
  // By number: in a container the user may have no name. 0 where the system has no users.
  const folder = join(tmpdir(), `smarter-metering-${process.getuid?.() ?? 0}`);
  const file = join(folder, `pglite-${pgliteVersion()}.template`);
  const cached = readTrusted(folder, file);
  if (cached !== undefined) return cached;
  const archive = await makeTemplate();
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (isOurs(folder)) await writeFileAtomic(file, Buffer.concat([hashOf(archive), archive]));
  } catch {
    // A full or read-only temporary folder only means that the next process makes its own.
  }
  return archive;
}

/** Undefined unless folder and file are ours alone (the name is predictable) and the hash fits. */
function readTrusted(folder: string, file: string): Uint8Array | undefined {
  try {
    if (!isOurs(folder) || !isOurs(file)) return undefined;
    const bytes = readFileSync(file);
    const archive = bytes.subarray(hashBytes);
    return hashOf(archive).equals(bytes.subarray(0, hashBytes)) ? archive : undefined;
  } catch {
    return undefined; // not there yet, or unreadable: make a new one
  }
}

function isOurs(path: string): boolean {
  const { uid, mode } = lstatSync(path);
  const othersMayWrite = (mode & 0o022) !== 0 || (mode & 0o170000) === 0o120000;
  return !othersMayWrite && (process.getuid === undefined || uid === process.getuid());
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function pgliteVersion(): string {
  const manifest = new URL("../package.json", import.meta.resolve("@electric-sql/pglite"));
  const { version } = JSON.parse(readFileSync(fileURLToPath(manifest), "utf8")) as {
    version: string;
  };
  return version;
}

function makeTemplate(): Promise<Uint8Array> {
  const worker = startPgliteWorker({ task: "make-template" });
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(new RuntimeError("STORE_WORKER_DIED", "cannot initialise a database", { cause }));
    worker.once("message", (message: PgliteReply) => {
      if (message.kind === "template") resolve(message.archive);
    });
    worker.once("error", fail);
    worker.once("exit", fail);
  });
}
