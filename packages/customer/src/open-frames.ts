/**
 * The customer's frames and key envelopes, verified and opened on his device (docs/protocol.md §2, §3), with what is wrong with each that
 * is left out. Only he and, for moments, the opener ever hold what comes out of it.
 */
import {
  decodeEnvelope,
  openEnvelope,
  openFrame,
  toHex,
  verifyEnvelope,
  type FrameBody,
  type KeyEnvelope,
  type RecipientSecret,
  type SlotCommitments,
} from "@smarter-metering/protocol";
import { checkFrames, findMeter, type CheckedFrame, type CheckedFrames } from "./frame-chain.ts";
import type { PinnedMeter } from "./pinned-meters.ts";

/** As the portal gives them. */
export interface Sealed {
  readonly envelopes: readonly Uint8Array[];
  readonly frames: readonly Uint8Array[];
}

export interface OpenedFrame extends CheckedFrame {
  readonly body: FrameBody;
  readonly dataKey: Uint8Array;
}

/** An envelope that is malformed, foreign, badly signed, for someone else or for another key than it says. */
export interface EnvelopeFault {
  /** Which of the envelopes given, from 0. */
  readonly position: number;
  /** As it says, if it says anything. */
  readonly keyEpoch: number | undefined;
}

/** A well-signed frame that stays closed. */
export interface ClosedFrame extends CheckedFrame {
  /** False: no envelope brought its key. True: the key is the one it commits to, and it does not open. */
  readonly hasKey: boolean;
}

export interface OpenedFrames extends Pick<CheckedFrames, "faults" | "holes"> {
  /** In the order of the chain, each once. */
  readonly opened: readonly OpenedFrame[];
  readonly closed: readonly ClosedFrame[];
  readonly envelopeFaults: readonly EnvelopeFault[];
}

/** Never throws for what a peer sent. `commitments` as for `openFrame`. */
export async function openFrames(
  meters: readonly PinnedMeter[],
  secret: RecipientSecret,
  sealed: Sealed,
  commitments: SlotCommitments = "checked",
): Promise<OpenedFrames> {
  const { keys, envelopeFaults } = await openKeys(meters, secret, sealed.envelopes);
  const { frames, faults, holes } = await checkFrames(meters, sealed.frames);
  const opened: OpenedFrame[] = [];
  const closed: ClosedFrame[] = [];
  for (const entry of frames) {
    const dataKey = keys.get(toHex(entry.frame.header.keyCommitment));
    const body = dataKey && (await openedBody(entry, dataKey, commitments));
    if (dataKey === undefined || body === undefined) {
      closed.push({ ...entry, hasKey: dataKey !== undefined });
    } else {
      opened.push({ ...entry, body, dataKey });
    }
  }
  return { opened, closed, faults, holes, envelopeFaults };
}

/** Data keys by their commitment, which names meter, epoch and key at once (§2.4). */
async function openKeys(
  meters: readonly PinnedMeter[],
  secret: RecipientSecret,
  envelopes: readonly Uint8Array[],
) {
  const keys = new Map<string, Uint8Array>();
  const envelopeFaults: EnvelopeFault[] = [];
  for (const [position, bytes] of envelopes.entries()) {
    let envelope: KeyEnvelope | undefined;
    try {
      envelope = decodeEnvelope(bytes);
      const meter = findMeter(meters, envelope);
      if (meter !== undefined) {
        await verifyEnvelope(envelope, meter.meterKey);
        keys.set(toHex(envelope.keyCommitment), await openEnvelope(envelope, secret));
        continue;
      }
    } catch {
      // Whatever is wrong with it, it is an envelope that does not open.
    }
    envelopeFaults.push({ position, keyEpoch: envelope?.keyEpoch });
  }
  return { keys, envelopeFaults };
}

async function openedBody(
  { frame }: CheckedFrame,
  dataKey: Uint8Array,
  commitments: SlotCommitments,
): Promise<FrameBody | undefined> {
  try {
    return await openFrame(frame, dataKey, commitments);
  } catch {
    return undefined;
  }
}
