/** The Merkle tree of RFC 6962 §2.1: over a request's contributions, a frame's slots, and the entries of the log. Run by everybody. */
import { primitives } from "#primitives";
import { concatBytes } from "./bytes.ts";

export const HASH_BYTES = 32;

/** MTH({d}) = SHA-256(0x00 ‖ d), of a `d` in parts. */
export const leafHash = (...entry: Uint8Array[]): Promise<Uint8Array> =>
  primitives.sha256(Uint8Array.of(0), ...entry);

/** SHA-256(0x01 ‖ left ‖ right). */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Promise<Uint8Array> =>
  primitives.sha256(Uint8Array.of(1), left, right);

/** MTH({}) = SHA-256(). */
export const emptyRoot = (): Promise<Uint8Array> => primitives.sha256();

/** The largest power of two smaller than `count` ≥ 2: where the tree is cut. A loop: Math.log2 is wrong by one beside large powers of two. */
export function splitOf(count: number): number {
  let split = 1;
  while (2 * split < count) split *= 2;
  return split;
}

/** MTH over leaf hashes. */
export const merkleRoot = (leaves: readonly Uint8Array[]): Promise<Uint8Array> =>
  merkleRootOf(concatBytes(...leaves));

/** MTH over leaf hashes one after the other, level by level: a node without a neighbour goes up as it is, which cuts where `splitOf` cuts. */
export async function merkleRootOf(leaves: Uint8Array): Promise<Uint8Array> {
  let level = leaves;
  while (level.length > HASH_BYTES) {
    const paired = level.length - (level.length % PAIR_BYTES);
    const nodes = await primitives.sha256Each(nodeMessages(level.subarray(0, paired)), NODE_BYTES);
    level = concatBytes(nodes, level.subarray(paired));
  }
  return level.length === 0 ? emptyRoot() : level.slice();
}

const PAIR_BYTES = 2 * HASH_BYTES;
const NODE_BYTES = 1 + PAIR_BYTES;

/** 0x01 ‖ left ‖ right of each two. */
function nodeMessages(pairs: Uint8Array): Uint8Array {
  const count = pairs.length / PAIR_BYTES;
  const messages = new Uint8Array(NODE_BYTES * count);
  for (let index = 0; index < count; index++) {
    messages[NODE_BYTES * index] = 1;
    const pair = pairs.subarray(PAIR_BYTES * index, PAIR_BYTES * (index + 1));
    messages.set(pair, NODE_BYTES * index + 1);
  }
  return messages;
}

/** The root over one leaf hash or more, and the audit path of each leaf, from the bottom up (RFC 6962 §2.1.1). */
export async function merkleTree(
  leaves: readonly Uint8Array[],
): Promise<{ readonly root: Uint8Array; readonly paths: readonly (readonly Uint8Array[])[] }> {
  const [first] = leaves;
  if (first === undefined) throw new RangeError("a tree has a leaf");
  if (leaves.length === 1) return { root: first, paths: [[]] };
  const split = splitOf(leaves.length);
  const left = await merkleTree(leaves.slice(0, split));
  const right = await merkleTree(leaves.slice(split));
  return {
    root: await nodeHash(left.root, right.root),
    paths: [
      ...left.paths.map((path) => [...path, right.root]),
      ...right.paths.map((path) => [...path, left.root]),
    ],
  };
}

/** The root that a path leads to from leaf `index` < `size`; undefined for a path of another length. */
export async function rootOfPath(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  const sibling = path.at(-1);
  if (size === 1) return sibling === undefined ? leaf : undefined;
  if (sibling === undefined) return undefined;
  const split = splitOf(size);
  const isLeft = index < split;
  const below = isLeft ? ([index, split] as const) : ([index - split, size - split] as const);
  const hash = await rootOfPath(leaf, ...below, path.slice(0, -1));
  if (hash === undefined) return undefined;
  return isLeft ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
}
