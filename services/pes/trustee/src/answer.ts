/**
 * Requests and their answers, a batch at a time (docs/protocol.md §8.2-8.5): verify, judge in order, decrypt, seal, remember, answer. Run
 * by the trustee. What it decrypts are aggregates it computed itself; what leaves is sealed to the MDMS, whose private key it does not
 * hold.
 */
import assert from "node:assert/strict";
import type { Engine, SecretKey } from "@smarter-metering/paillier";
import { judgeBill, judgeLoad } from "@smarter-metering/policy";
import {
  encodeRelease,
  fromHex,
  sealRelease,
  type ReleaseContent,
  type Signer,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { openAggregates, type Aggregate } from "./aggregate.ts";
import { billContent, billFacts, type VerifiedBill } from "./bill-request.ts";
import { fault } from "./fault.ts";
import type { Answer, Ledger, LedgerRecord } from "./ledger.ts";
import { loadContent, loadFacts, type VerifiedLoad } from "./load-request.ts";
import type { RegistryContext } from "./registry-context.ts";
import { Spent, type Claim } from "./spent.ts";
import { verifyRequests, type Verified } from "./verify-request.ts";

/** A decoded request and its digest, hex. */
export interface Asked {
  readonly request: SignedRequest;
  readonly digest: string;
}

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
  readonly digest: string;
  readonly claim: Claim;
  readonly aggregate: Aggregate;
  /** Undefined when the plaintext is corrupt. */
  readonly content: (plaintext: bigint) => ReleaseContent | undefined;
}

interface Refused {
  readonly reasons: readonly Reason[];
}

/**
 * Answers a batch under `context`, one outcome for each, as if the requests had come one after the other. All answers are durable when
 * this resolves; when it rejects none was given, and the batch may be asked again.
 */
export async function answerRequests(
  batch: readonly Asked[],
  context: RegistryContext,
  ports: AnswerPorts,
): Promise<Outcome[]> {
  const { engine, secretKey, ledger } = ports;
  const fresh = batch.filter(({ digest }) => ledger.find(digest) === undefined);
  const requests = fresh.map(({ request }) => request);
  const verified = await verifyRequests(requests, context, engine);
  const verdicts = judgeInOrder(fresh, verified, context, ports);
  const granted = [...verdicts.values()].filter((verdict) => "claim" in verdict);

  const aggregates = granted.map(({ aggregate }) => aggregate);
  const plaintexts = await openAggregates(engine, secretKey, aggregates);
  await ledger.record(await recordsOf(granted, plaintexts, context, ports));
  return batch.map((asked) => {
    const verdict = verdicts.get(asked);
    if (verdict !== undefined && "reasons" in verdict) return { kind: "refusal", ...verdict };
    return outcomeOf(ledger.find(asked.digest), verdict === undefined);
  });
}

/**
 * A request is judged by all that was spent before it, in this batch too. The same request again has no verdict of its own: its answer is
 * the one the ledger will hold.
 */
function judgeInOrder(
  batch: readonly Asked[],
  verified: readonly Verified[],
  context: RegistryContext,
  { ledger, nowSeconds }: AnswerPorts,
): Map<Asked, Granted | Refused> {
  const spent = new Spent(ledger.spent);
  const digests = new Set<string>();
  const verdicts = new Map<Asked, Granted | Refused>();
  for (const [index, asked] of batch.entries()) {
    const one = verified[index];
    if (one === undefined || digests.has(asked.digest)) continue;
    const verdict = judge(one, asked.digest, context, spent, nowSeconds());
    verdicts.set(asked, verdict);
    if ("reasons" in verdict) continue;
    spent.add(verdict.claim);
    digests.add(asked.digest);
  }
  return verdicts;
}

function judge(
  verified: Verified,
  digest: string,
  context: RegistryContext,
  spent: Spent,
  nowSeconds: number,
): Granted | Refused {
  if ("fault" in verified) return { reasons: [verified.fault] };
  return verified.kind === "LOAD"
    ? judgeLoadRequest(verified, digest, context, spent, nowSeconds)
    : judgeBillRequest(verified, digest, context, spent, nowSeconds);
}

function judgeLoadRequest(
  load: VerifiedLoad,
  digest: string,
  context: RegistryContext,
  spent: Spent,
  nowSeconds: number,
): Granted | Refused {
  const facts = loadFacts(load, context, spent, nowSeconds);
  const reasons = judgeLoad(facts, context.policy);
  if (reasons.length > 0) return { reasons };
  const { terms, aggregate } = load;
  const claim: Claim = {
    kind: "LOAD",
    stream: terms.stream,
    cohort: terms.cohort,
    startSeconds: terms.blockStart,
    endSeconds: terms.blockStart + terms.slotCount * terms.intervalSeconds,
  };
  const content = (plaintext: bigint) => loadContent(load, plaintext, context, digest);
  return { digest, claim, aggregate, content };
}

function judgeBillRequest(
  bill: VerifiedBill,
  digest: string,
  context: RegistryContext,
  spent: Spent,
  nowSeconds: number,
): Granted | Refused {
  const facts = billFacts(bill, spent, nowSeconds);
  const reasons = judgeBill(facts, context.policy);
  if (reasons.length > 0) return { reasons };
  const { servicePoint, fromGridSeconds, toGridSeconds } = facts;
  const { fromBorderSeconds, toBorderSeconds } = facts;
  const window = { fromGridSeconds, toGridSeconds, fromBorderSeconds, toBorderSeconds };
  const claim: Claim = { kind: "BILL", servicePoint, ...window };
  const content = (plaintext: bigint) => billContent(bill, plaintext, context, digest);
  return { digest, claim, aggregate: bill.aggregate, content };
}

/**
 * Releases are numbered on from the ledger's count; they are sealed side by side. A corrupt set is spent like a released one: whether a
 * plaintext is within its bounds is one bit about it; asked again and again with contributions made for the purpose, such bits would add
 * up to the sum, and for two sets to their difference.
 */
function recordsOf(
  granted: readonly Granted[],
  plaintexts: readonly bigint[],
  context: RegistryContext,
  { ledger, signer }: AnswerPorts,
): Promise<LedgerRecord[]> {
  let sequence = ledger.releases;
  const records = granted.map(({ digest, claim, content }, index) => {
    const decoded = content(plaintexts[index] ?? -1n);
    const answer: Answer | Promise<Answer> =
      decoded === undefined ? CORRUPT : sealed(decoded, sequence++, digest, context, signer);
    return { digest, claim, answer };
  });
  return Promise.all(records.map(async (record) => ({ ...record, answer: await record.answer })));
}

const CORRUPT: Answer = {
  kind: "quarantine",
  reason: "the set is no sum of its contributions; it is kept",
};

async function sealed(
  content: ReleaseContent,
  sequence: number,
  digest: string,
  { mdms }: RegistryContext,
  signer: Signer,
): Promise<Answer> {
  const release = await sealRelease(content, sequence, fromHex(digest), mdms, signer);
  return { kind: "release", bytes: encodeRelease(release) };
}

function outcomeOf(answer: Answer | undefined, repeated: boolean): Outcome {
  assert(answer !== undefined, "what was not refused is in the ledger");
  return answer.kind === "release"
    ? { kind: "release", bytes: answer.bytes, repeated }
    : { kind: "refusal", reasons: [fault("RELEASE_CORRUPT", answer.reason)] };
}
