/** What a meter sends up in one request (docs/protocol.md §4). The concentrator reads kinds and headers, nothing else. */
import { Reader, Writer } from "./encoding.ts";
import { wellFormed } from "./error.ts";

export const UPLINK_ITEMS_MAX = 256;
const PART_BYTES_MAX = 65_535;
/** A contribution to each stream. */
const CONTRIBUTIONS_MAX = 4;
const ITEM_BYTES_MAX = (1 + CONTRIBUTIONS_MAX) * PART_BYTES_MAX + 16;
/** One request's body at most: 256 items of a full day's frame fit with ample room. */
export const UPLINK_BYTES_MAX = 8 * 1024 * 1024;

export type UplinkItem =
  /** `openerEnvelope` is empty for LIVE frames. */
  | { readonly kind: "FRAME"; readonly frame: Uint8Array; readonly openerEnvelope: Uint8Array }
  /** A BLOCK of `meter-encrypts` with the contributions that its meter made of it, in the order of §6.3. */
  | {
      readonly kind: "CONTRIBUTED_FRAME";
      readonly frame: Uint8Array;
      readonly contributions: readonly Uint8Array[];
    }
  | {
      readonly kind: "ENVELOPE" | "ENROLMENT_OFFER" | "ENROLMENT_ANSWER";
      readonly message: Uint8Array;
    };

/** An item that is no frame. */
export type UplinkMessage = Extract<UplinkItem, { readonly message: Uint8Array }>;

const KINDS: readonly UplinkItem["kind"][] = [
  "FRAME",
  "ENVELOPE",
  "ENROLMENT_OFFER",
  "ENROLMENT_ANSWER",
  "CONTRIBUTED_FRAME",
];

export function encodeUplinkItem(item: UplinkItem): Uint8Array {
  const writer = new Writer().u8(KINDS.indexOf(item.kind) + 1);
  if (item.kind === "FRAME") {
    writer.vector(item.frame, PART_BYTES_MAX, 1).vector(item.openerEnvelope, PART_BYTES_MAX);
  } else if (item.kind === "CONTRIBUTED_FRAME") {
    const { frame, contributions } = item;
    wellFormed(contributions.length <= CONTRIBUTIONS_MAX, "one contribution to a stream");
    writer.vector(frame, PART_BYTES_MAX, 1).u8(contributions.length);
    for (const contribution of contributions) writer.vector(contribution, PART_BYTES_MAX, 1);
  } else {
    writer.vector(item.message, PART_BYTES_MAX, 1);
  }
  return writer.finish();
}

export function decodeUplinkItem(bytes: Uint8Array): UplinkItem {
  const reader = new Reader(bytes);
  const kind = KINDS[reader.u8() - 1];
  wellFormed(kind !== undefined, "unknown kind of uplink item");
  const first = reader.vector(PART_BYTES_MAX, 1);
  if (kind === "CONTRIBUTED_FRAME") {
    const count = reader.u8();
    wellFormed(count <= CONTRIBUTIONS_MAX, "one contribution to a stream");
    const contributions = Array.from({ length: count }, () => reader.vector(PART_BYTES_MAX, 1));
    reader.end();
    return { kind, frame: first, contributions };
  }
  if (kind !== "FRAME") {
    reader.end();
    return { kind, message: first };
  }
  const openerEnvelope = reader.vector(PART_BYTES_MAX);
  reader.end();
  return { kind, frame: first, openerEnvelope };
}

/** The body of one request: encoded items, each with a u32 length before it. */
export function encodeUplink(items: readonly Uint8Array[]): Uint8Array {
  wellFormed(items.length <= UPLINK_ITEMS_MAX, `more than ${UPLINK_ITEMS_MAX} uplink items`);
  const writer = new Writer();
  for (const item of items) writer.vector(item, ITEM_BYTES_MAX);
  return writer.finish();
}

export function decodeUplink(bytes: Uint8Array): Uint8Array[] {
  const reader = new Reader(bytes);
  const items: Uint8Array[] = [];
  while (reader.offset < bytes.length) {
    wellFormed(items.length < UPLINK_ITEMS_MAX, `more than ${UPLINK_ITEMS_MAX} uplink items`);
    items.push(reader.vector(ITEM_BYTES_MAX));
  }
  return items;
}
