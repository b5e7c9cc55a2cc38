/**
 * Everything the opener checks before it opens a frame (docs/protocol.md §2, §3, §6.5). Sees sealed
 * frames and public keys. What others checked already it checks again: it trusts no concentrator.
 */
import {
  decodeEnvelope,
  decodeFrame,
  decodeUplinkItem,
  equalBytes,
  frameHash,
  fromHex,
  primitives,
  ProtocolError,
  toHex,
  verifyEnvelope,
  verifyFrame,
  type ContributionContext,
  type FrameHeader,
  type KeyEnvelope,
  type NetworkView,
  type RecipientSecret,
  type SealedFrame,
} from "@smarter-metering/protocol";
import type { EngineKey } from "@smarter-metering/paillier";
import { destroyedAt, type KeyRing } from "./key-ring.ts";
import { registryContext } from "./registry-context.ts";

const FUTURE_SECONDS_MAX = 300;
const GOOD_ENVELOPES_MAX = 4096;

export type FrameRefusal =
  | "FRAME_MALFORMED"
  | "FRAME_TOO_LARGE"
  | "FRAME_FOREIGN"
  | "FRAME_PROFILE"
  | "FRAME_FUTURE"
  | "FRAME_OFF_GRID"
  | "FRAME_BAD_SIGNATURE"
  | "FRAME_UNOPENABLE"
  | "FRAME_OUT_OF_RANGE"
  /**
   * The envelope is missing, malformed or badly signed, or it is another frame's or another
   * recipient's.
   */
  | "ENVELOPE_FOREIGN"
  | "ENVELOPE_UNOPENABLE"
  /** It came after the last block of its key was sealed: nobody can open it any more. */
  | "OPENER_KEY_DESTROYED"
  /** The registry lists its key, and this opener's folder lacks it: another opener may have it. */
  | "OPENER_KEY_ELSEWHERE";

/** A frame that may be opened. */
export interface CheckedFrame {
  readonly frame: SealedFrame;
  readonly hash: Uint8Array;
  readonly envelope: KeyEnvelope;
  /** Opens the envelope. */
  readonly secret: RecipientSecret;
  readonly context: ContributionContext;
  readonly key: EngineKey;
}

export type FrameCheck =
  | { readonly ok: true; readonly checked: CheckedFrame }
  | { readonly ok: false; readonly code: FrameRefusal };

/** What a frame is checked against. */
export interface FrameCheckContext {
  readonly view: NetworkView;
  readonly nowSeconds: number;
  readonly keys: Pick<KeyRing, "find">;
  readonly readingsMax: number;
  /**
   * Hashes of envelopes and their meters' keys whose signatures were good: a meter sends the same
   * envelope with each frame of an epoch. `checkFrame` adds to it, at most GOOD_ENVELOPES_MAX.
   */
  readonly goodEnvelopes: Set<string>;
}

/** `item` is an encoded uplink item. Rejects only when the registry's Paillier key is bad. */
export async function checkFrame(
  item: Uint8Array,
  against: FrameCheckContext,
): Promise<FrameCheck> {
  const decoded = decodeItem(item);
  if (decoded === undefined) return refused("FRAME_MALFORMED");
  const { frame, openerEnvelope } = decoded;
  const { header } = frame;
  if (header.count > against.readingsMax) return refused("FRAME_TOO_LARGE");
  const network = toHex(header.networkPseudonym);
  const instant = header.blockStart + (header.firstSlot + header.count) * header.intervalSeconds;
  if (instant > against.nowSeconds + FUTURE_SECONDS_MAX) return refused("FRAME_FUTURE");

  const point = against.view.servicePoint(network);
  const meter = against.view.meterAt(network, toHex(header.meterId), instant);
  if (point === undefined || meter === undefined) return refused("FRAME_FOREIGN");
  if (!(await passes(verifyFrame(frame, fromHex(meter.signingKey, 32))))) {
    return refused("FRAME_BAD_SIGNATURE");
  }
  const cohort = against.view.cohortOf(network, header.blockStart);
  const profiles = [header.profile, point.profile, cohort?.profile ?? point.profile];
  if (profiles.some((profile) => profile !== "pes-encrypts")) return refused("FRAME_PROFILE");

  const registry = await registryContext(against.view);
  const context = await registry.contextOf(point, header);
  const registered =
    header.intervalSeconds === point.intervalSeconds &&
    toHex(header.registerBank) === point.registerBank;
  if (context === undefined || !registered) return refused("FRAME_OFF_GRID");

  const envelope = await checkEnvelope(openerEnvelope, header, meter.signingKey, against);
  if (envelope === undefined) return refused("ENVELOPE_FOREIGN");
  const secret = await against.keys.find(envelope.recipientKeyId);
  if (secret === undefined) {
    const registered = registry.openerKeys.get(toHex(envelope.recipientKeyId));
    if (registered === undefined) return refused("ENVELOPE_FOREIGN");
    const isOver = destroyedAt(registered) <= against.nowSeconds;
    return refused(isOver ? "OPENER_KEY_DESTROYED" : "OPENER_KEY_ELSEWHERE");
  }
  if (secret === "destroyed") return refused("OPENER_KEY_DESTROYED");
  const hash = await frameHash(frame);
  return { ok: true, checked: { frame, hash, envelope, secret, context, key: registry.key } };
}

const refused = (code: FrameRefusal): FrameCheck => ({ ok: false, code });

function decodeItem(
  bytes: Uint8Array,
): { readonly frame: SealedFrame; readonly openerEnvelope: Uint8Array } | undefined {
  try {
    const item = decodeUplinkItem(bytes);
    if (item.kind !== "FRAME") return undefined;
    const frame = decodeFrame(item.frame);
    return frame.header.kind === "BLOCK"
      ? { frame, openerEnvelope: item.openerEnvelope }
      : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The envelope, if it is the meter's, for this frame's key and for an opener. */
async function checkEnvelope(
  bytes: Uint8Array,
  header: FrameHeader,
  meterKey: string,
  against: FrameCheckContext,
): Promise<KeyEnvelope | undefined> {
  let envelope: KeyEnvelope;
  try {
    envelope = decodeEnvelope(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
  const belongs =
    envelope.recipient === "opener" &&
    envelope.keyEpoch === header.keyEpoch &&
    equalBytes(envelope.networkPseudonym, header.networkPseudonym) &&
    equalBytes(envelope.meterId, header.meterId) &&
    equalBytes(envelope.keyCommitment, header.keyCommitment);
  if (!belongs) return undefined;
  const name = toHex(await primitives.sha256(bytes, fromHex(meterKey, 32)));
  if (against.goodEnvelopes.has(name)) return envelope;
  if (!(await passes(verifyEnvelope(envelope, fromHex(meterKey, 32))))) return undefined;
  if (against.goodEnvelopes.size >= GOOD_ENVELOPES_MAX) against.goodEnvelopes.clear();
  against.goodEnvelopes.add(name);
  return envelope;
}

async function passes(verification: Promise<void>): Promise<boolean> {
  try {
    await verification;
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
