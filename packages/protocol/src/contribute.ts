/**
 * From an opened frame to contributions (docs/protocol.md §6.3): the one function that does it, run by the opener (`pes-encrypts`),
 * by the meter (`meter-encrypts`) and by a customer who re-computes his own ciphertexts.
 */
import { pack, packingFor, type Packing } from "@smarter-metering/paillier";
import { concatBytes, fromHex } from "./bytes.ts";
import {
  encodeContributionHeader,
  isLoadStream,
  isRegisterStream,
  type ContributionHeader,
  type Stream,
} from "./contribution.ts";
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
  /** Epoch seconds at which the frame's meter is taken away; its last frame ends there. */
  readonly servedUntil?: number;
  readonly bandCount: number;
  /** The register bank has a cost, after export (§6.6). */
  readonly hasCost?: boolean;
  /** Of a service point whose prices are known only afterwards: the length of their steps (§6.6). */
  readonly stepSeconds?: number;
  /** Absent while the service point waits for a cohort: then only BILL is contributed. */
  readonly load:
    | { readonly intervalSeconds: number; readonly valueBits: number; readonly exportToo: boolean }
    | undefined;
}

/** A contribution before encryption: messages are plaintext and must be wiped by the caller. */
export interface PlannedContribution {
  readonly header: ContributionHeader;
  readonly headerBytes: Uint8Array;
  /** M, big-endian, |n|/8 bytes: one, and of STEPS one for each step. */
  readonly messages: readonly Uint8Array[];
}

