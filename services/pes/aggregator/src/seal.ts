/**
 * The seal of a LOAD set (docs/protocol.md §13.2): its contributions are these and no others, also of a set that is
 * left out. Logged by the aggregator when the set is closed for good; an auditor makes it again from the ledger.
 */
import type { NewEntry } from "@smarter-metering/log";
import { contributionLeaf, merkleRoot, primitives, utf8, Writer } from "@smarter-metering/protocol";
import type { LoadSetKey } from "./load-set.ts";

const SEAL_VERSION = 1;

/**
 * SHA-256 of `u8 version = 1  u8 kind (1 LOAD, 3 LOAD_EXPORT)  cohort<0..64>  u32 cohortVersion  u64 blockStart  u32
 * count  contributionsRoot[32]`, count and root as a request signs them (§8.1). It has no signature of its own: the
 * log's heads have the operator's, and the root is one over ciphertexts, which nobody guesses.
 */
export async function sealEntry(
  { stream, cohort, version, block }: LoadSetKey,
  contributions: readonly Uint8Array[],
): Promise<NewEntry> {
  const leaves = await Promise.all(contributions.map(contributionLeaf));
  const encoded = new Writer()
    .u8(SEAL_VERSION)
    .u8(stream === "LOAD" ? 1 : 3)
    .vector(utf8(cohort), 64)
    .u32(version)
    .u64(block)
    .u32(leaves.length)
    .fixed(await merkleRoot(leaves), 32)
    .finish();
  return { kind: "seal", body: await primitives.sha256(encoded) };
}
