/** Whose signatures make a head of the log stand (docs/protocol.md §13.4), as the registry says. */
import { logQuorumOf as quorumOf, thresholdOf as thresholdIn } from "@smarter-metering/customer";
import type { Quorum } from "@smarter-metering/log";
import type { NetworkView } from "@smarter-metering/protocol";

/** Throws LOG_QUORUM_INVALID, and PaillierError for a bad verification key. */
export const logQuorumOf = ({ document }: NetworkView): Promise<Quorum> => quorumOf(document);

/** Trustees that decrypt together: t of the verification key, or the one that holds the whole key. */
export const thresholdOf = ({ document }: NetworkView): Promise<number> => thresholdIn(document);
