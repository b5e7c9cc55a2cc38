/**
 * The header of a frame that commits to its slots (docs/protocol.md §2.1, §2.10), read without its body: header, body hash and signature
 * travel alone in a dispute packet.
 */
import {
  checkSignature,
  concatBytes,
  primitives,
  Reader,
  utf8,
  type FrameHeader,
} from "@smarter-metering/protocol";

/** What of a header a third party needs. */
export interface CommittedHeader extends Pick<
  FrameHeader,
  | "networkPseudonym"
  | "meterId"
  | "keyEpoch"
  | "counter"
  | "blockStart"
  | "firstSlot"
  | "count"
  | "intervalSeconds"
> {
  readonly slotsRoot: Uint8Array;
}

/** Version, profile and kind come first: they say nothing of when, where and how much. */
const VERSION_PROFILE_KIND_BYTES = 3;

/** Throws PROTOCOL_MALFORMED. */
export function readCommittedHeader(bytes: Uint8Array): CommittedHeader {
  const reader = new Reader(bytes);
  reader.fixed(VERSION_PROFILE_KIND_BYTES);
  const names = { networkPseudonym: reader.fixed(16), meterId: reader.fixed(16) };
  const keyEpoch = reader.u32();
  reader.fixed(32); // The key commitment.
  const counter = reader.safeU64();
  const blockStart = reader.safeU64();
  const firstSlot = reader.u16();
  const count = reader.u16();
  const intervalSeconds = reader.u32();
  reader.fixed(8 + 32); // Register bank and predecessor.
  const slotsRoot = reader.fixed(32);
  reader.end();
  const place = { blockStart, firstSlot, count, intervalSeconds };
  return { ...names, keyEpoch, counter, ...place, slotsRoot };
}

/** Throws PROTOCOL_BAD_SIGNATURE. The bytes of §2.3, from the hash of a body that stays away. */
export async function verifyDetached(
  frame: {
    readonly header: Uint8Array;
    readonly bodyHash: Uint8Array;
    readonly signature: Uint8Array;
  },
  meterKey: Uint8Array,
): Promise<void> {
  const { header, bodyHash, signature } = frame;
  const domain = utf8("smarter-metering/frame/v1\0");
  const headerHash = await primitives.sha256(header);
  await checkSignature(meterKey, signature, concatBytes(domain, headerHash, bodyHash));
}
