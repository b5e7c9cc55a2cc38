/**
 * A bill's evidence from what a customer is shown (docs/protocol.md §11.2): `verifyBill` of packages/customer with Paillier, the log's quorum
 * and the registry's terms put in. On the customer's side; what it computes of his readings stays there.
 */
import { receiptsOf, type BillEvidence, type SealedAnswers } from "@smarter-metering/customer";
import type { Quorum } from "@smarter-metering/log";
import { engineKeyOf, type Engine, type EngineKey } from "@smarter-metering/paillier";
import {
  contributionContext,
  decodeSignedTerms,
  paillierKeyOf,
  parseNetworkView,
  toHex,
  type ContributionContext,
  type FrameHeader,
  type NetworkView,
} from "@smarter-metering/protocol";
import { addLocalDays } from "@smarter-metering/tariff";
import type { LedgerContribution, ShownRequest } from "./aggregator-api.ts";
import { logQuorumOf, thresholdOf } from "./log-quorum.ts";
import type { MdmsAnswers } from "./mdms-answers.ts";

/** [from, to], epoch seconds: what ends in it belongs to the bill. */
export interface BillSpan {
  readonly from: number;
  readonly to: number;
}

/** As it was fetched. */
export interface BillMaterial extends Pick<
  BillEvidence,
  | "meters"
  | "secret"
  | "envelopes"
  | "frames"
  | "servicePoint"
  | "window"
  | "statement"
  | "tariff"
  | "prices"
  | "notes"
> {
  readonly rootKey: Uint8Array;
  /** Every epoch's JWS, epoch 0 first. */
  readonly epochs: readonly string[];
  /** The newest epoch's view, text. */
  readonly networkView: string;
  /** Of the frames in the span, which was asked for. */
  readonly contributions: readonly LedgerContribution[];
  readonly span: BillSpan;
  /** The request that the statement names; undefined when the log has none. */
  readonly request: Pick<ShownRequest, "terms" | "receipt"> | undefined;
  readonly answers: MdmsAnswers;
}

/** The window, or, where a border came late (§7.3), as far as the borders of the request. */
export function spanOfBill(
  window: BillSpan,
  request: Pick<ShownRequest, "terms"> | undefined,
): BillSpan {
  if (request === undefined) return window;
  try {
    const { terms } = decodeSignedTerms(request.terms);
    if (terms.kind !== "BILL") return window;
    const { from, to } = window;
    return { from: Math.min(from, terms.fromBorder), to: Math.max(to, terms.toBorder) };
  } catch {
    return window; // No terms at all: that is named later.
  }
}

export async function billEvidence(material: BillMaterial, engine: Engine): Promise<BillEvidence> {
  const { rootKey, epochs, networkView: text, contributions, request, answers } = material;
  const registered = new RegisteredTerms(text);
  return {
    ...material,
    registry: { rootKey, epochs, view: { name: "network", text } },
    contributions: {
      shown: contributions.map(({ encoded, receipt }) => ({
        contribution: encoded,
        ...(receipt === null ? {} : { receipt }),
      })),
      contextOf: (frame) => registered.contextOf(frame, material.span),
      encrypt: async (message, blinding) =>
        engine.encrypt(await registered.engineKey(), message, blinding),
    },
    ...(request && {
      release: {
        terms: request.terms,
        ...(request.receipt === null ? {} : { receipt: request.receipt }),
        answers: await answersOf(answers, registered),
      },
    }),
    checkReceipt: receiptsOf(() => registered.quorum()),
  };
}

async function answersOf(
  { release, partials }: MdmsAnswers,
  registered: RegisteredTerms,
): Promise<SealedAnswers> {
  return release === null ? { partials, threshold: await registered.threshold() } : { release };
}

/** What a view says, once each and only when asked: `verifyBill` asks after it has verified the view. */
class RegisteredTerms {
  readonly #text: string;
  #view: NetworkView | undefined;
  #engineKey: Promise<EngineKey> | undefined;
  #quorum: Promise<Quorum> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get #parsed(): NetworkView {
    return (this.#view ??= parseNetworkView(this.#text));
  }

  engineKey(): Promise<EngineKey> {
    return (this.#engineKey ??= paillierKeyOf(this.#parsed).then(engineKeyOf));
  }

  quorum(): Promise<Quorum> {
    return (this.#quorum ??= logQuorumOf(this.#parsed));
  }

  /** 1 under a view that is none: `verifyBill` names it, and asks nothing of the answers then. */
  async threshold(): Promise<number> {
    try {
      return await thresholdOf(this.#parsed);
    } catch {
      return 1;
    }
  }

  async contextOf(frame: FrameHeader, span: BillSpan): Promise<ContributionContext | undefined> {
    const { blockStart: start, firstSlot, count, intervalSeconds } = frame;
    const end = start + (firstSlot + count) * intervalSeconds;
    const point = this.#parsed.servicePoint(toHex(frame.networkPseudonym));
    if (point === undefined || end < span.from || end > span.to) return undefined;
    const seconds = addLocalDays(start, 1, point.zone) - start;
    return contributionContext(this.#parsed, point, frame, seconds);
  }
}
