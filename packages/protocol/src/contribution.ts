/**
 * Contributions (docs/protocol.md §6.2): one meter's ciphertext for one block and stream, with its context, signed by whoever
 * encrypted it. The aggregator and the trustees read all of it; none of them can open a single one.
 */
import { concatBytes } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { wellFormed } from "./error.ts";
import { profileCode, profileOf, type Profile } from "./frame.ts";
import { leafHash } from "./merkle.ts";
import {
  checkSignature,
  SIGNATURE_BYTES,
  signedBytes,
  type SignatureDomain,
  type Signer,
} from "./signature.ts";

const CONTRIBUTION_VERSION = 1;
const BITMAP_BYTES_MAX = 255;
const CIPHERTEXT_BYTES_MAX = 65_535;

/**
 * LOAD in Wh per slot, summed over a cohort; BILL registers in mWh, subtracted per service point, and COST beside it, whose register counts
 * price steps × mWh; STEPS in mWh, one ciphertext for each step of prices that are known afterwards, weighted and summed per service point
 * (§6.6). Never mixed.
 */
export type Stream = "LOAD" | "BILL" | "LOAD_EXPORT" | "COST" | "STEPS";
const STREAMS: readonly Stream[] = ["LOAD", "BILL", "LOAD_EXPORT", "COST", "STEPS"];
const UNITS: Readonly<Record<Stream, number>> = {
  LOAD: 1,
  LOAD_EXPORT: 1,
  BILL: 2,
  COST: 3,
  STEPS: 2,
};

export interface ContributionHeader {
  readonly profile: Profile;
  readonly stream: Stream;
  readonly paillierKeyId: Uint8Array;
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  readonly blockStart: number;
  /** In LOAD intervals of the cohort, counted from `blockStart`; of STEPS in steps of the prices. */
  readonly firstSlot: number;
  readonly count: number;
  readonly intervalSeconds: number;
  readonly registerBank: Uint8Array;
  readonly valueBits: number;
  readonly slotBits: number;
  /** Bit j (least significant first): slot `firstSlot + j` has a value. Empty for BILL and COST. */
  readonly bitmap: Uint8Array;
  readonly frameHash: Uint8Array;
}

export interface Contribution {
  readonly header: ContributionHeader;
  readonly headerBytes: Uint8Array;
  /** Of STEPS: one for each step, behind one another. */
  readonly ciphertext: Uint8Array;
  readonly signature: Uint8Array;
}

export const streamCode = (stream: Stream): number => STREAMS.indexOf(stream) + 1;

export function streamOf(code: number): Stream {
  const stream = STREAMS[code - 1];
  wellFormed(stream !== undefined, "unknown stream");
  return stream;
}

/** Of registers at one instant; any other is of a block's slots. */
export const isRegisterStream = (stream: Stream): stream is "BILL" | "COST" =>
  stream === "BILL" || stream === "COST";

/** Summed over a cohort, by its grid; any other is one service point's. */
export const isLoadStream = (stream: Stream): stream is "LOAD" | "LOAD_EXPORT" =>
  stream === "LOAD" || stream === "LOAD_EXPORT";

/** How many ciphertexts a contribution holds, behind one another. */
export const ciphertextsIn = ({
  stream,
  count,
}: Pick<ContributionHeader, "stream" | "count">): number => (stream === "STEPS" ? count : 1);

/** The instant a contribution ends at; for BILL and COST, the instant of its registers. Epoch seconds. */
export function instantOf(
  header: Pick<ContributionHeader, "blockStart" | "firstSlot" | "count" | "intervalSeconds">,
): number {
  return header.blockStart + (header.firstSlot + header.count) * header.intervalSeconds;
}

export function encodeContributionHeader(header: ContributionHeader): Uint8Array {
  checkContributionHeader(header);
  return new Writer()
    .u8(CONTRIBUTION_VERSION)
    .u8(profileCode(header.profile))
    .u8(streamCode(header.stream))
    .fixed(header.paillierKeyId, 32)
    .fixed(header.networkPseudonym, 16)
    .fixed(header.meterId, 16)
    .u64(header.blockStart)
    .u16(header.firstSlot)
    .u16(header.count)
    .u32(header.intervalSeconds)
    .fixed(header.registerBank, 8)
    .u8(UNITS[header.stream])
    .u8(header.valueBits)
    .u8(header.slotBits)
    .vector(header.bitmap, BITMAP_BYTES_MAX)
    .fixed(header.frameHash, 32)
    .finish();
}

