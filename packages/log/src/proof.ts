/**
 * Inclusion and consistency proofs (RFC 6962 §2.1.1, §2.1.2; RFC 9162 §2.1.3, §2.1.4), made by the log's operator and
 * verified by anybody. Maker and verifier walk the same way down the tree, so the shape of a proof follows from sizes
 * and index alone, and a proof of another shape is refused before anything is hashed.
 */
import { equalBytes, HASH_BYTES, emptyRoot, nodeHash, splitOf } from "@smarter-metering/protocol";
import { assert } from "./error.ts";
import { rangeHash, type SubtreeReader } from "./tree.ts";

/** A subtree beside the way, over the leaves [start, end). */
interface Sibling {
  readonly start: number;
  readonly end: number;
  readonly side: "left" | "right";
}

interface Way {
  /** From the bottom up, as in a proof. */
  readonly siblings: readonly Sibling[];
  /** Where the way ends. */
  readonly start: number;
  readonly end: number;
}

/** From the root of `size` leaves down to the first range that `isTarget`, to the left where `isLeft` of the middle. */
function descend(
  size: number,
  isTarget: (start: number, end: number) => boolean,
  isLeft: (middle: number) => boolean,
): Way {
  const siblings: Sibling[] = [];
  let start = 0;
  let end = size;
  while (!isTarget(start, end)) {
    const middle = start + splitOf(end - start);
    if (isLeft(middle)) {
      siblings.push({ start: middle, end, side: "right" });
      end = middle;
    } else {
      siblings.push({ start, end: middle, side: "left" });
      start = middle;
    }
  }
  return { siblings: siblings.reverse(), start, end };
}

/** PATH(index, D[size]). */
const inclusionWay = (index: number, size: number): Way =>
  descend(
    size,
    (start, end) => end - start === 1,
    (middle) => index < middle,
  );

/** PROOF(oldSize, D[size]), 0 < oldSize ≤ size: down to the last subtree whose right border is the old tree's. */
const consistencyWay = (oldSize: number, size: number): Way =>
  descend(
    size,
    (_start, end) => end === oldSize,
    (middle) => oldSize <= middle,
  );

const isSize = (size: number): boolean => Number.isSafeInteger(size) && size >= 0;

const areHashes = (hashes: readonly Uint8Array[], count: number): boolean =>
  hashes.length === count && hashes.every((hash) => hash.length === HASH_BYTES);

/** The audit path of leaf `index` in the tree over the first `size` leaves, 0 ≤ index < size. */
export function proveInclusion(
  index: number,
  size: number,
  subtree: SubtreeReader,
): Promise<Uint8Array[]> {
  assert(isSize(size) && isSize(index) && index < size, "an index within the tree");
  return hashesOf(inclusionWay(index, size).siblings, subtree);
}

/**
 * That the tree over `oldSize` leaves is a prefix of the one over `size`, oldSize ≤ size. Empty when either is the
 * empty tree or both are the same.
 */
export function proveConsistency(
  oldSize: number,
  size: number,
  subtree: SubtreeReader,
): Promise<Uint8Array[]> {
  assert(isSize(size) && isSize(oldSize) && oldSize <= size, "an older tree");
  if (oldSize === 0) return Promise.resolve([]);
  const { siblings, start, end } = consistencyWay(oldSize, size);
  // The verifier knows the old root; another start of the way he must be told.
  const first = start === 0 ? [] : [{ start, end }];
  return hashesOf([...first, ...siblings], subtree);
}

function hashesOf(
  ranges: readonly Pick<Sibling, "start" | "end">[],
  subtree: SubtreeReader,
): Promise<Uint8Array[]> {
  return Promise.all(ranges.map(({ start, end }) => rangeHash(start, end, subtree)));
}

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
}

export async function verifyInclusion(
  { index, size, leaf, root }: InclusionClaim,
  proof: readonly Uint8Array[],
): Promise<boolean> {
  if (!isSize(size) || !isSize(index) || index >= size) return false;
  const { siblings } = inclusionWay(index, size);
  if (!areHashes(proof, siblings.length)) return false;
  let hash = leaf;
  for (const [at, sibling] of proof.entries()) {
    const isLeft = siblings[at]?.side === "left";
    hash = await (isLeft ? nodeHash(sibling, hash) : nodeHash(hash, sibling));
  }
  return equalBytes(hash, root);
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
}

export async function verifyConsistency(
  { oldSize, oldRoot, size, root }: ConsistencyClaim,
  proof: readonly Uint8Array[],
): Promise<boolean> {
  if (!isSize(size) || !isSize(oldSize) || oldSize > size) return false;
  if (oldSize === 0) return proof.length === 0 && equalBytes(oldRoot, await emptyRoot());
  const { siblings, start } = consistencyWay(oldSize, size);
  const told = start === 0 ? 0 : 1;
  if (!areHashes(proof, told + siblings.length)) return false;
  const first = told === 0 ? oldRoot : (proof[0] ?? oldRoot);
  let [older, newer] = [first, first];
  for (const [at, sibling] of proof.slice(told).entries()) {
    if (siblings[at]?.side === "left") {
      older = await nodeHash(sibling, older);
      newer = await nodeHash(sibling, newer);
    } else {
      newer = await nodeHash(newer, sibling);
    }
  }
  return equalBytes(older, oldRoot) && equalBytes(newer, root);
}
