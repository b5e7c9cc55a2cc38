/**
 * From an opened frame to contributions (docs/protocol.md §6.3, §6.4): the one function that does it, run by the opener
 * (`pes-encrypts`), by the meter (`meter-encrypts`) and by a customer who re-computes his own ciphertexts.
 */
import { pack, packingFor, type Packing } from "@smarter-metering/paillier";
import { primitives } from "#primitives";
import { concatBytes, fromHex, utf8 } from "./bytes.ts";
import { encodeContributionHeader, type ContributionHeader, type Stream } from "./contribution.ts";
import { ProtocolError, wellFormed } from "./error.ts";
import { REGISTER_BITS, type FrameBody } from "./frame-body.ts";
import type { FrameHeader } from "./frame.ts";

/** A_max: the largest set that is ever decrypted as one (§5). */
export const ADDITIONS_MAX = 1024;
const VOLTS = 230;
const OVERCURRENT = 1.25;
const QUALITY_MISSING = 1;

/** What the registry says about a frame's service point and block. */
export interface ContributionContext {
  readonly paillierKeyId: Uint8Array;
  readonly modulusBits: number;
  /** Length of the block: a local day. */
  readonly blockSeconds: number;
  readonly bandCount: number;
  /** Absent while the service point waits for a cohort: then only BILL is contributed. */
  readonly load:
    | { readonly intervalSeconds: number; readonly valueBits: number; readonly exportToo: boolean }
    | undefined;
}

/** A contribution before encryption: the message is plaintext and must be wiped by the caller. */
export interface PlannedContribution {
  readonly header: ContributionHeader;
  readonly headerBytes: Uint8Array;
  /** M, big-endian, |n|/8 bytes. */
  readonly message: Uint8Array;
}

/** v for LOAD in Wh (§5): the smallest with 2^v − 1 ≥ fuse power × interval × 1.25. */
export function loadValueBits(
  fuse: { readonly amps: number; readonly phases: number },
  intervalSeconds: number,
): number {
  const wattHours = (fuse.amps * fuse.phases * VOLTS * OVERCURRENT * intervalSeconds) / 3600;
  return Math.max(1, Math.ceil(Math.log2(Math.ceil(wattHours) + 1)));
}

export function loadPacking(valueBits: number, modulusBits: number): Packing {
  return packingFor({ valueBits, additionsMax: ADDITIONS_MAX, modulusBits });
}

export function billPacking(modulusBits: number): Packing {
  return packingFor({ valueBits: REGISTER_BITS, additionsMax: ADDITIONS_MAX, modulusBits });
}

/**
 * The contributions of one opened BLOCK frame: LOAD (and LOAD_EXPORT where the cohort has it) if it has readings, BILL if it ends
 * its block. Throws FRAME_OUT_OF_RANGE when a value cannot be, or slots do not fit the LOAD grid: the frame contributes nothing.
 */
export function planContributions(
  header: FrameHeader,
  hash: Uint8Array,
  body: FrameBody,
  context: ContributionContext,
): PlannedContribution[] {
  wellFormed(header.kind === "BLOCK", "a LIVE frame has nothing to contribute");
  const endsAt = (header.firstSlot + header.count) * header.intervalSeconds;
  if (endsAt > context.blockSeconds) refuse("it ends after its block");
  const planned: PlannedContribution[] = [];
  const { load } = context;
  if (load !== undefined && header.count > 0) {
    const imported = context.bandCount;
    const end = registerSum(body, 0, imported);
    planned.push(
      planLoad("LOAD", header, hash, body.importMilliwattHours, end, body.quality, context, load),
    );
    if (load.exportToo) {
      const exportEnd = registerSum(body, imported, imported + 1);
      const values = body.exportMilliwattHours;
      planned.push(
        planLoad("LOAD_EXPORT", header, hash, values, exportEnd, body.quality, context, load),
      );
    }
  }
  if (endsAt === context.blockSeconds) planned.push(planBill(header, hash, body, context));
  return planned;
}

function registerSum(body: FrameBody, from: number, to: number): number {
  return body.registersMilliwattHours
    .slice(from, to)
    .reduce((sum, register) => sum + Number(register), 0);
}

function refuse(what: string): never {
  throw new ProtocolError("FRAME_OUT_OF_RANGE", `frame contributes nothing: ${what}`);
}

