/**
 * @smarter-metering/log: the public log (docs/protocol.md §13). This entry runs in Node and in the browser; the
 * operator's part, over a database, is `@smarter-metering/log/store`.
 */
export {
  BATCH_ENTRIES_MAX,
  decodeEntry,
  encodeEntry,
  entryId,
  isBody,
  MESSAGE_BYTES_MAX,
  type Entry,
  type EntryKind,
  type IndexedEntry,
  type NewEntry,
} from "./entry.ts";
export { LogError, type LogErrorCode } from "./error.ts";
export {
  initialiseFollower,
  openFollower,
  type FollowerPorts,
  type LogBatch,
  type LogFollower,
  type Taken,
} from "./follower.ts";
export type { DurableFile } from "@smarter-metering/runtime";
export { EMPTY_FRONTIER, extendFrontier, frontierRoot, type Frontier } from "./frontier.ts";
export {
  formatHead,
  logKey,
  parseHead,
  signedAt,
  signHead,
  trusteeKey,
  withSignaturesOf,
  type Head,
  type HeadKey,
  type HeadSignature,
  type SignedHead,
} from "./head.ts";
export { cosignBlindly, MemoryLog, mergeHeads } from "./memory-log.ts";
export { decodeLogMessage, encodeLogMessage, type LogMessage } from "./message.ts";
export {
  proveConsistency,
  proveInclusion,
  verifyConsistency,
  verifyInclusion,
  type ConsistencyClaim,
  type InclusionClaim,
} from "./proof.ts";
export {
  checkHead,
  cosignersOf,
  createQuorum,
  provesFork,
  registeredQuorum,
  verifyHead,
  type ForkEvidence,
  type HeadVerdict,
  type Quorum,
} from "./quorum.ts";
export { rebuild, type ReadEntries } from "./rebuild.ts";
export { checkReceipt, formatReceipt, parseReceipt, type Receipt } from "./receipt.ts";
export type { SubtreeReader } from "./tree.ts";
