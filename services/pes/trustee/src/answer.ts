/**
 * One request, one answer (docs/protocol.md §8.2-8.5): verify, gather facts, judge, decrypt, check, remember, answer. Run by the trustee.
 * What it decrypts is an aggregate it computed itself; what leaves is sealed to the MDMS, whose private key it does not hold.
 */
import type { Engine, SecretKey } from "@smarter-metering/paillier";
import { judgeBill, judgeLoad } from "@smarter-metering/policy";
import {
  contributionsOf,
  encodeRelease,
  fromHex,
  ProtocolError,
  requestDigest,
  sealRelease,
  toHex,
  verifyRequest,
  type Contribution,
  type ReleaseContent,
  type Signer,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { openAggregate, type Aggregate } from "./aggregate.ts";
import { billContent, billFacts, verifyBill } from "./bill-request.ts";
import { fault } from "./fault.ts";
import type { Answer, Claim, Ledger } from "./ledger.ts";
import { loadContent, loadFacts, verifyLoad } from "./load-request.ts";
import type { RegistryContext } from "./registry-context.ts";

export interface Reason {
  readonly code: string;
  readonly reason: string;
}

export type Outcome =
  | { readonly kind: "release"; readonly bytes: Uint8Array; readonly repeated: boolean }
  | { readonly kind: "refusal"; readonly reasons: readonly Reason[] };

export interface AnswerPorts {
  readonly engine: Engine;
  readonly secretKey: SecretKey;
  readonly signer: Signer;
  readonly ledger: Ledger;
  readonly nowSeconds: () => number;
}

/** What is left to do once a request is found right: pure, but for the plaintext it is given. */
interface Granted {
  readonly claim: Claim;
  readonly aggregate: Aggregate;
  /** Undefined when the plaintext is corrupt. */
  readonly content: (plaintext: bigint) => ReleaseContent | undefined;
}

type Verdict = Granted | { readonly reasons: readonly Reason[] };

/** Answers a decoded request under `context`; the answer is durable when this resolves. */
export async function answerRequest(
  request: SignedRequest,
  context: RegistryContext,
  ports: AnswerPorts,
): Promise<Outcome> {
  const digest = toHex(await requestDigest(request));
  const given = ports.ledger.find(digest);
  if (given !== undefined) return outcomeOf(given, true);

  const verdict = await judgeRequest(request, digest, context, ports);
  if ("reasons" in verdict) return { kind: "refusal", reasons: verdict.reasons };

  const plaintext = await openAggregate(ports.engine, ports.secretKey, verdict.aggregate);
  const content = verdict.content(plaintext);
  const answer = await answerOf(content, digest, context, ports);
  await ports.ledger.record(digest, verdict.claim, answer);
  return outcomeOf(answer, false);
}

async function judgeRequest(
  request: SignedRequest,
  digest: string,
  context: RegistryContext,
  ports: AnswerPorts,
): Promise<Verdict> {
  if (!(await isFromAggregator(request, context))) {
    return refuse(fault("REQUEST_BAD_SIGNATURE", "the request is not signed by the aggregator"));
  }
  if (toHex(request.terms.paillierKeyId) !== context.publicKey.id) {
    return refuse(fault("REQUEST_WRONG_KEY", "the request is about another Paillier key"));
  }
  const contributions = decodeAll(request);
  if (contributions === undefined) {
    return refuse(fault("REQUEST_MALFORMED", "a contribution cannot be read"));
  }
  return request.terms.kind === "LOAD"
    ? judgeLoadRequest(request.terms, contributions, digest, context, ports)
    : judgeBillRequest(request.terms, contributions, digest, context, ports);
}

async function judgeLoadRequest(
  terms: Extract<SignedRequest["terms"], { kind: "LOAD" }>,
  contributions: readonly Contribution[],
  digest: string,
  context: RegistryContext,
  ports: AnswerPorts,
): Promise<Verdict> {
  const load = await verifyLoad(terms, contributions, context, ports.engine);
  if ("fault" in load) return refuse(load.fault);
  const facts = loadFacts(load, context, ports.ledger, ports.nowSeconds());
  const reasons = judgeLoad(facts, context.policy);
  if (reasons.length > 0) return { reasons };
  const claim: Claim = {
    kind: "LOAD",
    stream: terms.stream,
    cohort: terms.cohort,
    startSeconds: terms.blockStart,
    endSeconds: terms.blockStart + terms.slotCount * terms.intervalSeconds,
  };
  const content = (plaintext: bigint) => loadContent(load, plaintext, context, digest);
  return { claim, aggregate: load.aggregate, content };
}

async function judgeBillRequest(
  terms: Extract<SignedRequest["terms"], { kind: "BILL" }>,
  contributions: readonly Contribution[],
  digest: string,
  context: RegistryContext,
  ports: AnswerPorts,
): Promise<Verdict> {
  const bill = await verifyBill(terms, contributions, context, ports.engine);
  if ("fault" in bill) return refuse(bill.fault);
  const facts = billFacts(bill, ports.ledger, ports.nowSeconds());
  const reasons = judgeBill(facts, context.policy);
  if (reasons.length > 0) return { reasons };
  const { servicePoint, fromGridSeconds, toGridSeconds } = facts;
  const { fromBorderSeconds, toBorderSeconds } = facts;
  const window = { fromGridSeconds, toGridSeconds, fromBorderSeconds, toBorderSeconds };
  const claim: Claim = { kind: "BILL", servicePoint, ...window };
  const content = (plaintext: bigint) => billContent(bill, plaintext, context, digest);
  return { claim, aggregate: bill.aggregate, content };
}

/**
 * A corrupt set is spent like a released one. Whether a plaintext is within its bounds is one bit about it; asked again and again with
 * contributions made for the purpose, such bits would add up to the sum, and for two sets to their difference.
 */
async function answerOf(
  content: ReleaseContent | undefined,
  digest: string,
  context: RegistryContext,
  { ledger, signer }: AnswerPorts,
): Promise<Answer> {
  if (content === undefined) {
    return { kind: "quarantine", reason: "the set is no sum of its contributions; it is kept" };
  }
  const sequence = ledger.releases;
  const release = await sealRelease(content, sequence, fromHex(digest), context.mdms, signer);
  return { kind: "release", bytes: encodeRelease(release) };
}

function outcomeOf(answer: Answer, repeated: boolean): Outcome {
  return answer.kind === "release"
    ? { kind: "release", bytes: answer.bytes, repeated }
    : { kind: "refusal", reasons: [fault("RELEASE_CORRUPT", answer.reason)] };
}

const refuse = (reason: Reason): Verdict => ({ reasons: [reason] });

async function isFromAggregator(
  request: SignedRequest,
  { view }: RegistryContext,
): Promise<boolean> {
  for (const { signingKey } of view.parties("aggregator")) {
    try {
      await verifyRequest(request, fromHex(signingKey));
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== "PROTOCOL_BAD_SIGNATURE") throw error;
    }
  }
  return false;
}

function decodeAll(request: SignedRequest): Contribution[] | undefined {
  try {
    return contributionsOf(request);
  } catch (error) {
    if (error instanceof ProtocolError && error.code === "PROTOCOL_MALFORMED") return undefined;
    throw error;
  }
}
