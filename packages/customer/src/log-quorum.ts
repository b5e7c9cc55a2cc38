/** Whose signatures make a head of the log stand (docs/protocol.md §13.4), as a verified view of the registry says. */
import {
  checkReceipt,
  LogError,
  parseReceipt,
  registeredQuorum,
  type Quorum,
} from "@smarter-metering/log";
import { parseVerificationKey } from "@smarter-metering/paillier";
import type { PublicView } from "@smarter-metering/protocol";
import type { CheckReceipt } from "./check-log.ts";

export type QuorumView = Pick<PublicView, "parties" | "verificationKey">;

/** Throws LOG_QUORUM_INVALID, and PaillierError for a bad verification key. */
export async function logQuorumOf(view: QuorumView): Promise<Quorum> {
  const parties = (role: string) => view.parties.filter((party) => party.role === role);
  return registeredQuorum({ parties }, await thresholdOf(view));
}

/** Trustees that decrypt together: t of the verification key, or the one that holds the whole key. */
export async function thresholdOf({ verificationKey }: QuorumView): Promise<number> {
  if (verificationKey === undefined) return 1;
  return (await parseVerificationKey(verificationKey)).threshold;
}

/** Receipts held against that quorum, which is asked for at the first. */
export function receiptsOf(quorum: () => Promise<Quorum>): CheckReceipt {
  let asked: Promise<Quorum> | undefined;
  return async (entry, receipt) =>
    checkReceipt(parseReceipt(receipt), entry, await (asked ??= quorum()));
}

/** Size and time of the head that a receipt is under, unverified; undefined for what is none. */
export function headOfReceipt(receipt: string): { index: number; size: number } | undefined {
  try {
    const { index, head } = parseReceipt(receipt);
    return { index, size: head.size };
  } catch (error) {
    if (error instanceof LogError) return undefined;
    throw error;
  }
}
