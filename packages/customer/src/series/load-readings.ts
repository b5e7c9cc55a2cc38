/**
 * From sealed frames to the store that charts are drawn from (docs/protocol.md §2, §3), fast enough for a year of minutes. Runs at the
 * customer, in a worker.
 */
import type { RecipientSecret } from "@smarter-metering/protocol";
import { openFrames, type Sealed } from "../open-frames.ts";
import type { PinnedMeter } from "../pinned-meters.ts";
import { findingsOf, type Findings } from "../readings.ts";
import type { ReadingStore } from "./reading-store.ts";

export interface LoadFindings extends Findings {
  /** Frames that the store had no room for. */
  readonly leftOut: number;
}

/**
 * Verifies, opens and stores. As `openReadings`, but that it does not compute the slots' commitments again (`SlotCommitments`): who bills
 * or discloses these readings opens the frames anew and checks them. Links of the chain and holes are those among the frames of one call;
 * contradictions are found among all that the store has taken. Never throws for what a peer sent.
 */
export async function loadReadings(
  store: ReadingStore,
  meters: readonly PinnedMeter[],
  secret: RecipientSecret,
  sealed: Sealed,
): Promise<LoadFindings> {
  const frames = await openFrames(meters, secret, sealed, "unchecked");
  const findings = findingsOf(frames);
  const verdicts = frames.opened.map((frame) => store.add(frame));
  const contradictions = verdicts.filter((verdict) => verdict === "equivocation").length;
  return {
    ...findings,
    equivocations: findings.equivocations + contradictions,
    leftOut: verdicts.filter((verdict) => verdict === "full").length,
  };
}
