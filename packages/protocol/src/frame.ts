/**
 * Frames, meter → concentrator (docs/protocol.md §2). The meter seals them; the concentrator and the UCS handle them closed;
 * the opener (of profile `pes-encrypts`) and the customer open them.
 */
import { primitives } from "#primitives";
import { concatBytes, equalBytes, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { ProtocolError, wellFormed } from "./error.ts";
import { bodyBytes, decodeBody, encodeBody, wipeBody, type FrameBody } from "./frame-body.ts";
import {
  checkSignature,
  SIGNATURE_BYTES,
  signedBytes,
  signedHashes,
  type SignatureDomain,
  type Signer,
} from "./signature.ts";
import { slotsRoot } from "./slot-commitments.ts";

export const FRAME_VERSION = 1;
/** Readings per frame at most; also the opener's default limit of readings in plaintext at once. */
export const FRAME_READINGS_MAX = 768;
export const FRAME_BYTES_MAX = 16_384;
const TAG_BYTES = 16;
const SIGNED_AS: SignatureDomain = "smarter-metering/frame/v1";

export type Profile = "pes-encrypts" | "meter-encrypts";
export type FrameKind = "BLOCK" | "LIVE";

const PROFILES: readonly Profile[] = ["pes-encrypts", "meter-encrypts"];
const KINDS: readonly FrameKind[] = ["BLOCK", "LIVE"];

export interface FrameHeader {
  readonly profile: Profile;
  readonly kind: FrameKind;
  /** The service point's pseudonym on the network, 16 bytes. */
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  readonly keyEpoch: number;
  readonly keyCommitment: Uint8Array;
  readonly counter: number;
  /** First instant of the block (a local day), epoch seconds. */
  readonly blockStart: number;
  /** First slot in the meter's own intervals, counted from `blockStart`. */
  readonly firstSlot: number;
  readonly count: number;
  readonly intervalSeconds: number;
  /** First 8 bytes of the SHA-256 of the calendar whose bands the registers follow. */
  readonly registerBank: Uint8Array;
  readonly previousFrameHash: Uint8Array;
  /** Commits to each slot and to the registers (§2.10): what the customer can show one by one. */
  readonly slotsRoot: Uint8Array;
}

/** What the meter decides of a header; the rest follows from the body. */
export type UnsealedHeader = Omit<FrameHeader, "slotsRoot">;

/** A frame as it travels: readable header, closed body. */
export interface SealedFrame {
  readonly header: FrameHeader;
  readonly headerBytes: Uint8Array;
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

export function profileCode(profile: Profile): number {
  return PROFILES.indexOf(profile) + 1;
}

export function profileOf(code: number): Profile {
  const profile = PROFILES[code - 1];
  wellFormed(profile !== undefined, "unknown profile");
  return profile;
}

export function encodeFrameHeader(header: FrameHeader): Uint8Array {
  checkFrameHeader(header);
  return new Writer()
    .u8(FRAME_VERSION)
    .u8(profileCode(header.profile))
    .u8(KINDS.indexOf(header.kind) + 1)
    .fixed(header.networkPseudonym, 16)
    .fixed(header.meterId, 16)
    .u32(header.keyEpoch)
    .fixed(header.keyCommitment, 32)
    .u64(header.counter)
    .u64(header.blockStart)
    .u16(header.firstSlot)
    .u16(header.count)
    .u32(header.intervalSeconds)
    .fixed(header.registerBank, 8)
    .fixed(header.previousFrameHash, 32)
    .fixed(header.slotsRoot, 32)
    .finish();
}

function readFrameHeader(reader: Reader): FrameHeader {
  wellFormed(reader.u8() === FRAME_VERSION, "unknown frame version");
  const profile = profileOf(reader.u8());
  const kind = KINDS[reader.u8() - 1];
  wellFormed(kind !== undefined, "unknown kind of frame");
  const header: FrameHeader = {
    profile,
    kind,
    networkPseudonym: reader.fixed(16),
    meterId: reader.fixed(16),
    keyEpoch: reader.u32(),
    keyCommitment: reader.fixed(32),
    counter: reader.safeU64(),
    blockStart: reader.safeU64(),
    firstSlot: reader.u16(),
    count: reader.u16(),
    intervalSeconds: reader.u32(),
    registerBank: reader.fixed(8),
    previousFrameHash: reader.fixed(32),
    slotsRoot: reader.fixed(32),
  };
  checkFrameHeader(header);
  return header;
}

/** A header that travels alone (§11.3). Throws PROTOCOL_MALFORMED. */
export function decodeFrameHeader(bytes: Uint8Array): FrameHeader {
  const reader = new Reader(bytes);
  const header = readFrameHeader(reader);
  reader.end();
  return header;
}

function checkFrameHeader(header: FrameHeader): void {
  wellFormed(header.count <= FRAME_READINGS_MAX, "too many readings in one frame");
  wellFormed(header.intervalSeconds > 0, "interval of 0 seconds");
}

export function encodeFrame(frame: SealedFrame): Uint8Array {
  return concatBytes(frame.headerBytes, frame.body, frame.signature);
}

/** Throws PROTOCOL_MALFORMED; says nothing about the signature or the body. */
export function decodeFrame(bytes: Uint8Array): SealedFrame {
  wellFormed(bytes.length <= FRAME_BYTES_MAX, `frame over ${FRAME_BYTES_MAX} bytes`);
  const reader = new Reader(bytes);
  const header = readFrameHeader(reader);
  const headerBytes = reader.consumed();
  const body = reader.fixed(bodyBytes(header) + TAG_BYTES);
  const signature = reader.fixed(SIGNATURE_BYTES);
  reader.end();
  return { header, headerBytes, body, signature };
}

const frameSignedBytes = (frame: Pick<SealedFrame, "headerBytes" | "body">): Promise<Uint8Array> =>
  signedBytes(SIGNED_AS, frame.headerBytes, frame.body);

/** SHA-256 of the signed bytes (§2.3): names the frame in chain, ledger and contributions. */
export async function frameHash(
  frame: Pick<SealedFrame, "headerBytes" | "body">,
): Promise<Uint8Array> {
  return primitives.sha256(await frameSignedBytes(frame));
}

/** Throws PROTOCOL_BAD_SIGNATURE. `meterKey` is the meter's raw Ed25519 key from the registry. */
export async function verifyFrame(frame: SealedFrame, meterKey: Uint8Array): Promise<void> {
  await checkSignature(meterKey, frame.signature, await frameSignedBytes(frame));
}

/** A frame whose sealed body stays away (§11.3). */
export interface DetachedFrame extends Pick<SealedFrame, "headerBytes" | "signature"> {
  /** SHA-256 of the sealed body. */
  readonly bodyHash: Uint8Array;
}

/** As `verifyFrame`. */
export async function verifyDetachedFrame(
  { headerBytes, bodyHash, signature }: DetachedFrame,
  meterKey: Uint8Array,
): Promise<void> {
  const headerHash = await primitives.sha256(headerBytes);
  await checkSignature(meterKey, signature, signedHashes(SIGNED_AS, headerHash, bodyHash));
}

/** Commits to an epoch's data key (§2.4); 32 bytes. */
export function keyCommitment(
  meterId: Uint8Array,
  keyEpoch: number,
  key: Uint8Array,
): Promise<Uint8Array> {
  const domain = utf8("smarter-metering/data-key/v1\0");
  return primitives.sha256(domain, new Writer().fixed(meterId, 16).u32(keyEpoch).finish(), key);
}

/** 96 bits: key epoch ‖ counter (§2.2). */
function nonceOf(header: Pick<FrameHeader, "keyEpoch" | "counter">): Uint8Array {
  return new Writer().u32(header.keyEpoch).u64(header.counter).finish();
}

/** Seals and signs one frame with the epoch's 32-byte data key, and commits to its slots. */
export async function sealFrame(
  unsealed: UnsealedHeader,
  body: FrameBody,
  key: Uint8Array,
  meter: Signer,
): Promise<SealedFrame> {
  const plaintext = encodeBody(body, unsealed);
  const header = { ...unsealed, slotsRoot: await slotsRoot(unsealed, body, key) };
  const headerBytes = encodeFrameHeader(header);
  const sealed = await primitives.aesGcmSeal(key, nonceOf(header), headerBytes, plaintext);
  plaintext.fill(0);
  const unsigned = { headerBytes, body: sealed };
  const signature = await meter.sign(await frameSignedBytes(unsigned));
  return { header, headerBytes, body: sealed, signature };
}

/**
 * Whether who opens a frame computes the root of its slots again (§2.10). The signature covers the readings without it: the root only makes
 * sure that what is disclosed of them one day, slot by slot, is what is inside. So it is checked by whoever bills, judges or discloses, and
 * not where readings are only looked at: of a year of minutes it is a million hashes, 20 times as much as everything else.
 */
export type SlotCommitments = "checked" | "unchecked";

/**
 * Opens a frame whose signature has been verified. Throws FRAME_UNOPENABLE, with one message for a wrong key, a key that
 * does not match the commitment, a changed body and slots that the header does not commit to alike.
 */
export async function openFrame(
  frame: SealedFrame,
  key: Uint8Array,
  commitments: SlotCommitments = "checked",
): Promise<FrameBody> {
  const { header, headerBytes, body } = frame;
  const commitment = await keyCommitment(header.meterId, header.keyEpoch, key);
  const committed = primitives.equalSecret(commitment, header.keyCommitment);
  const plaintext = await primitives.aesGcmOpen(key, nonceOf(header), headerBytes, body);
  try {
    if (plaintext !== undefined && committed) {
      const opened = decodeBody(plaintext, header);
      if (commitments === "unchecked") return opened;
      if (equalBytes(await slotsRoot(header, opened, key), header.slotsRoot)) return opened;
      wipeBody(opened);
    }
    throw new ProtocolError("FRAME_UNOPENABLE", "cannot open frame");
  } finally {
    plaintext?.fill(0);
  }
}
