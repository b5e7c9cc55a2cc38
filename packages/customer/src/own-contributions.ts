/**
 * The customer computes again what was contributed of his readings, to the last byte (docs/protocol.md §6.4): whoever shows him a
 * ciphertext, he can tell whether it is his. Runs on his device; his readings and their blinding stay there.
 */
import {
  blindingOf,
  encryptContributions,
  frameHash,
  openFrame,
  planContributions,
  wipeBody,
  type ContributionContext,
  type EncryptedContribution,
  type SealedFrame,
} from "@smarter-metering/protocol";

/**
 * The contributions of a BLOCK frame of either profile, as opener or meter must have made them; `context` is what the registry says of
 * its block, `encrypt` gives (1 + M·n)·h_s^ρ mod n² under the registry's Paillier key (`Engine.encrypt` of packages/paillier). Throws
 * FRAME_UNOPENABLE, and FRAME_OUT_OF_RANGE for a frame that contributes nothing.
 */
export async function recomputeContributions(
  frame: SealedFrame,
  dataKey: Uint8Array,
  context: ContributionContext,
  encrypt: (message: Uint8Array, blinding: Uint8Array) => Promise<Uint8Array>,
): Promise<EncryptedContribution[]> {
  const body = await openFrame(frame, dataKey);
  try {
    const planned = planContributions(frame.header, await frameHash(frame), body, context);
    return await encryptContributions(planned, async (plan) =>
      encrypt(plan.message, await blindingOf(plan, { dataKey, ...body }, context.modulusBits)),
    );
  } finally {
    wipeBody(body);
  }
}
