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
import { HASH_BYTES, leafHash, merkleRootOf, merkleTree, rootOfPath } from "./merkle.ts";

const SALT_BYTES = 32;
const SLOT_BYTES = 4 + 4 + 1;
const REGISTERS_BYTES = 8 * REGISTERS;
/** Before the content: `0x00  salt  u16 index`. */
const PREFIX_BYTES = 1 + SALT_BYTES + 2;
const LEAF_BYTES = PREFIX_BYTES + SLOT_BYTES;

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
  const messages = await leafMessages(header, body, dataKey);
  const leaves = await leafHashes(messages);
  messages.slots.fill(0); // Plaintext, at the opener too.
  messages.registers.fill(0);
  return merkleRootOf(leaves);
}

/** The openings of all slots and of the registers, which come last. The caller shows those that he wants to show. */
export async function openSlots(
  header: FrameName,
  body: FrameBody,
  dataKey: Uint8Array,
): Promise<SlotOpening[]> {
  const messages = await leafMessages(header, body, dataKey);
  const hashes = await leafHashes(messages);
  const { count } = header;
  const { paths } = await merkleTree(
    Array.from({ length: count + 1 }, (_, index) =>
      hashes.slice(HASH_BYTES * index, HASH_BYTES * (index + 1)),
    ),
  );
  return paths.map((path, index) => {
    const message =
      index === count
        ? messages.registers
        : messages.slots.slice(LEAF_BYTES * index, LEAF_BYTES * (index + 1));
    const salt = message.slice(1, 1 + SALT_BYTES);
    return { index, salt, content: message.slice(PREFIX_BYTES), path };
  });
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
  const leaf = await leafHash(salt, Uint8Array.of(index >> 8, index & 0xff), content);
  const found = await rootOfPath(leaf, index, count + 1, path);
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

/** What is hashed for the slots, one after the other, and for the registers: `0x00  salt[32]  u16 index  content`. */
interface LeafMessages {
  readonly slots: Uint8Array;
  readonly registers: Uint8Array;
}

async function leafHashes({ slots, registers }: LeafMessages): Promise<Uint8Array> {
  const hashes = await primitives.sha256Each(slots, LEAF_BYTES);
  return concatBytes(hashes, await primitives.sha256(registers));
}

/** The lists of the body are as long as `count` says. */
async function leafMessages(
  header: FrameName,
  body: FrameBody,
  dataKey: Uint8Array,
): Promise<LeafMessages> {
  const { count } = header;
  const salts = await saltsOf(header, dataKey);
  const slots = new Uint8Array(LEAF_BYTES * count);
  const view = new DataView(slots.buffer);
  for (let slot = 0; slot < count; slot++) {
    const at = LEAF_BYTES * slot;
    slots.set(salts.subarray(SALT_BYTES * slot, SALT_BYTES * (slot + 1)), at + 1);
    view.setUint16(at + 1 + SALT_BYTES, slot);
    view.setUint32(at + PREFIX_BYTES, body.importMilliwattHours[slot] ?? 0);
    view.setUint32(at + PREFIX_BYTES + 4, body.exportMilliwattHours[slot] ?? 0);
    view.setUint8(at + PREFIX_BYTES + 8, body.quality[slot] ?? 0);
  }
  const registers = new Uint8Array(PREFIX_BYTES + REGISTERS_BYTES);
  const registersView = new DataView(registers.buffer);
  registers.set(salts.subarray(SALT_BYTES * count), 1);
  registersView.setUint16(1 + SALT_BYTES, count);
  for (const [index, register] of body.registersMilliwattHours.entries()) {
    registersView.setBigUint64(PREFIX_BYTES + 8 * index, register);
  }
  return { slots, registers };
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
