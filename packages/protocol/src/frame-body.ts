/**
 * The plaintext of a frame (docs/protocol.md §2.2). Exists in the meter, for moments in the opener, and at the customer;
 * no other party's code may import this file's values.
 */
import { Reader, Writer } from "./encoding.ts";
import { wellFormed } from "./error.ts";
import type { FrameHeader } from "./frame.ts";

export const REGISTERS = 8;
/** Registers are below 2^48 mWh, which is 281 GWh: what a BILL slot holds (§5). */
export const REGISTER_BITS = 48;
const QUALITY_CODE_MAX = 4;
/** Of it follow the blindings of a meter's own contributions (§6.4). */
export const BLINDING_SEED_BYTES = 32;

/** What the size of a body depends on: nothing that is not in the header. */
export type BodyShape = Pick<FrameHeader, "profile" | "kind" | "count">;

const hasBlindingSeed = ({ profile, kind }: BodyShape): boolean =>
  profile === "meter-encrypts" && kind === "BLOCK";

export interface FrameBody {
  /** mWh per interval, each below 2^32. */
  readonly importMilliwattHours: Uint32Array;
  readonly exportMilliwattHours: Uint32Array;
  /** Quality code per interval (§1.4). */
  readonly quality: Uint8Array;
  /** At the frame's end: one per band and export in mWh, then cost (§6.6) where the bank has it, then zeros. Always 8. */
  readonly registersMilliwattHours: readonly bigint[];
  /** 32 random bytes, in every BLOCK of `meter-encrypts` and nowhere else; with it its contributions open. */
  readonly blindingSeed?: Uint8Array;
}

/** 4 + 4 + 1 bytes an interval, 8 registers of 8 bytes, and the seed where there is one. */
export const bodyBytes = (shape: BodyShape): number =>
  9 * shape.count + 8 * REGISTERS + (hasBlindingSeed(shape) ? BLINDING_SEED_BYTES : 0);

export function encodeBody(body: FrameBody, shape: BodyShape): Uint8Array {
  const { count } = shape;
  const { blindingSeed = new Uint8Array(0) } = body;
  const { importMilliwattHours, exportMilliwattHours, quality, registersMilliwattHours } = body;
  wellFormed(
    [importMilliwattHours, exportMilliwattHours, quality].every((list) => list.length === count),
    "body and header disagree on the number of readings",
  );
  wellFormed(registersMilliwattHours.length === REGISTERS, "a body has 8 registers");
  wellFormed(registersMilliwattHours.every(isRegister), "register out of range");
  wellFormed(quality.every(isQuality), "unknown quality");
  wellFormed(
    blindingSeed.length === (hasBlindingSeed(shape) ? BLINDING_SEED_BYTES : 0),
    "a blinding seed of 32 bytes goes with each BLOCK of meter-encrypts and nothing else",
  );
  const bytes = new Uint8Array(bodyBytes(shape));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    view.setUint32(4 * i, importMilliwattHours[i] ?? 0);
    view.setUint32(4 * (count + i), exportMilliwattHours[i] ?? 0);
  }
  bytes.set(quality, 8 * count);
  const registers = new Writer();
  for (const register of registersMilliwattHours) registers.u64(register);
  bytes.set(registers.finish(), 9 * count);
  bytes.set(blindingSeed, bytes.length - blindingSeed.length);
  return bytes;
}

export function decodeBody(bytes: Uint8Array, shape: BodyShape): FrameBody {
  const { count } = shape;
  wellFormed(bytes.length === bodyBytes(shape), "body of the wrong length");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const importMilliwattHours = new Uint32Array(count);
  const exportMilliwattHours = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    importMilliwattHours[i] = view.getUint32(4 * i);
    exportMilliwattHours[i] = view.getUint32(4 * (count + i));
  }
  // `Uint8Array.from`, not `slice`: the caller wipes `bytes`, and a Buffer's slice would be wiped with it.
  const quality = Uint8Array.from(bytes.subarray(8 * count, 9 * count));
  wellFormed(quality.every(isQuality), "unknown quality");
  const reader = new Reader(bytes.subarray(9 * count));
  const registersMilliwattHours = Array.from({ length: REGISTERS }, () => reader.u64());
  wellFormed(registersMilliwattHours.every(isRegister), "register out of range");
  const body = { importMilliwattHours, exportMilliwattHours, quality, registersMilliwattHours };
  return hasBlindingSeed(shape)
    ? { ...body, blindingSeed: reader.fixed(BLINDING_SEED_BYTES) }
    : body;
}

const isQuality = (code: number): boolean => code <= QUALITY_CODE_MAX;

const isRegister = (value: bigint): boolean => value >= 0n && value < 1n << BigInt(REGISTER_BITS);

/** Overwrites the typed arrays; the registers are BigInts, which JavaScript cannot wipe (SECURITY.md). */
export function wipeBody(body: FrameBody): void {
  body.importMilliwattHours.fill(0);
  body.exportMilliwattHours.fill(0);
  body.quality.fill(0);
  body.blindingSeed?.fill(0);
}
