/** Ranges of the log's Merkle tree (RFC 6962 §2.1; docs/protocol.md §13.1), from perfect subtrees. Run by everybody. */
import { emptyRoot, nodeHash, splitOf } from "@smarter-metering/protocol";

/** The smallest e with 2^e ≥ count. A loop, as in `splitOf`. */
export function ceilLog2(count: number): number {
  let level = 0;
  for (let leaves = 1; leaves < count; leaves *= 2) level += 1;
  return level;
}

/** The hash of the perfect subtree over the leaves [index·2^level, (index+1)·2^level). */
export type SubtreeReader = (level: number, index: number) => Promise<Uint8Array>;

/**
 * MTH(D[start:end]) for a range that RFC 6962 cuts out of a tree, put together from perfect subtrees: at most 53 of
 * them.
 */
export async function rangeHash(
  start: number,
  end: number,
  subtree: SubtreeReader,
): Promise<Uint8Array> {
  if (start === end) return emptyRoot();
  const level = ceilLog2(end - start);
  if (2 ** level === end - start) return subtree(level, start / 2 ** level);
  const middle = start + splitOf(end - start);
  const left = await rangeHash(start, middle, subtree);
  return nodeHash(left, await rangeHash(middle, end, subtree));
}
