/**
 * Which share of a partitioned stream a message belongs to (docs/decisions/0027-jetstream.md). What
 * belongs together, such as the contributions of one cohort, is in one partition.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

/**
 * Of every partitioned stream. More processes than this cannot share a stream; another number needs
 * empty streams.
 */
export const PARTITIONS = 16;

/** Two digits name them all. */
const partitionsMax = 100;

const nameOf = (index: number): string => `p${String(index).padStart(2, "0")}`;

/** `p00` … `p15`: the subjects of a stream with that many partitions, 1 to 100. */
export function partitionNames(count: number = PARTITIONS): string[] {
  assert(count >= 1 && count <= partitionsMax, "a stream has 1 to 100 partitions");
  return Array.from({ length: count }, (_, index) => nameOf(index));
}

/**
 * The partition of `text`, such as a cohort's id: the first four bytes of SHA-256 of its UTF-8, big
 * endian, modulo `count` (1 to 100). The same everywhere and for ever: locks and consumers go by it.
 */
export function partitionOf(text: string, count: number = PARTITIONS): string {
  assert(count >= 1 && count <= partitionsMax, "a stream has 1 to 100 partitions");
  return nameOf(createHash("sha256").update(text).digest().readUInt32BE(0) % count);
}
