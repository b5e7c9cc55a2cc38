/** What the trustees answered to a request, still sealed: for whoever checks signatures and digests (docs/protocol.md §8.5, §8.6). */
import type { Sql } from "@smarter-metering/runtime";
import { sharesOf } from "./share-store.ts";

export interface SealedRelease {
  /** As received; null for one that was combined here. */
  readonly release: Uint8Array | null;
  /** The partial releases whose proofs hold, in the order of the trustees' keys. */
  readonly partials: readonly Uint8Array[];
}

/** Undefined when nothing was released for this request. */
export async function sealedRelease(
  sql: Sql,
  requestDigest: Uint8Array,
): Promise<SealedRelease | undefined> {
  const [row] = await sql.query<{ sealed: Uint8Array | null }>(
    "select sealed from release where digest = $1",
    [requestDigest],
  );
  if (row === undefined) return undefined;
  const shares = row.sealed === null ? await sharesOf(sql, [requestDigest]) : [];
  const good = shares.filter(({ verdict }) => verdict === "GOOD");
  return { release: row.sealed, partials: good.map(({ sealed }) => sealed) };
}
