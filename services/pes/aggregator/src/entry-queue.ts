/**
 * What is to stand in the log (docs/protocol.md §13.2), in the order in which it happened: written in the transaction
 * of what happened, appended to the log later, many at once, by the aggregator that leads. Hashes, and the signed terms
 * of requests.
 *
 * Of several transactions at a time a later position may be seen first, so no position says that all below it were
 * taken: a row leaves the queue when it stands in the log. What follows from something else is queued by a transaction
 * that began when that had been committed, and has a higher position.
 */
import { MESSAGE_BYTES_MAX, type EntryKind, type NewEntry } from "@smarter-metering/log";
import { decodeSignedTerms, termsDigest } from "@smarter-metering/protocol";
import { insertMany, type Sql } from "@smarter-metering/runtime";

/** Of one append. With `BYTES_MAX` its message to the trustees stays below the bus's 1 MiB. */
const ENTRIES_MAX = 1000;
const REQUESTS_MAX = 256;
const BYTES_MAX = 512 * 1024;
/** Longer terms are never asked for. */
export const TERMS_BYTES_MAX = MESSAGE_BYTES_MAX;

/** A row of the queue. */
export interface QueuedEntry extends NewEntry {
  readonly position: bigint;
}

export async function queueEntries(sql: Sql, entries: readonly NewEntry[]): Promise<void> {
  const rows = entries.map(({ kind, body }) => [kind, body]);
  await insertMany(sql, "entry", { kind: "text", body: "bytea" }, rows);
}

/** The first entries that are not known to be in the log, as many as go into one append. */
export async function nextEntries(sql: Sql): Promise<QueuedEntry[]> {
  const rows = await sql.query<{ position: bigint; kind: EntryKind; body: Uint8Array }>(
    `select position, kind, body from entry order by position limit ${ENTRIES_MAX}`,
  );
  let [bytes, requests] = [0, 0];
  const beyond = rows.findIndex(({ kind, body }) => {
    bytes += body.length;
    requests += kind === "release-request" ? 1 : 0;
    return bytes > BYTES_MAX || requests > REQUESTS_MAX;
  });
  return beyond < 0 ? rows : rows.slice(0, beyond);
}

/**
 * Takes these entries off the queue, and tells requests where they stand in the log. What crashes before it appends
 * the same entries again, which changes nothing there.
 */
export async function markAppended(
  sql: Sql,
  entries: readonly QueuedEntry[],
  indexes: readonly number[],
): Promise<void> {
  const requests = entries.flatMap(({ kind, body }, at) =>
    kind === "release-request" ? [{ body, index: indexes[at] ?? -1 }] : [],
  );
  const digests = requests.map(({ body }) => termsDigest(decodeSignedTerms(body)));
  const places = [await Promise.all(digests), requests.map(({ index }) => index)];
  for (const table of requests.length === 0 ? [] : ["load_set", "bill_window"]) {
    await sql.query(
      `update ${table} t set entry = r.entry
        from unnest($1::bytea[], $2::int8[]) as r(digest, entry) where t.digest = r.digest`,
      places,
    );
  }
  await sql.query("delete from entry where position = any($1::int8[])", [
    entries.map(({ position }) => position),
  ]);
}
