/**
 * Requests and their answers, a batch at a time (docs/protocol.md §8.2-8.6): verify, judge in order, make the answers, remember them, give
 * them. Run by the trustee. What it opens are aggregates it computed itself.
 */
import assert from "node:assert/strict";
import type { Engine } from "@smarter-metering/paillier";
import type { Signer, SignedRequest } from "@smarter-metering/protocol";
import { fault } from "./fault.ts";
import type { HeldKey } from "./held-key.ts";
import type { Answer, Ledger } from "./ledger.ts";
import { judgeBatch, type Reason } from "./judge-batch.ts";
import { makeAnswers } from "./make-answers.ts";
import type { RegistryContext } from "./registry-context.ts";
import { verifyRequests } from "./verify-request.ts";

/** A decoded request and its digest, hex. */
export interface Asked {
  readonly request: SignedRequest;
  readonly digest: string;
}

export type Outcome =
  | { readonly kind: "release"; readonly bytes: Uint8Array; readonly repeated: boolean }
  | { readonly kind: "refusal"; readonly reasons: readonly Reason[] };

export interface AnswerPorts {
  readonly engine: Engine;
  readonly heldKey: HeldKey;
  readonly signer: Signer;
  readonly ledger: Ledger;
  readonly nowSeconds: () => number;
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
  const { engine, heldKey, signer, ledger } = ports;
  const fresh = batch.filter(({ digest }) => ledger.find(digest) === undefined);
  const requests = fresh.map(({ request }) => request);
  const verified = await verifyRequests(requests, context, engine);
  const verdicts = judgeBatch(fresh, verified, context, ports);
  const granted = [...verdicts.values()].filter((verdict) => "claim" in verdict);

  const sealing = { engine, heldKey, signer, mdms: context.mdms };
  await ledger.record(await makeAnswers(granted, ledger.releases, sealing));
  return batch.map((asked) => {
    const verdict = verdicts.get(asked);
    if (verdict !== undefined && "reasons" in verdict) return { kind: "refusal", ...verdict };
    return outcomeOf(ledger.find(asked.digest), verdict === undefined);
  });
}

function outcomeOf(answer: Answer | undefined, repeated: boolean): Outcome {
  assert(answer !== undefined, "what was not refused is in the ledger");
  return answer.kind === "release"
    ? { kind: "release", bytes: answer.bytes, repeated }
    : { kind: "refusal", reasons: [fault("RELEASE_CORRUPT", answer.reason)] };
}