function planLoad(
  stream: Stream,
  header: FrameHeader,
  hash: Uint8Array,
  values: Uint32Array,
  registerEnd: number,
  quality: Uint8Array,
  context: ContributionContext,
  load: NonNullable<ContributionContext["load"]>,
): PlannedContribution {
  const ratio = load.intervalSeconds / header.intervalSeconds;
  if (!Number.isInteger(ratio) || header.firstSlot % ratio !== 0 || header.count % ratio !== 0) {
    refuse("its intervals do not fit the LOAD grid");
  }
  const firstSlot = header.firstSlot / ratio;
  const count = header.count / ratio;
  const packing = loadPacking(load.valueBits, context.modulusBits);
  if (firstSlot + count > packing.slots) refuse("its block has more slots than a ciphertext");
  const bitmap = new Uint8Array(Math.ceil(count / 8));
  const wattHours = Array.from({ length: firstSlot }, () => 0n);
  let register = registerEnd - values.reduce((sum, value) => sum + value, 0);
  if (register < 0) refuse("its readings exceed its register");
  for (let slot = 0; slot < count; slot++) {
    const before = Math.floor(register / 1000);
    let complete = true;
    for (let i = slot * ratio; i < (slot + 1) * ratio; i++) {
      register += values[i] ?? 0;
      complete &&= quality[i] !== QUALITY_MISSING;
    }
    // A slot without a value must add nothing: the set's sum is bounded by the number of its values (§5).
    const energy = complete ? Math.floor(register / 1000) - before : 0;
    if (energy >= 2 ** load.valueBits) refuse("a reading exceeds the fuse");
    wattHours.push(BigInt(energy));
    if (complete) bitmap[slot >> 3] = (bitmap[slot >> 3] ?? 0) | (1 << (slot & 7));
  }
  const grid = { firstSlot, count, intervalSeconds: load.intervalSeconds };
  return plan(stream, header, hash, grid, bitmap, wattHours, packing, context);
}

function planBill(
  header: FrameHeader,
  hash: Uint8Array,
  body: FrameBody,
  context: ContributionContext,
): PlannedContribution {
  const { firstSlot, count, intervalSeconds } = header;
  const grid = { firstSlot, count, intervalSeconds };
  const packing = billPacking(context.modulusBits);
  const registers = body.registersMilliwattHours;
  return plan("BILL", header, hash, grid, new Uint8Array(0), registers, packing, context);
}

function plan(
  stream: Stream,
  frame: FrameHeader,
  frameHash: Uint8Array,
  grid: Pick<ContributionHeader, "firstSlot" | "count" | "intervalSeconds">,
  bitmap: Uint8Array,
  values: readonly bigint[],
  packing: Packing,
  context: ContributionContext,
): PlannedContribution {
  const header: ContributionHeader = {
    profile: frame.profile,
    stream,
    paillierKeyId: context.paillierKeyId,
    networkPseudonym: frame.networkPseudonym,
    meterId: frame.meterId,
    blockStart: frame.blockStart,
    ...grid,
    registerBank: frame.registerBank,
    valueBits: packing.valueBits,
    slotBits: packing.slotBits,
    bitmap,
    frameHash,
  };
  const headerBytes = encodeContributionHeader(header);
  const digits = pack(packing, values)
    .toString(16)
    .padStart(packing.modulusBits / 4, "0");
  return { header, headerBytes, message: fromHex(digits, packing.modulusBits / 8) };
}

/**
 * The deterministic blinding of §6.4: ⌈|n|/2⌉ bits, big-endian, from the epoch's data key, the contribution's header and the
 * message itself. Source: RFC 5869, with the message inside so that no blinding serves two messages.
 */
export async function blindingOf(
  dataKey: Uint8Array,
  planned: Pick<PlannedContribution, "headerBytes" | "message">,
  modulusBits: number,
): Promise<Uint8Array> {
  const blindKey = await primitives.hkdfSha256(dataKey, utf8("smarter-metering/blind/v1"), 32);
  const info = concatBytes(
    await primitives.sha256(planned.headerBytes),
    await primitives.sha256(planned.message),
  );
  return primitives.hkdfSha256(blindKey, info, modulusBits / 16);
}