/** One message of a contribution, and its place among them. */
export interface PlannedMessage extends Pick<PlannedContribution, "header" | "headerBytes"> {
  readonly message: Uint8Array;
  readonly index: number;
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

/** What a BLOCK frame has to contribute (§6.3), in the order in which it is made. */
export function streamsOf(
  frame: Pick<FrameHeader, "blockStart" | "firstSlot" | "count" | "intervalSeconds">,
  { load, blockSeconds, servedUntil, hasCost = false, stepSeconds }: ContributionContext,
): Stream[] {
  const endsAt = (frame.firstSlot + frame.count) * frame.intervalSeconds;
  const isInstallation = frame.count === 0;
  const isLast = frame.blockStart + endsAt === servedUntil;
  const loads: Stream[] =
    load === undefined || frame.count === 0
      ? []
      : load.exportToo
        ? ["LOAD", "LOAD_EXPORT"]
        : ["LOAD"];
  const isBorder = isInstallation || isLast || endsAt === blockSeconds;
  const registers: Stream[] = isBorder ? (hasCost ? ["BILL", "COST"] : ["BILL"]) : [];
  const hasSteps = stepSeconds !== undefined && stepsOf(frame, stepSeconds).count > 0;
  return [...loads, ...registers, ...(hasSteps ? (["STEPS"] as const) : [])];
}

/**
 * The steps of prices that lie in a frame from their beginning to their end. A step that two frames share is in neither, and where steps
 * do not fit the block or the intervals there are none: a window with such a step has no cost (§6.6).
 */
function stepsOf(
  {
    blockStart,
    firstSlot,
    count,
    intervalSeconds,
  }: Pick<FrameHeader, "blockStart" | "firstSlot" | "count" | "intervalSeconds">,
  stepSeconds: number,
): { firstSlot: number; count: number } {
  const first = Math.ceil((firstSlot * intervalSeconds) / stepSeconds);
  const end = Math.floor(((firstSlot + count) * intervalSeconds) / stepSeconds);
  const fits = blockStart % stepSeconds === 0 && stepSeconds % intervalSeconds === 0;
  return { firstSlot: first, count: fits ? Math.max(0, end - first) : 0 };
}

/**
 * The contributions of one opened BLOCK frame: LOAD (and LOAD_EXPORT where the cohort has it) if it has readings, BILL if it ends
 * its block or its meter's service, or is an installation, COST beside it where the bank has one, and STEPS where prices are known
 * afterwards and it holds some whole. Throws FRAME_OUT_OF_RANGE when a value cannot be, or slots do not fit the LOAD grid: the frame
 * contributes nothing.
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
  return streamsOf(header, context).map((stream) => {
    const slots = slotsOf(stream, header, context);
    const { vectors, bitmap } = vectorsOf(stream, slots, header, body, context);
    const contribution = contributionHeaderOf(stream, header, hash, bitmap, context);
    return {
      header: contribution,
      headerBytes: encodeContributionHeader(contribution),
      messages: vectors.map((values) => packed(slots.packing, values)),
    };
  });
}

/** What each ciphertext of a contribution packs, and which slots have a value. */
interface Vectors {
  readonly vectors: readonly (readonly bigint[])[];
  readonly bitmap: Uint8Array;
}

function vectorsOf(
  stream: Stream,
  slots: Slots,
  header: FrameHeader,
  body: FrameBody,
  context: ContributionContext,
): Vectors {
  if (stream === "STEPS") return stepValues(slots, header, body);
  if (isRegisterStream(stream)) {
    return { vectors: [registerValues(stream, body, context)], bitmap: new Uint8Array(0) };
  }
  const { values, bitmap } = loadValues(stream, body, context.bandCount, slots);
  return { vectors: [values], bitmap };
}

/**
 * The header that §6.2 and §6.3 prescribe for a frame's contribution to `stream`; all of it but the bitmap follows from what is in
 * clear. Throws FRAME_OUT_OF_RANGE when the frame does not fit the LOAD grid.
 */
export function contributionHeaderOf(
  stream: Stream,
  frame: FrameHeader,
  frameHash: Uint8Array,
  bitmap: Uint8Array,
  context: ContributionContext,
): ContributionHeader {
  const { packing, ...grid } = slotsOf(stream, frame, context);
  return {
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
}

function refuse(what: string): never {
  throw new ProtocolError("FRAME_OUT_OF_RANGE", `frame contributes nothing: ${what}`);
}

interface Slots extends Pick<ContributionHeader, "firstSlot" | "count" | "intervalSeconds"> {
  readonly packing: Packing;
}

/** Where a frame's values stand in its contribution: in LOAD intervals of the cohort, in steps of prices, or for registers in the meter's own. */
function slotsOf(
  stream: Stream,
  frame: FrameHeader,
  { load, modulusBits, stepSeconds }: ContributionContext,
): Slots {
  const { firstSlot, count, intervalSeconds } = frame;
  if (stream === "STEPS" && stepSeconds !== undefined) {
    const steps = stepsOf(frame, stepSeconds);
    return { ...steps, intervalSeconds: stepSeconds, packing: billPacking(modulusBits) };
  }
  if (!isLoadStream(stream) || load === undefined) {
    return { firstSlot, count, intervalSeconds, packing: billPacking(modulusBits) };
  }
  const ratio = load.intervalSeconds / intervalSeconds;
  if (!Number.isInteger(ratio) || firstSlot % ratio !== 0 || count % ratio !== 0) {
    refuse("its intervals do not fit the LOAD grid");
  }
  const packing = loadPacking(load.valueBits, modulusBits);
  const grid = { firstSlot: firstSlot / ratio, count: count / ratio };
  if (grid.firstSlot + grid.count > packing.slots) {
    refuse("its block has more slots than a ciphertext");
  }
  return { ...grid, intervalSeconds: load.intervalSeconds, packing };
}

/**
 * BILL is opened in every bill, COST only where the rule for it (§8.3, R9) allows: what the one has the other has not. Throws
 * FRAME_OUT_OF_RANGE when there are registers beyond those of the bank.
 */
function registerValues(
  stream: "BILL" | "COST",
  { registersMilliwattHours: registers }: FrameBody,
  { bandCount, hasCost = false }: ContributionContext,
): readonly bigint[] {
  const energies = registers.slice(0, bandCount + 1);
  const [cost, rest] = [registers[bandCount + 1] ?? 0n, registers.slice(bandCount + 2)];
  if (rest.some((register) => register !== 0n) || (!hasCost && cost !== 0n)) {
    refuse("it has registers that its bank does not have");
  }
  return stream === "BILL" ? energies : [cost];
}

/** The import of each step by itself, mWh, and which steps have a value: all of their intervals do, or they contribute 0. */
function stepValues(
  { firstSlot, count, intervalSeconds: stepSeconds }: Slots,
  frame: FrameHeader,
  { importMilliwattHours, quality }: FrameBody,
): Vectors {
  const ratio = stepSeconds / frame.intervalSeconds;
  const bitmap = new Uint8Array(Math.ceil(count / 8));
  const vectors = Array.from({ length: count }, (_, step) => {
    const from = (firstSlot + step) * ratio - frame.firstSlot;
    if (quality.subarray(from, from + ratio).includes(QUALITY_MISSING)) return [0n];
    bitmap[step >> 3] = (bitmap[step >> 3] ?? 0) | (1 << (step & 7));
    const energies = importMilliwattHours.subarray(from, from + ratio);
    return [BigInt(energies.reduce((sum, energy) => sum + energy, 0))];
  });
  return { vectors, bitmap };
}

/** Whole Wh in each slot of the block, and which slots have a value (§1.4, §6.3). */
function loadValues(
  stream: "LOAD" | "LOAD_EXPORT",
  body: FrameBody,
  bandCount: number,
  { firstSlot, count, packing }: Pick<Slots, "firstSlot" | "count" | "packing">,
): { values: readonly bigint[]; bitmap: Uint8Array } {
  const { quality } = body;
  const isExport = stream === "LOAD_EXPORT";
  const readings = isExport ? body.exportMilliwattHours : body.importMilliwattHours;
  const registerEnd = isExport
    ? registerSum(body, bandCount, bandCount + 1)
    : registerSum(body, 0, bandCount);
  const ratio = readings.length / count;
  const bitmap = new Uint8Array(Math.ceil(count / 8));
  const values = Array.from({ length: firstSlot }, () => 0n);
  let register = registerEnd - readings.reduce((sum, value) => sum + value, 0);
  if (register < 0) refuse("its readings exceed its register");
  for (let slot = 0; slot < count; slot++) {
    const before = Math.floor(register / 1000);
    let complete = true;
    for (let i = slot * ratio; i < (slot + 1) * ratio; i++) {
      register += readings[i] ?? 0;
      complete &&= quality[i] !== QUALITY_MISSING;
    }
    // A slot without a value must add nothing: the set's sum is bounded by the number of its values (§5).
    const energy = complete ? Math.floor(register / 1000) - before : 0;
    if (energy >= 2 ** packing.valueBits) refuse("a reading exceeds the fuse");
    values.push(BigInt(energy));
    if (complete) bitmap[slot >> 3] = (bitmap[slot >> 3] ?? 0) | (1 << (slot & 7));
  }
  return { values, bitmap };
}

function registerSum(body: FrameBody, from: number, to: number): number {
  return body.registersMilliwattHours
    .slice(from, to)
    .reduce((sum, register) => sum + Number(register), 0);
}

function packed(packing: Packing, values: readonly bigint[]): Uint8Array {
  const digits = pack(packing, values)
    .toString(16)
    .padStart(packing.modulusBits / 4, "0");
  return fromHex(digits, packing.modulusBits / 8);
}

/** A contribution that is still to be signed. */
export interface EncryptedContribution {
  readonly header: ContributionHeader;
  readonly headerBytes: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** The messages of a contribution one by one, each with what its blinding follows from. */
export const messagesOf = ({
  header,
  headerBytes,
  messages,
}: PlannedContribution): PlannedMessage[] =>
  messages.map((message, index) => ({ header, headerBytes, message, index }));

/**
 * Encrypts what a frame contributes, and wipes the messages. `encrypt` gives the ciphertext of a message of |n|/8 bytes: the opener's
 * and the customer's under `blindingOf`, the meter's under a blinding that it has prepared. Rejects with what `encrypt` rejects with.
 */
export async function encryptContributions(
  planned: readonly PlannedContribution[],
  encrypt: (planned: PlannedMessage) => Promise<Uint8Array>,
): Promise<EncryptedContribution[]> {
  const all = planned.flatMap(messagesOf);
  // Settled, not all: a message may not be wiped while another call still reads it.
  const results = await Promise.allSettled(all.map(encrypt));
  for (const { message } of all) message.fill(0);
  const ciphertexts = results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
  let next = 0;
  return planned.map(({ header, headerBytes, messages }) => {
    const own = ciphertexts.slice(next, (next += messages.length));
    return { header, headerBytes, ciphertext: concatBytes(...own) };
  });
}
