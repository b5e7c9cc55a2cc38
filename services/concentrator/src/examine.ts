/**
 * First half of the concentrator's work on an uplink item: decode, look up, check rules and
 * signatures (docs/protocol.md §2.8, §3, §4, §10.1). Nothing is remembered here but which opener
 * envelopes were found good.
 */
import {
  decodeEnrolmentAnswer,
  decodeEnvelope,
  decodeFrame,
  decodeOffer,
  decodeUplinkItem,
  equalBytes,
  FRAME_BYTES_MAX,
  frameHash,
  fromHex,
  primitives,
  ProtocolError,
  toHex,
  verifyEnrolmentAnswer,
  verifyEnvelope,
  verifyFrame,
  verifyOffer,
  type EnrolmentAnswer,
  type EnrolmentOffer,
  type KeyEnvelope,
  type NetworkView,
  type SealedFrame,
  type UplinkItem,
  type UplinkMessage,
} from "@smarter-metering/protocol";
import { examineContributions, type ExaminedContribution } from "./examine-contributions.ts";
import { checkHeader, type FrameRules } from "./frame-rules.ts";
import { refused, type Refusal } from "./verdict.ts";

/** A frame under a good signature of the registered meter. */
export interface ExaminedFrame {
  readonly kind: "frame";
  readonly meterId: string;
  readonly network: string;
  readonly frame: SealedFrame;
  readonly frameBytes: Uint8Array;
  readonly hash: Uint8Array;
  /** The uplink item as it came, with the opener's envelope. */
  readonly item: Uint8Array;
  /** Of a BLOCK in `meter-encrypts`: what its meter made of it. */
  readonly contributions: readonly ExaminedContribution[];
}

/** A customer envelope, an enrolment offer or an enrolment answer, under a good signature. */
export interface ExaminedMessage {
  readonly kind: "message";
  readonly meterId: string;
  readonly network: string;
  /** Of an enrolment answer: the request it settles. */
  readonly answeredNonce: Uint8Array | undefined;
  readonly item: Uint8Array;
}

export type Examined = ExaminedFrame | ExaminedMessage | Refusal;

/**
 * Hashes of opener envelopes whose signature was found good; a meter repeats one for a whole epoch.
 */
export type KnownEnvelopes = Set<string>;
/** When the set is full it starts anew: each envelope then costs one more check. */
const KNOWN_ENVELOPES_MAX = 16_384;

/** Never throws for what a peer sent. */
export async function examineItem(
  item: Uint8Array,
  rules: FrameRules,
  known: KnownEnvelopes,
): Promise<Examined> {
  try {
    const decoded = decodeUplinkItem(item);
    return "frame" in decoded
      ? await examineFrame(decoded, item, rules, known)
      : await examineMessage(decoded, item, rules.view);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.code === "PROTOCOL_BAD_SIGNATURE"
      ? refused("FRAME_BAD_SIGNATURE", error.message)
      : refused("FRAME_MALFORMED", error.message);
  }
}

async function examineFrame(
  decoded: Exclude<UplinkItem, UplinkMessage>,
  item: Uint8Array,
  rules: FrameRules,
  known: KnownEnvelopes,
): Promise<Examined> {
  if (decoded.frame.length > FRAME_BYTES_MAX) {
    return refused("FRAME_TOO_LARGE", `a frame has at most ${FRAME_BYTES_MAX} bytes`);
  }
  const frame = decodeFrame(decoded.frame);
  const checked = checkHeader(frame.header, rules);
  if ("status" in checked) return checked;
  const signingKey = fromHex(checked.signingKey);
  await verifyFrame(frame, signingKey);
  const hash = await frameHash(frame);
  const companions =
    decoded.kind === "FRAME"
      ? await checkOpenerEnvelope(frame, decoded.openerEnvelope, signingKey, known)
      : await examineContributions(frame.header, hash, decoded.contributions, rules, signingKey);
  if ("status" in companions) return companions;
  return {
    kind: "frame",
    meterId: toHex(frame.header.meterId),
    network: toHex(frame.header.networkPseudonym),
    frame,
    frameBytes: decoded.frame,
    hash,
    item,
    contributions: companions,
  };
}

/**
 * The envelope is outside the frame's signature: were a wrong one accepted, the opener could not
 * open the frame and the right one would be taken for a duplicate.
 */
async function checkOpenerEnvelope(
  frame: SealedFrame,
  bytes: Uint8Array,
  signingKey: Uint8Array,
  known: KnownEnvelopes,
): Promise<readonly [] | Refusal> {
  const { header } = frame;
  if (header.kind === "BLOCK" && header.profile === "meter-encrypts") {
    return refused("FRAME_MALFORMED", "a BLOCK of meter-encrypts comes with its contributions");
  }
  if (header.kind === "LIVE" || bytes.length === 0) {
    return header.kind === "BLOCK" || bytes.length > 0
      ? refused("FRAME_MALFORMED", "an opener's envelope goes with each BLOCK and nothing else")
      : [];
  }
  const envelope = decodeEnvelope(bytes);
  if (
    envelope.recipient !== "opener" ||
    envelope.keyEpoch !== header.keyEpoch ||
    !equalBytes(envelope.meterId, header.meterId) ||
    !equalBytes(envelope.networkPseudonym, header.networkPseudonym) ||
    !equalBytes(envelope.keyCommitment, header.keyCommitment)
  ) {
    return refused("FRAME_MALFORMED", "the opener's envelope belongs to another frame");
  }
  const name = toHex(await primitives.sha256(signingKey, bytes));
  if (known.has(name)) return [];
  await verifyEnvelope(envelope, signingKey);
  if (known.size >= KNOWN_ENVELOPES_MAX) known.clear();
  known.add(name);
  return [];
}

async function examineMessage(
  decoded: UplinkMessage,
  item: Uint8Array,
  view: NetworkView,
): Promise<Examined> {
  const message = decodeMessage(decoded);
  if ("recipient" in message && message.recipient !== "customer") {
    return refused("FRAME_MALFORMED", "an opener's envelope travels with its frame only");
  }
  const meterId = toHex(message.meterId);
  const network = toHex(message.networkPseudonym);
  // By id, not by time: keys of past epochs are wrapped long after a meter was replaced.
  const meter = view.servicePoint(network)?.meters.find((entry) => entry.meterId === meterId);
  if (meter === undefined) {
    return refused("FRAME_FOREIGN", "no such meter at this service point");
  }
  const signingKey = fromHex(meter.signingKey);
  if ("recipient" in message) await verifyEnvelope(message, signingKey);
  else if ("accepted" in message) await verifyEnrolmentAnswer(message, signingKey);
  else await verifyOffer(message, signingKey);
  const answeredNonce = "accepted" in message ? message.nonce : undefined;
  return { kind: "message", meterId, network, answeredNonce, item };
}

function decodeMessage({
  kind,
  message,
}: UplinkMessage): KeyEnvelope | EnrolmentOffer | EnrolmentAnswer {
  if (kind === "ENVELOPE") return decodeEnvelope(message);
  return kind === "ENROLMENT_OFFER" ? decodeOffer(message) : decodeEnrolmentAnswer(message);
}
