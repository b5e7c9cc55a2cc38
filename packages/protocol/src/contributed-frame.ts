/**
 * What can be checked of a frame that comes with its meter's own contributions without opening either (docs/protocol.md §4.1): run by
 * the concentrator on what arrives, and by the meter on what it kept under terms that may have changed.
 */
import { equalBytes } from "./bytes.ts";
import { contributionHeaderOf, streamsOf, type ContributionContext } from "./contribute.ts";
import { ciphertextsIn, encodeContributionHeader, type Contribution } from "./contribution.ts";
import { ProtocolError } from "./error.ts";
import type { FrameHeader } from "./frame.ts";

/**
 * Whether these are the contributions that §6.3 prescribes for this frame, in its order: names, block, slots, frame hash, key and
 * packing. None at all are right too: a frame with a reading that cannot be contributes nothing, and who would leave a contribution
 * out cannot be made to send it.
 */
export function arePrescribed(
  contributions: readonly Contribution[],
  frame: FrameHeader,
  frameHash: Uint8Array,
  context: ContributionContext,
): boolean {
  if (contributions.length === 0) return true;
  const streams = streamsOf(frame, context);
  const isRight = ({ header, headerBytes, ciphertext }: Contribution, index: number): boolean => {
    const { stream, bitmap } = header;
    const length = ciphertextsIn(header) * (context.modulusBits / 4);
    if (stream !== streams[index] || ciphertext.length !== length) return false;
    const prescribed = contributionHeaderOf(stream, frame, frameHash, bitmap, context);
    return equalBytes(headerBytes, encodeContributionHeader(prescribed));
  };
  try {
    return contributions.length === streams.length && contributions.every(isRight);
  } catch (error) {
    // The bitmap has another length than the prescribed count, or the frame does not fit the LOAD grid.
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
