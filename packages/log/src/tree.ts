/** The Merkle tree of RFC 6962 §2.1 (docs/protocol.md §13.1): hashes of leaves, nodes and ranges. Run by everybody. */
import { primitives } from "@smarter-metering/protocol";

export const HASH_BYTES = 32;

/** MTH({d}) = SHA-256(0x00 ‖ d). */
export const leafHash = (entry: Uint8Array): Promise<Uint8Array> =>
  primitives.sha256(Uint8Array.of(0), entry);

/** SHA-256(0x01 ‖ left ‖ right). */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Promise<Uint8Array> =>
  primitives.sha256(Uint8Array.of(1), left, right);

/** MTH({}) = SHA-256(). */
export const emptyRoot = (): Promise<Uint8Array> => primitives.sha256();

/** The smallest e with 2^e ≥ count. A loop: Math.log2 is wrong by one beside large powers of two. */
export function ceilLog2(count: number): number {
  let level = 0;
  for (let leaves = 1; leaves < count; leaves *= 2) level += 1;
  return level;
}

/** The largest power of two smaller than `count` ≥ 2: where RFC 6962 cuts a tree in two. */
export const splitOf = (count: number): number => 2 ** (ceilLog2(count) - 1);

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
