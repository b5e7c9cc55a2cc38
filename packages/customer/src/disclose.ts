/**
 * From what the portal keeps sealed to a dispute packet over times of the customer's choice (docs/protocol.md §11.3). Run by the customer
 * alone: the frames are opened here.
 */
import type { RecipientSecret } from "@smarter-metering/protocol";
import { spanOf, type Span } from "./bill-window.ts";
import { makeDisputePacket, type ChosenSlots, type DisputePacket } from "./dispute-packet.ts";
import { openFrames, type OpenedFrame, type Sealed } from "./open-frames.ts";
import type { PinnedMeter } from "./pinned-meters.ts";

/** What of his own frames a customer shows. */
export interface Disclosure {
  /** [from, to), epoch seconds: the intervals that lie wholly inside one of them. */
  readonly spans: readonly Span[];
  /** Also the registers at the end of each frame that the packet is made of. */
  readonly withRegisters: boolean;
}

/** Of BLOCK frames, which do not go away, in the order of the chain; frames that hold none of it are left out. Limits: `readDisputePacket`. */
export async function discloseReadings(
  meters: readonly PinnedMeter[],
  secret: RecipientSecret,
  sealed: Sealed,
  disclosure: Disclosure,
): Promise<DisputePacket> {
  const { opened } = await openFrames(meters, secret, sealed);
  const blocks = opened.filter(({ frame }) => frame.header.kind === "BLOCK");
  const chosen = blocks.map((block) => chosenOf(block, disclosure));
  return makeDisputePacket(chosen.filter(({ indices }) => indices.length > 0));
}

function chosenOf(
  { frame, body, dataKey }: OpenedFrame,
  { spans, withRegisters }: Disclosure,
): ChosenSlots {
  const { count, intervalSeconds } = frame.header;
  const { from: first } = spanOf(frame.header);
  const isInside = (slot: number): boolean => {
    const start = first + slot * intervalSeconds;
    return spans.some(({ from, to }) => start >= from && start + intervalSeconds <= to);
  };
  const indices = Array.from({ length: count }, (_, slot) => slot).filter(isInside);
  const registers = withRegisters && indices.length > 0 ? [count] : [];
  return { frame, body, dataKey, indices: [...indices, ...registers] };
}
