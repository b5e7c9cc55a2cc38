/**
 * Folding the log into a ledger (docs/protocol.md §13.5): at the start of a trustee, whose ledger is what the log says
 * and never a backup, and in an audit, which replays what a trustee must have known. The fold is the caller's.
 */
import { equalBytes, leafHash } from "@smarter-metering/protocol";
import { LogError, wellFormed } from "./error.ts";
import { BATCH_ENTRIES_MAX, decodeEntry, type IndexedEntry } from "./entry.ts";
import { EMPTY_FRONTIER, extendFrontier, frontierRoot } from "./frontier.ts";
import type { Head } from "./head.ts";

/** At most `limit` encoded entries from `from` on, from whoever has them; it is not believed. */
export type ReadEntries = (from: number, limit: number) => Promise<readonly Uint8Array[]>;

/**
 * Calls `step` for each of the first `upTo.size` entries in order, and `pause` with the tree after each batch that was read. `upTo` is the follower's own head, or one of the
 * quorum. What `step` made counts only when this resolves: the root is known at the end. Throws LOG_TRUNCATED when the
 * reader ends early, LOG_FORKED when the entries are not those of the head, LOG_MALFORMED.
 */
export async function rebuild(
  read: ReadEntries,
  upTo: Pick<Head, "size" | "root">,
  step: (entry: IndexedEntry) => void,
  pause: (tree: Pick<Head, "size" | "root">) => void = () => undefined,
): Promise<void> {
  let frontier = EMPTY_FRONTIER;
  while (frontier.size < upTo.size) {
    const limit = Math.min(BATCH_ENTRIES_MAX, upTo.size - frontier.size);
    const batch = await read(frontier.size, limit);
    wellFormed(batch.length <= limit, "more entries than were asked for");
    if (batch.length === 0) {
      const message = `the log ends at ${frontier.size}, ${upTo.size} entries were seen before`;
      throw new LogError("LOG_TRUNCATED", message);
    }
    for (const [at, bytes] of batch.entries()) {
      step({ ...decodeEntry(bytes), index: frontier.size + at });
    }
    frontier = await extendFrontier(
      frontier,
      await Promise.all(batch.map((entry) => leafHash(entry))),
    );
    pause({ size: frontier.size, root: await frontierRoot(frontier) });
  }
  if (!equalBytes(await frontierRoot(frontier), upTo.root)) {
    const message = `the first ${upTo.size} entries are not those that were seen before`;
    throw new LogError("LOG_FORKED", message);
  }
}
