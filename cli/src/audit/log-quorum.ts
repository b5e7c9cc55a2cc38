/** Whose signatures make a head of the log stand (docs/protocol.md §13.4), as the registry says. */
import { createQuorum, type Quorum } from "@smarter-metering/log";
import { parseVerificationKey } from "@smarter-metering/paillier";
import { fromHex, type NetworkView } from "@smarter-metering/protocol";
import { CliError } from "../cli-error.ts";

/** Trustees in the order of the view. Throws REGISTRY_INCOMPLETE, LOG_QUORUM_INVALID, and PaillierError for a bad verification key. */
export async function logQuorumOf(view: NetworkView): Promise<Quorum> {
  const [operator] = view.parties("aggregator");
  if (operator === undefined) {
    throw new CliError("REGISTRY_INCOMPLETE", "the registry names no aggregator");
  }
  const trustees = view.parties("trustee").map(({ signingKey }) => fromHex(signingKey, 32));
  return createQuorum(fromHex(operator.signingKey, 32), trustees, await thresholdOf(view));
}

/** Trustees that decrypt together: t of the verification key, or the one that holds the whole key. */
export async function thresholdOf({ document }: NetworkView): Promise<number> {
  if (document.verificationKey === undefined) return 1;
  return (await parseVerificationKey(document.verificationKey)).threshold;
}