/** How many slots have a value. */
export function valuedSlots({ bitmap }: Pick<ContributionHeader, "bitmap">): number {
  let slots = 0;
  for (let byte of bitmap) for (; byte > 0; byte &= byte - 1) slots += 1;
  return slots;
}

function readContributionHeader(reader: Reader): ContributionHeader {
  wellFormed(reader.u8() === CONTRIBUTION_VERSION, "unknown contribution version");
  const profile = profileOf(reader.u8());
  const stream = streamOf(reader.u8());
  const ids = {
    paillierKeyId: reader.fixed(32),
    networkPseudonym: reader.fixed(16),
    meterId: reader.fixed(16),
  };
  const slots = {
    blockStart: reader.safeU64(),
    firstSlot: reader.u16(),
    count: reader.u16(),
    intervalSeconds: reader.u32(),
  };
  const registerBank = reader.fixed(8);
  wellFormed(reader.u8() === UNITS[stream], "unit does not fit the stream");
  const packing = { valueBits: reader.u8(), slotBits: reader.u8() };
  const bitmap = reader.vector(BITMAP_BYTES_MAX);
  const frameHash = reader.fixed(32);
  const header = { profile, stream, ...ids, ...slots, registerBank, ...packing, bitmap, frameHash };
  checkContributionHeader(header);
  return header;
}

function checkContributionHeader(header: ContributionHeader): void {
  const { stream, count, bitmap, intervalSeconds, valueBits, slotBits } = header;
  const bitmapBytes = isRegisterStream(stream) ? 0 : Math.ceil(count / 8);
  wellFormed(bitmap.length === bitmapBytes, "bitmap of the wrong length");
  wellFormed(spareBitsClear(bitmap, count), "bitmap has bits beyond its count");
  wellFormed(intervalSeconds > 0, "interval of 0 seconds");
  wellFormed(valueBits > 0 && valueBits <= slotBits, "values do not fit their slots");
}

function spareBitsClear(bitmap: Uint8Array, count: number): boolean {
  const used = count % 8;
  return used === 0 || (bitmap.at(-1) ?? 0) >> used === 0;
}

export function encodeContribution(contribution: Contribution): Uint8Array {
  const tail = new Writer()
    .vector(contribution.ciphertext, CIPHERTEXT_BYTES_MAX, 1)
    .fixed(contribution.signature, SIGNATURE_BYTES)
    .finish();
  return concatBytes(contribution.headerBytes, tail);
}

export function decodeContribution(bytes: Uint8Array): Contribution {
  const reader = new Reader(bytes);
  const header = readContributionHeader(reader);
  const headerBytes = reader.consumed();
  const ciphertext = reader.vector(CIPHERTEXT_BYTES_MAX, 1);
  const signature = reader.fixed(SIGNATURE_BYTES);
  reader.end();
  return { header, headerBytes, ciphertext, signature };
}

const domainOf = (profile: Profile): SignatureDomain =>
  profile === "pes-encrypts"
    ? "smarter-metering/contribution-opener/v1"
    : "smarter-metering/contribution-meter/v1";

/** Signs as the opener or as the meter, by the header's profile. */
export async function signContribution(
  headerBytes: Uint8Array,
  header: ContributionHeader,
  ciphertext: Uint8Array,
  signer: Signer,
): Promise<Contribution> {
  const data = await signedBytes(domainOf(header.profile), headerBytes, ciphertext);
  return { header, headerBytes, ciphertext, signature: await signer.sign(data) };
}

/** Throws PROTOCOL_BAD_SIGNATURE. `key` is the opener's or the meter's, as the profile says. */
export async function verifyContribution(
  contribution: Contribution,
  key: Uint8Array,
): Promise<void> {
  const { header, headerBytes, ciphertext, signature } = contribution;
  const data = await signedBytes(domainOf(header.profile), headerBytes, ciphertext);
  await checkSignature(key, signature, data);
}

/** The leaf of a contribution in the request's Merkle tree (§8.1). */
export const contributionLeaf = (encoded: Uint8Array): Promise<Uint8Array> => leafHash(encoded);
