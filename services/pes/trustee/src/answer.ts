/**
 * Requests and their answers, a batch at a time (docs/protocol.md §8.2-8.6): what was granted in the log is verified, answered,
 * remembered, and then given. Run by the trustee. What it opens are aggregates it computed itself.
 */
import assert from "node:assert/strict";
import type { Engine } from "@smarter-metering/paillier";
import type { Signer } from "@smarter-metering/protocol";
import { fault } from "./fault.ts";
import type { HeldKey } from "./held-key.ts";
import type { Answer, Decision, Ledger } from "./ledger.ts";
import type { Reason } from "./judge-batch.ts";
import { makeAnswers } from "./make-answers.ts";
import type { RegistryContext } from "./registry-context.ts";
import { verifyRequests, type Asked } from "./verify-request.ts";

export type Outcome =
  | { readonly kind: "release"; readonly bytes: Uint8Array; readonly repeated: boolean }
  | { readonly kind: "refusal"; readonly reasons: readonly Reason[] };

/** A request that stands in the log, with the verdict on it. */
export interface Decided extends Asked {
  readonly decision: Decision;
}

export interface AnswerPorts {
  readonly engine: Engine;
  readonly heldKey: HeldKey;
  readonly signer: Signer;
  readonly ledger: Ledger;
}

/**
 * Answers a batch of requests under the epoch of `context`, which they name, one outcome for each. All answers are durable when this
 * resolves; when it rejects none was given, and the batch may be asked again.
 */
export async function answerRequests(
  batch: readonly Decided[],
  context: RegistryContext,
  ports: AnswerPorts,
): Promise<Outcome[]> {
  const { engine, heldKey, signer, ledger } = ports;
  const isFresh = ({ digest, decision }: Decided): boolean =>
    decision.reasons.length === 0 && ledger.find(digest) === undefined;
  const fresh = new Map(batch.filter(isFresh).map((one) => [one.digest, one]));
  const results = await verifyRequests([...fresh.values()], context, engine);
  const resultOf = new Map([...fresh.keys()].map((digest, index) => [digest, results[index]]));

  const verified = results.flatMap((one) => ("fault" in one ? [] : [one]));
  const sealing = { engine, heldKey, signer, mdms: context.mdms };
  await ledger.answer(await makeAnswers(verified, ledger.releases, sealing));
  return batch.map(({ digest, decision }) => {
    if (decision.reasons.length > 0) return { kind: "refusal", reasons: decision.reasons };
    const result = resultOf.get(digest);
    if (result !== undefined && "fault" in result) {
      return { kind: "refusal", reasons: [result.fault] };
    }
    return outcomeOf(ledger.find(digest), result === undefined);
  });
}

function outcomeOf(answer: Answer | undefined, repeated: boolean): Outcome {
  assert(answer !== undefined, "what was not refused is in the ledger");
  return answer.kind === "release"
    ? { kind: "release", bytes: answer.bytes, repeated }
    : { kind: "refusal", reasons: [fault("RELEASE_CORRUPT", answer.reason)] };
}
