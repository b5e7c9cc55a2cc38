/** A concentrator in memory with the real judgement: what a fleet's uplink speaks to in tests. */
import assert from "node:assert/strict";
import {
  decodeEnrolmentAnswer,
  decodeEnrolmentRequest,
  decodeEnvelope,
  decodeFrame,
  decodeUplinkItem,
  equalBytes,
  frameHash,
  judgeFrame,
  openEnvelope,
  openFrame,
  placeInBlock,
  ProtocolError,
  toHex,
  verifyFrame,
  type ChainHead,
  type EnrolmentAnswer,
  type FrameBody,
  type RecipientSecret,
  type SealedFrame,
  type UplinkMessage,
} from "@smarter-metering/protocol";
import type { UplinkAnswer, UplinkEntry, UplinkVerdict } from "../src/index.ts";

export interface AcceptedFrame {
  readonly frame: SealedFrame;
  readonly hash: string;
  readonly bytes: Uint8Array;
  readonly openerEnvelope: Uint8Array;
  readonly contributions: readonly Uint8Array[];
}

const NOTHING = new Uint8Array(0);

export class FakeConcentrator {
  /** In the order of acceptance, all meters. */
  accepted: AcceptedFrame[] = [];
  /** Envelopes, offers and answers, as often as they came. */
  messages: UplinkMessage[] = [];
  downlink: { meterId: string; message: Uint8Array }[] = [];
  /** Codes to refuse frames with, by meter id. */
  refuse = new Map<string, string>();
  #heads = new Map<string, ChainHead>();
  #counters = new Map<string, Uint8Array>();
  #slots = new Map<string, Uint8Array>();
  readonly #meterKeys: ReadonlyMap<string, Uint8Array>;
  /** Every (key, nonce) ever seen on the wire, also in frames that were not accepted. */
  readonly #nonces = new Map<string, string>();

  constructor(meterKeys: ReadonlyMap<string, Uint8Array>) {
    this.#meterKeys = meterKeys;
  }

  clone(): FakeConcentrator {
    const copy = new FakeConcentrator(this.#meterKeys);
    copy.accepted = [...this.accepted];
    copy.messages = [...this.messages];
    copy.#heads = new Map(this.#heads);
    copy.#counters = new Map(this.#counters);
    copy.#slots = new Map(this.#slots);
    return copy;
  }

  async take(entries: readonly UplinkEntry[]): Promise<UplinkAnswer> {
    const verdicts: UplinkVerdict[] = [];
    for (const { item } of entries) verdicts.push(await this.#judge(item));
    const downlink = this.downlink.filter(({ meterId }) =>
      entries.some((entry) => entry.meterId === meterId),
    );
    return { verdicts, downlink };
  }

  #answered({ nonce }: EnrolmentAnswer): void {
    this.downlink = this.downlink.filter(
      ({ message }) => !equalBytes(decodeEnrolmentRequest(message).nonce, nonce),
    );
  }

  async #judge(item: Uint8Array): Promise<UplinkVerdict> {
    let decoded: ReturnType<typeof decodeUplinkItem>;
    try {
      decoded = decodeUplinkItem(item);
    } catch (error) {
      assert(error instanceof ProtocolError);
      return { status: "refused", code: "FRAME_MALFORMED", reason: "" };
    }
    if (!("frame" in decoded)) {
      this.messages.push(decoded);
      if (decoded.kind === "ENROLMENT_ANSWER")
        this.#answered(decodeEnrolmentAnswer(decoded.message));
      return { status: "accepted" };
    }
    let frame: SealedFrame;
    try {
      frame = decodeFrame(decoded.frame);
      const key = this.#meterKeys.get(toHex(frame.header.meterId));
      assert(key !== undefined);
      await verifyFrame(frame, key);
    } catch {
      return { status: "refused", code: "FRAME_BAD_SIGNATURE", reason: "" };
    }
    const { header } = frame;
    const hash = await frameHash(frame);
    const nonce = `${toHex(header.keyCommitment)}/${header.counter}`;
    assert.equal(this.#nonces.get(nonce) ?? toHex(hash), toHex(hash), "a (key, nonce) used twice");
    this.#nonces.set(nonce, toHex(hash));

    const meterId = toHex(header.meterId);
    const code = this.refuse.get(meterId);
    if (code !== undefined) return { status: "refused", code, reason: "" };
    const counter = `${meterId}/${header.keyEpoch}/${header.counter}`;
    const slot = `${meterId}/${header.blockStart}/${placeInBlock(header)}`;
    const judgement = judgeFrame(header, hash, {
      head: this.#heads.get(meterId),
      sameCounter: this.#counters.get(counter),
      sameSlot: this.#slots.get(slot),
    });
    switch (judgement.verdict) {
      case "accept": {
        const { keyEpoch } = header;
        this.#heads.set(meterId, { keyEpoch, counter: header.counter, frameHash: hash });
        this.#counters.set(counter, hash);
        if (header.kind === "BLOCK") this.#slots.set(slot, hash);
        const { frame: bytes } = decoded;
        const openerEnvelope = "openerEnvelope" in decoded ? decoded.openerEnvelope : NOTHING;
        const contributions = "contributions" in decoded ? decoded.contributions : [];
        const hashHex = toHex(hash);
        this.accepted.push({ frame, hash: hashHex, bytes, openerEnvelope, contributions });
        return { status: "accepted" };
      }
      case "duplicate":
        return { status: "duplicate" };
      case "gap": {
        const { expectedCounter } = judgement;
        return { status: "retry", code: "FRAME_GAP", expectedCounter };
      }
      case "fork":
        return { status: "refused", code: "FRAME_FORKED", reason: "" };
      default:
        return { status: "refused", code: "FRAME_STALE_EPOCH", reason: "" };
    }
  }
}

/** Opens frames as the opener would; one RSA operation per envelope. */
export class TestOpener {
  readonly #secret: RecipientSecret;
  readonly #keys = new Map<string, Uint8Array>();

  constructor(secret: RecipientSecret) {
    this.#secret = secret;
  }

  async open({ frame, openerEnvelope }: AcceptedFrame): Promise<FrameBody> {
    const name = toHex(openerEnvelope);
    const key =
      this.#keys.get(name) ?? (await openEnvelope(decodeEnvelope(openerEnvelope), this.#secret));
    this.#keys.set(name, key);
    return openFrame(frame, key);
  }
}
