/**
 * The newest head that has left the operator, in a file beside the database and never restored with it
 * (docs/protocol.md §13.5). A database may lose its end, by a power loss or an old backup; going on from there would
 * sign a second root for a size. Whoever works with the log's database keeps such a file and works with none that lost
 * what the file knows.
 */
import { equalBytes, fromUtf8, utf8 } from "@smarter-metering/protocol";
import type { DurableFile, Sql } from "@smarter-metering/runtime";
import { LogError } from "./error.ts";
import { parseHead, type HeadKey, type SignedHead } from "./head.ts";
import { headAt, newestPublished } from "./log-reader.ts";

export interface PublishedPorts {
  /** With the tables of `logMigrations`. */
  readonly store: Sql;
  readonly published: DurableFile;
  readonly key: HeadKey;
}

/**
 * Holds the database against the file and against `witness`, a head that others were given (the newest on the bus), and
 * brings the file up to the newest published head. Where a machine keeps the log for the first time (`isNew`), the
 * witness may stand in for the file. Throws LOG_TRUNCATED when the database has lost entries under a head that left,
 * LOG_FORKED when it has others, LOG_HEAD_ORIGIN for the head of another log, LOG_STATE_MISSING when the file is gone
 * though heads have left.
 */
export async function keepPublished(
  { store, published, key }: PublishedPorts,
  witness?: string,
  isNew = false,
): Promise<void> {
  const file = await published.load();
  const newest = await newestPublished(store);
  const isVouched = file !== undefined || (isNew && witness !== undefined);
  if (newest !== undefined && !isVouched) {
    const message = "the file of the newest published head is gone: restore it from any follower";
    throw new LogError("LOG_STATE_MISSING", message);
  }
  const kept = file === undefined || file.length === 0 ? undefined : parseHead(fromUtf8(file));
  if (kept !== undefined) await checkPublished(store, kept, key);
  if (witness !== undefined) await checkPublished(store, parseHead(witness), key);
  if (newest !== undefined && newest.size > (kept?.size ?? 0)) {
    await published.save(utf8(newest.note));
  } else if (file === undefined) await published.save(new Uint8Array(0));
}

async function checkPublished(sql: Sql, published: SignedHead, key: HeadKey): Promise<void> {
  if (published.origin !== key.name) {
    throw new LogError("LOG_HEAD_ORIGIN", `the published head is of ${published.origin}`);
  }
  const row = await headAt(sql, published.size);
  if (row === undefined) {
    const message =
      `the database lost entries below ${published.size}, which a published head covers: it is an old copy. ` +
      "Restore the newest: going on would fork the log";
    throw new LogError("LOG_TRUNCATED", message);
  }
  if (!equalBytes(parseHead(row.note).root, published.root)) {
    const message = `the database has other entries below ${published.size} than were published`;
    throw new LogError("LOG_FORKED", message);
  }
}
