/**
 * A meter's own contributions (docs/protocol.md §6.3, §6.4; profile `meter-encrypts`): the same
 * function as the opener's, on readings that have never left the meter. Holds the Paillier public
 * key; no secret of it exists here.
 */
import assert from "node:assert/strict";
import {
  arePrescribed,
  decodeContribution,
  encodeContribution,
  encryptContributions,
  frameHash,
  planContributions,
  ProtocolError,
  signContribution,
  type ContributionContext,
  type FrameBody,
  type PlannedContribution,
  type SealedFrame,
} from "@smarter-metering/protocol";
import { isCountedInMeter, stepSecondsOf } from "@smarter-metering/tariff";
import { wipeBlinding, type Blinding, type BlindingStock } from "./blinding-stock.ts";
import type { WaitingFrame } from "./memory.ts";
import { blockEndOf } from "./position.ts";
import type { Provisioning } from "./provisioning.ts";

/**
 * The signed contributions of a BLOCK frame whose body carries the blinding's seed; the blinding is
 * wiped. Undefined when a reading cannot be (FRAME_OUT_OF_RANGE): the frame goes to the customer
 * alone, as it would with an opener.
 */
export async function contributionsOf(
  frame: SealedFrame,
  body: FrameBody,
  blinding: Blinding,
  provisioning: Provisioning,
  stock: BlindingStock,
): Promise<Uint8Array[] | undefined> {
  try {
    const context = contextOf(provisioning, frame.header.blockStart);
    const planned = plannedOf(frame, await frameHash(frame), body, context);
    if (planned === undefined) return undefined;
    const encrypted = await encryptContributions(planned, async ({ header, message, index }) => {
      const { stream } = header;
      const power =
        stream === "STEPS" ? await stock.stepPower(blinding, index) : blinding.powers.get(stream);
      assert(power !== undefined, "a blinding for each stream");
      try {
        return await stock.encrypt({ message, power });
      } finally {
        power.fill(0);
      }
    });
    const signed = encrypted.map(({ header, headerBytes, ciphertext }) =>
      signContribution(headerBytes, header, ciphertext, provisioning.signer),
    );
    return (await Promise.all(signed)).map(encodeContribution);
  } finally {
    wipeBlinding(blinding);
  }
}

function plannedOf(
  frame: SealedFrame,
  hash: Uint8Array,
  body: FrameBody,
  context: ContributionContext,
): PlannedContribution[] | undefined {
  try {
    return planContributions(frame.header, hash, body, context);
  } catch (error) {
    if (error instanceof ProtocolError && error.code === "FRAME_OUT_OF_RANGE") return undefined;
    throw error;
  }
}

/** What the meter was told about its block. */
function contextOf(provisioning: Provisioning, blockStart: number): ContributionContext {
  const { calendar, contribution, servedUntil } = provisioning;
  assert(contribution !== undefined, "a meter that contributes has its terms");
  const stepSeconds = stepSecondsOf(calendar);
  return {
    paillierKeyId: contribution.keyId,
    modulusBits: contribution.key.bits,
    blockSeconds: blockEndOf(provisioning, blockStart) - blockStart,
    ...(servedUntil !== undefined && { servedUntil }),
    bandCount: calendar.bands.length,
    hasCost: isCountedInMeter(calendar),
    ...(stepSeconds !== undefined && { stepSeconds }),
    load: contribution.loadAt(blockStart),
  };
}

/**
 * Whether a frame that waits is what the meter would make now. After a change of its terms it is
 * not, and would be refused for ever: it is sealed again, under another blinding.
 */
export function fitsTerms(
  { header, hash, contributions }: WaitingFrame,
  provisioning: Provisioning,
): boolean {
  if (header.profile !== provisioning.profile) return false;
  if (header.profile === "pes-encrypts" || header.kind === "LIVE") return true;
  const context = contextOf(provisioning, header.blockStart);
  return arePrescribed(contributions.map(decodeContribution), header, hash, context);
}
