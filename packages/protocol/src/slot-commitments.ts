/**
 * A commitment to every slot of a frame (docs/protocol.md §2.10): with it the customer shows chosen intervals to a third party, under the
 * meter's signature, and nothing else. Made by the meter; checked by the opener and the customer, who hold the data key, and, for the
 * slots that are disclosed, by anybody.
 *
 * A leaf is SHA-256(0x00 ‖ salt ‖ u16 index ‖ content). The salt is pseudorandom for whoever lacks the data key, so a leaf tells nothing
 * about its reading (there are few readings to guess) and a disclosed salt nothing about another one.
 */
import { primitives } from "#primitives";
import { concatBytes, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { REGISTERS, type FrameBody } from "./frame-body.ts";
import type { FrameHeader } from "./frame.ts";
import { HASH_BYTES, merkleRoot, merkleTree, rootOfPath } from "./merkle.ts";

const SALT_BYTES = 32;
const SLOT_BYTES = 4 + 4 + 1;
const REGISTERS_BYTES = 8 * REGISTERS;

/** Slots are counted from the frame's first; the leaf after the last of them holds the registers. */
export interface SlotOpening {
  readonly index: number;
  readonly salt: Uint8Array;
  /** `u32 import  u32 export  u8 quality`, or the frame's registers as `u64[8]`. */
  readonly content: Uint8Array;
  /** RFC 6962 audit path, from the bottom up. */
  readonly path: readonly Uint8Array[];
}

export interface SlotReading {
  readonly importMilliwattHours: number;
  readonly exportMilliwattHours: number;
  readonly quality: number;
}

type FrameName = Pick<FrameHeader, "keyEpoch" | "counter" | "count">;

/** The root for the header: RFC 6962 §2.1 over `count` slots and the registers. */
export async function slotsRoot(
  header: FrameName,
  body: FrameBody,
  dataKey: Uint8Array,
): Promise<Uint8Array> {
  return merkleRoot(await hashesOf(await leavesOf(header, body, dataKey), { wipe: true }));
}

/** The openings of all slots and of the registers, which come last. The caller shows those that he wants to show. */
export async function openSlots(
  header: FrameName,
  body: FrameBody,
  dataKey: Uint8Array,
): Promise<SlotOpening[]> {
  const leaves = await leavesOf(header, body, dataKey);
  const { paths } = await merkleTree(await hashesOf(leaves, { wipe: false }));
  return leaves.map((leaf, index) => ({ ...leaf, path: paths[index] ?? [] }));
}

/** Whether `root` commits a frame of `count` slots to this opening. */
export async function verifySlot(
  root: Uint8Array,
  count: number,
  opening: SlotOpening,
): Promise<boolean> {
  const { index, salt, content, path } = opening;
  const contentBytes = index === count ? REGISTERS_BYTES : SLOT_BYTES;
  if (!Number.isInteger(index) || index < 0 || index > count) return false;
  if (salt.length !== SALT_BYTES || content.length !== contentBytes) return false;
  if (path.some((hash) => hash.length !== HASH_BYTES)) return false;
  const [leaf] = await hashesOf([opening], { wipe: false });
  const found = leaf && (await rootOfPath(leaf, index, count + 1, path));
  return found !== undefined && primitives.equalSecret(found, root);
}

/** What a slot's opening says. Throws PROTOCOL_MALFORMED. */
export function readSlot(content: Uint8Array): SlotReading {
  const reader = new Reader(content);
  const reading = {
    importMilliwattHours: reader.u32(),
    exportMilliwattHours: reader.u32(),
    quality: reader.u8(),
  };
  reader.end();
  return reading;
}

/** What the opening of the registers says. Throws PROTOCOL_MALFORMED. */
export function readRegisters(content: Uint8Array): bigint[] {
  const reader = new Reader(content);
  const registers = Array.from({ length: REGISTERS }, () => reader.u64());
  reader.end();
  return registers;
}

type Leaf = Omit<SlotOpening, "path">;

/** Leaf hashes. The messages hold readings: they are wiped, and the contents where they are not to be shown. */
async function hashesOf(
  leaves: readonly Leaf[],
  { wipe }: { readonly wipe: boolean },
): Promise<readonly Uint8Array[]> {
  const messages = leaves.map(({ index, salt, content }) =>
    concatBytes(Uint8Array.of(0), salt, Uint8Array.of(index >> 8, index & 0xff), content),
  );
  const hashes = await primitives.sha256Each(messages);
  for (const message of messages) message.fill(0);
  for (const { content } of wipe ? leaves : []) content.fill(0);
  return hashes;
}

/** The leaves of the slots and of the registers; the contents are windows onto one buffer. */
async function leavesOf(header: FrameName, body: FrameBody, dataKey: Uint8Array): Promise<Leaf[]> {
  const { count } = header;
  const salts = await saltsOf(header, dataKey);
  const contents = encodeContents(body, count);
  return Array.from({ length: count + 1 }, (_, index) => ({
    index,
    salt: salts.subarray(SALT_BYTES * index, SALT_BYTES * (index + 1)),
    content: contents.subarray(
      SLOT_BYTES * index,
      index === count ? contents.length : SLOT_BYTES * (index + 1),
    ),
  }));
}

/** One key stream for all of them: a salt by itself would cost as much as its leaf. The key seals nothing else. */
async function saltsOf({ keyEpoch, counter, count }: FrameName, dataKey: Uint8Array) {
  const name = new Writer().u32(keyEpoch).u64(counter).finish();
  const info = concatBytes(utf8("smarter-metering/slot-salt/v1\0"), name);
  const key = await primitives.hkdfSha256(dataKey, info, 32);
  const none = new Uint8Array(0);
  const zeros = new Uint8Array(SALT_BYTES * (count + 1));
  const sealed = await primitives.aesGcmSeal(key, new Uint8Array(12), none, zeros);
  key.fill(0);
  return sealed.subarray(0, zeros.length);
}

/** All slots one after the other, then the registers. The lists are as long as `count` says. */
function encodeContents(body: FrameBody, count: number): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES * count + REGISTERS_BYTES);
  const view = new DataView(bytes.buffer);
  for (let slot = 0; slot < count; slot++) {
    view.setUint32(SLOT_BYTES * slot, body.importMilliwattHours[slot] ?? 0);
    view.setUint32(SLOT_BYTES * slot + 4, body.exportMilliwattHours[slot] ?? 0);
    view.setUint8(SLOT_BYTES * slot + 8, body.quality[slot] ?? 0);
  }
  for (const [index, register] of body.registersMilliwattHours.entries()) {
    view.setBigUint64(SLOT_BYTES * count + 8 * index, register);
  }
  return bytes;
}
