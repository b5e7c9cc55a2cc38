/**
 * A commitment to every slot of a frame (docs/protocol.md §2.10): with it the customer shows chosen intervals to a third party, under the
 * meter's signature, and nothing else. Made by the meter; checked by the opener and the customer, who hold the data key, and, for the
 * slots that are disclosed, by anybody.
 *
 * A leaf is SHA-256(0x00 ‖ salt ‖ u16 index ‖ content). The salt is pseudorandom for whoever lacks the data key, so a leaf tells nothing
 * about its reading (there are few readings to guess) and a disclosed salt nothing about another one.
 */
import { primitives } from "#primitives";
import { utf8 } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { ProtocolError } from "./error.ts";
import { REGISTERS, type FrameBody } from "./frame-body.ts";
import type { FrameHeader } from "./frame.ts";

const HASH_BYTES = 32;

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
  const { root, leaves } = await commit(header, body, dataKey);
  for (const { content } of leaves) content.fill(0); // Plaintext, at the opener too.
  return root;
}

/** The openings of all slots and of the registers, which come last. The caller shows those that he wants to show. */
export async function openSlots(
  header: FrameName,
  body: FrameBody,
  dataKey: Uint8Array,
): Promise<SlotOpening[]> {
  const { leaves, paths } = await commit(header, body, dataKey);
  return leaves.map((leaf, index) => ({ ...leaf, path: paths[index] ?? [] }));
}

/** Whether `root` commits a frame of `count` slots to this opening. */
export async function verifySlot(
  root: Uint8Array,
  count: number,
  opening: SlotOpening,
): Promise<boolean> {
  const { index, salt, content, path } = opening;
  const isHash = (bytes: Uint8Array): boolean => bytes.length === HASH_BYTES;
  const isRegisters = index === count;
  const contentBytes = isRegisters ? 8 * REGISTERS : 9;
  if (!Number.isInteger(index) || index < 0 || index > count) return false;
  if (!isHash(salt) || !path.every(isHash) || content.length !== contentBytes) return false;
  const found = await climb(await leafOf(opening), index, count + 1, path);
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

interface Tree {
  readonly root: Uint8Array;
  readonly paths: readonly (readonly Uint8Array[])[];
}

async function commit({ keyEpoch, counter, count }: FrameName, body: FrameBody, key: Uint8Array) {
  const name = new Writer().u32(keyEpoch).u64(counter).finish();
  const info = new Uint8Array([...utf8("smarter-metering/slot-salt/v1\0"), ...name]);
  const saltKey = await primitives.hkdfSha256(key, info, HASH_BYTES);
  const leaves: Omit<SlotOpening, "path">[] = [];
  for (let index = 0; index <= count; index++) {
    const salt = await primitives.hmacSha256(saltKey, new Writer().u16(index).finish());
    leaves.push({ index, salt, content: contentOf(body, index, count) });
  }
  saltKey.fill(0);
  return { leaves, ...(await treeOf(await Promise.all(leaves.map(leafOf)))) };
}

function contentOf(body: FrameBody, index: number, count: number): Uint8Array {
  const writer = new Writer();
  if (index === count) {
    for (const register of body.registersMilliwattHours) writer.u64(register);
    return writer.finish();
  }
  const { importMilliwattHours, exportMilliwattHours, quality } = body;
  const values = [importMilliwattHours[index], exportMilliwattHours[index], quality[index]];
  const [imported, exported, code] = values;
  if (imported === undefined || exported === undefined || code === undefined) {
    throw new ProtocolError("PROTOCOL_MALFORMED", `malformed message: no slot ${index}`);
  }
  return writer.u32(imported).u32(exported).u8(code).finish();
}

const leafOf = ({ index, salt, content }: Omit<SlotOpening, "path">): Promise<Uint8Array> =>
  primitives.sha256(Uint8Array.of(0), salt, new Writer().u16(index).finish(), content);

const nodeOf = (left: Uint8Array, right: Uint8Array): Promise<Uint8Array> =>
  primitives.sha256(Uint8Array.of(1), left, right);

/** The largest power of two smaller than `size` ≥ 2. */
const splitOf = (size: number): number => 2 ** Math.floor(Math.log2(size - 1));

/** The tree over 1 to 769 leaf hashes, with every audit path. */
async function treeOf(leaves: readonly Uint8Array[]): Promise<Tree> {
  const [first] = leaves;
  if (leaves.length === 1 && first !== undefined) return { root: first, paths: [[]] };
  const split = splitOf(leaves.length);
  const [left, right] = [await treeOf(leaves.slice(0, split)), await treeOf(leaves.slice(split))];
  return {
    root: await nodeOf(left.root, right.root),
    paths: [
      ...left.paths.map((path) => [...path, right.root]),
      ...right.paths.map((path) => [...path, left.root]),
    ],
  };
}

/** The root that a path of exactly the right length leads to. */
async function climb(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  const sibling = path.at(-1);
  if (size === 1) return sibling === undefined ? leaf : undefined;
  if (sibling === undefined) return undefined;
  const split = splitOf(size);
  const isLeft = index < split;
  const below = isLeft ? ([index, split] as const) : ([index - split, size - split] as const);
  const hash = await climb(leaf, ...below, path.slice(0, -1));
  if (hash === undefined) return undefined;
  return isLeft ? nodeOf(hash, sibling) : nodeOf(sibling, hash);
}
