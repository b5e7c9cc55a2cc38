/**
 * What a meter contributes itself (docs/protocol.md §4.1, §6.3), as far as it can be checked without
 * opening it: whose it is, what frame it belongs to, and that it is what the registry prescribes.
 * The concentrator sees ciphertexts and their headers.
 */
import {
  arePrescribed,
  contributionContext,
  decodeContribution,
  toHex,
  verifyContribution,
  type FrameHeader,
} from "@smarter-metering/protocol";
import { addLocalDays } from "@smarter-metering/tariff";
import type { FrameRules } from "./frame-rules.ts";
import { refused, type Refusal } from "./verdict.ts";

export interface ExaminedContribution {
  readonly stream: string;
  readonly bytes: Uint8Array;
}

/**
 * Of a frame whose header and signature were found good. A meter under outdated terms is told
 * FRAME_TERMS: what the aggregator would refuse must not be accepted here, or it would be lost.
 * Throws PROTOCOL_MALFORMED, PROTOCOL_BAD_SIGNATURE, and the PaillierError of a registry's bad key.
 */
export async function examineContributions(
  header: FrameHeader,
  hash: Uint8Array,
  encoded: readonly Uint8Array[],
  { view }: FrameRules,
  signingKey: Uint8Array,
): Promise<readonly ExaminedContribution[] | Refusal> {
  if (header.kind !== "BLOCK" || header.profile !== "meter-encrypts") {
    return refused("FRAME_MALFORMED", "contributions go with a BLOCK of meter-encrypts alone");
  }
  const contributions = encoded.map(decodeContribution);
  const point = view.servicePoint(toHex(header.networkPseudonym));
  if (point === undefined) return refused("FRAME_FOREIGN", "no such service point");
  const { blockStart } = header;
  const seconds = addLocalDays(blockStart, 1, point.zone) - blockStart;
  const context = await contributionContext(view, point, header, seconds);
  if (!arePrescribed(contributions, header, hash, context)) {
    return refused("FRAME_TERMS", "not what the registry prescribes; provision the meter anew");
  }
  for (const contribution of contributions) await verifyContribution(contribution, signingKey);
  return contributions.map((contribution, index) => ({
    stream: contribution.header.stream,
    bytes: encoded[index] ?? new Uint8Array(0),
  }));
}
