/** Merkle tree hash of RFC 6962 §2.1 over leaf hashes. */
import { primitives } from "#primitives";

export async function merkleRoot(leaves: readonly Uint8Array[]): Promise<Uint8Array> {
  const [first] = leaves;
  if (first === undefined) return primitives.sha256();
  if (leaves.length === 1) return first;
  // The largest power of two smaller than the number of leaves.
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  const left = await merkleRoot(leaves.slice(0, split));
  const right = await merkleRoot(leaves.slice(split));
  return primitives.sha256(Uint8Array.of(1), left, right);
}
