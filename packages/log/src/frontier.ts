/**
 * The compact range of an append-only tree: what is needed to append and to know the root, one hash for each set bit
 * of the size (RFC 9162 §2.1.2 computes the same with its stack). Values, never changed in place.
 */
import { HASH_BYTES, emptyRoot, nodeHash } from "@smarter-metering/protocol";

export interface Frontier {
  /** Number of leaves. */
  readonly size: number;
  /** Roots of the perfect subtrees that make up the tree, the largest, which is leftmost, first. */
  readonly hashes: readonly Uint8Array[];
}

export const EMPTY_FRONTIER: Frontier = { size: 0, hashes: [] };

export async function extendFrontier(
  frontier: Frontier,
  leaves: readonly Uint8Array[],
): Promise<Frontier> {
  const hashes = [...frontier.hashes];
  let { size } = frontier;
  for (const leaf of leaves) {
    let hash = leaf;
    // Each trailing one of the size is a perfect subtree that the new one completes.
    for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = hashes.pop();
      if (left !== undefined) hash = await nodeHash(left, hash);
    }
    hashes.push(hash);
    size += 1;
  }
  return { size, hashes };
}

export async function frontierRoot({ hashes }: Frontier): Promise<Uint8Array> {
  let root = hashes.at(-1);
  if (root === undefined) return emptyRoot();
  for (const left of hashes.slice(0, -1).reverse()) root = await nodeHash(left, root);
  return root;
}

/** Whether it could be the frontier of some tree; for one that was read from a disk. */
export function isFrontier({ size, hashes }: Frontier): boolean {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return hashes.length === ones && hashes.every((hash) => hash.length === HASH_BYTES);
}
