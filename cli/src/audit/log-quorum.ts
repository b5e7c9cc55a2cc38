/** Whose signatures make a head of the log stand (docs/protocol.md §13.4), as the registry says. */
import { registeredQuorum, type Quorum } from "@smarter-metering/log";
import { parseVerificationKey } from "@smarter-metering/paillier";
import type { NetworkView } from "@smarter-metering/protocol";

/** Throws LOG_QUORUM_INVALID, and PaillierError for a bad verification key. */
export const logQuorumOf = async (view: NetworkView): Promise<Quorum> =>
  registeredQuorum(view, await thresholdOf(view));

/** Trustees that decrypt together: t of the verification key, or the one that holds the whole key. */
export async function thresholdOf({ document }: NetworkView): Promise<number> {
  if (document.verificationKey === undefined) return 1;
  return (await parseVerificationKey(document.verificationKey)).threshold;
}
