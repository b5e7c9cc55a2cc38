/**
 * A dispute packet (docs/protocol.md §11.3): intervals of the customer's choice, with what proves that his meter measured them, for a third
 * party who asks the registry himself. Of every other interval it shows that it exists, and nothing of its reading; no key leaves the
 * customer. It does show the network pseudonym of his service point and which key epoch and counter his frames have.
 */
import {
  fromBase64Url,
  openSlots,
  primitives,
  toBase64Url,
  wellFormed,
  type FrameBody,
  type FrameHeader,
  type SealedFrame,
  type SlotOpening,
} from "@smarter-metering/protocol";

export const PACKET_KIND = "smarter-metering/dispute-packet/v1";
/** More than a year of daily frames, and the slots and registers of one frame. */
const FRAMES_MAX = 400;
const SLOTS_MAX = 769;

/** JSON-able; bytes are base64url. */
export interface DisputePacket {
  readonly kind: typeof PACKET_KIND;
  readonly frames: readonly DisputedFrame<string>[];
}

export interface DisputedFrame<Bytes> {
  readonly header: Bytes;
  /** SHA-256 of the sealed body, which stays with the customer. */
  readonly bodyHash: Bytes;
  readonly signature: Bytes;
  readonly slots: readonly DisclosedSlot<Bytes>[];
}

interface DisclosedSlot<Bytes> {
  /** From the frame's first slot; `count` stands for the registers at its end. */
  readonly index: number;
  readonly salt: Bytes;
  readonly content: Bytes;
  readonly path: readonly Bytes[];
}

/** One opened frame of the customer, and what of it he wants to show. */
export interface ChosenSlots {
  readonly frame: Pick<SealedFrame, "headerBytes" | "body" | "signature"> & {
    readonly header: Pick<FrameHeader, "keyEpoch" | "counter" | "count">;
  };
  readonly body: FrameBody;
  readonly dataKey: Uint8Array;
  /** From the frame's first slot; `header.count` stands for the registers at its end. */
  readonly indices: readonly number[];
}

/** Throws PROTOCOL_MALFORMED for a slot that the frame does not have. */
export async function makeDisputePacket(chosen: readonly ChosenSlots[]): Promise<DisputePacket> {
  const frames: DisputedFrame<string>[] = [];
  for (const { frame, body, dataKey, indices } of chosen) {
    const openings = await openSlots(frame.header, body, dataKey);
    const slots = [...new Set(indices)]
      .toSorted((a, b) => a - b)
      .map((index) => {
        const opening = openings[index];
        wellFormed(opening !== undefined, `no slot ${index} in this frame`);
        return slotText(opening);
      });
    frames.push({
      header: toBase64Url(frame.headerBytes),
      bodyHash: toBase64Url(await primitives.sha256(frame.body)),
      signature: toBase64Url(frame.signature),
      slots,
    });
  }
  return { kind: PACKET_KIND, frames };
}

const slotText = ({ index, salt, content, path }: SlotOpening): DisclosedSlot<string> => ({
  index,
  salt: toBase64Url(salt),
  content: toBase64Url(content),
  path: path.map(toBase64Url),
});

/** The frames of a packet, decoded; says nothing about their truth. Throws PROTOCOL_MALFORMED. */
export function readDisputePacket(packet: unknown): DisputedFrame<Uint8Array>[] {
  const { kind, frames } = recordOf(packet, ["kind", "frames"]);
  wellFormed(kind === PACKET_KIND, "not a dispute packet");
  return listOf(frames, FRAMES_MAX).map((frame) => {
    const fields = recordOf(frame, ["header", "bodyHash", "signature", "slots"]);
    return {
      header: bytesOf(fields.header),
      bodyHash: bytesOf(fields.bodyHash),
      signature: bytesOf(fields.signature),
      slots: listOf(fields.slots, SLOTS_MAX).map(readDisclosed),
    };
  });
}

function readDisclosed(slot: unknown): DisclosedSlot<Uint8Array> {
  const { index, salt, content, path } = recordOf(slot, ["index", "salt", "content", "path"]);
  wellFormed(typeof index === "number" && Number.isInteger(index), "a slot has a number");
  const siblings = listOf(path, SLOTS_MAX).map(bytesOf);
  return { index, salt: bytesOf(salt), content: bytesOf(content), path: siblings };
}

/** An object with exactly these keys. */
function recordOf<Key extends string>(value: unknown, keys: readonly Key[]): Record<Key, unknown> {
  const found = typeof value === "object" && value !== null ? Object.keys(value) : [];
  const isExact = found.length === keys.length && keys.every((key) => found.includes(key));
  wellFormed(isExact, `an object with the keys ${keys.join(", ")}`);
  return value as Record<Key, unknown>; // Just checked.
}

function listOf(value: unknown, max: number): readonly unknown[] {
  wellFormed(Array.isArray(value) && value.length <= max, `a list of at most ${max} entries`);
  return value as readonly unknown[];
}

function bytesOf(value: unknown): Uint8Array {
  wellFormed(typeof value === "string", "bytes in base64url");
  return fromBase64Url(value);
}
