/**
 * The release of one block of a neighbourhood, from the request to checked watt-hours: by a trustee that holds the whole key, and by t
 * that hold shares. Everything that is checked in between is measured: terms under all rules, signature and ciphertext of every
 * contribution, product, proofs, what the MDMS checks. Not measured: bus, disk, and the log's own signatures.
 */
import assert from "node:assert/strict";
import type { Quorum } from "@smarter-metering/paillier";
import {
  decodeContribution,
  decodeRequest,
  encodeRequest,
  requestDigest,
  toHex,
  type Contribution,
} from "@smarter-metering/protocol";
import { makeWorld, type World } from "../../test/support/world.ts";
import { checkContent, checkRelease } from "../../services/mdms/src/check-release.ts";
import { checkShare } from "../../services/mdms/src/check-share.ts";
import { combineShares } from "../../services/mdms/src/combine-shares.ts";
import { registryContext as mdmsContext } from "../../services/mdms/src/registry-context.ts";
import { judgeBatch } from "../../services/pes/trustee/src/judge-batch.ts";
import { makeAnswers } from "../../services/pes/trustee/src/make-answers.ts";
import { registryContext } from "../../services/pes/trustee/src/registry-context.ts";
import { Spent } from "../../services/pes/trustee/src/spent.ts";
import { verifyRequests } from "../../services/pes/trustee/src/verify-request.ts";
import { loadRequest } from "../../services/pes/trustee/test/requests.ts";
import { race, trialOf, type Effort } from "./rounds.ts";

const METERS = 100;
/** A day of quarter-hours fills one ciphertext at 3072 bits. */
const BITS = 3072;
const SLOTS = 96;
const INTERVAL_SECONDS = 900;

export type ReleaseCost = {
  readonly meters: number;
  readonly ciphertexts: number;
  readonly bits: number;
  /** Of one thread, in the best round. */
  readonly wholeKey: StepCost;
  /** `trustee`: of each of the t. */
  readonly shares: StepCost & { readonly threshold: number };
  /** Until the MDMS has the sum, trustees side by side: shares over whole key. */
  readonly latencyRatio: number;
  /** Work of all parties: shares over whole key. */
  readonly workRatio: number;
};

type StepCost = { readonly trusteeMs: number; readonly mdmsMs: number };

type Steps = { readonly trustee: () => Promise<unknown>; readonly mdms: () => Promise<void> };

export async function measureRelease(quorum: Quorum, effort: Effort): Promise<ReleaseCost> {
  const options = { households: METERS, paillierBits: BITS, profile: "meter-encrypts" } as const;
  const policy = { contributorsMin: METERS / 2, dominanceMaxBasisPoints: 1500, auditMembersMin: 5 };
  const lone = await makeWorld({ ...options, policy });
  const many = await makeWorld({ ...options, policy, quorum });
  try {
    const contributions = await contributionsOf(lone);
    const whole = await wholeKeySteps(lone, contributions);
    const shared = await shareSteps(many, await contributionsOf(many));
    const trials = [whole.trustee, whole.mdms, shared.trustee, shared.mdms];
    const rates = await race(
      trials.map((step) => trialOf(1, step)),
      effort,
    );
    const [a = 0, b = 0, c = 0, d = 0] = rates.map(({ best }) => 1000 / best);
    const { threshold } = quorum;
    return {
      meters: METERS,
      ciphertexts: contributions.length,
      bits: BITS,
      wholeKey: { trusteeMs: a, mdmsMs: b },
      shares: { threshold, trusteeMs: c, mdmsMs: d },
      latencyRatio: (c + d) / (a + b),
      workRatio: (threshold * c + d) / (a + b),
    };
  } finally {
    await Promise.all([lone.close(), many.close()]);
  }
}

/** A day of every meter. */
async function contributionsOf(world: World): Promise<Contribution[]> {
  const days = world.households.map(({ frames }, index) =>
    frames.next(
      { blockStart: world.startSeconds },
      {
        importMilliwattHours: Array.from(
          { length: SLOTS },
          (_, slot) => 1000 * (10 + index) + slot,
        ),
      },
    ),
  );
  const made = (await Promise.all(days)).flatMap(({ contributions }) => contributions);
  return made.map(decodeContribution).filter(({ header }) => header.stream === "LOAD");
}

async function wholeKeySteps(world: World, contributions: readonly Contribution[]): Promise<Steps> {
  const holder = { heldKey: world.paillier.secretKey, signer: world.parties.trustee.signer };
  const trustee = await answering(world, contributions, holder);
  const bytes = await trustee();
  const registry = await mdmsContext(world.mdmsFeed);
  return {
    trustee,
    async mdms() {
      const check = await checkRelease(bytes, registry, world.mdms.secret);
      assert.equal(check.outcome, "valid");
    },
  };
}

async function shareSteps(world: World, contributions: readonly Contribution[]): Promise<Steps> {
  const registry = await mdmsContext(world.mdmsFeed);
  const key = registry.verificationKey;
  assert(key !== undefined);
  const holders = world.shareHolders
    .slice(0, key.threshold)
    .map(({ share, signer }) => answering(world, contributions, { heldKey: share, signer }));
  const trustees = await Promise.all(holders);
  const answers = await Promise.all(trustees.map((trustee) => trustee()));
  const { secret } = world.mdms;
  return {
    trustee: async () => trustees[0]?.(),
    async mdms() {
      const checks = answers.map((bytes) => checkShare(bytes, registry, secret));
      const shares = (await Promise.all(checks)).map((check) => {
        assert(check.outcome === "valid");
        return check.share;
      });
      const { combination } = await combineShares(world.engine, key, shares);
      assert(combination?.content !== undefined);
      const agreed = new Uint8Array(32);
      const check = await checkContent(combination.content, { agreed }, registry, secret);
      assert.equal(check.outcome, "valid");
    },
  };
}

/** What a trustee does with the request, from its bytes to those of the answer. */
async function answering(
  world: World,
  contributions: readonly Contribution[],
  { heldKey, signer }: Pick<Parameters<typeof makeAnswers>[2], "heldKey" | "signer">,
): Promise<() => Promise<Uint8Array>> {
  const { engine, networkDocument, network, mdms } = world;
  const pins = { heldKey, policyId: String(world.policy["id"]) };
  const context = await registryContext(network.current(), pins);
  const terms = {
    registryEpoch: 0,
    slotCount: SLOTS,
    intervalSeconds: INTERVAL_SECONDS,
    blockStart: world.startSeconds,
  };
  const signed = await loadRequest(world, networkDocument, contributions, terms);
  const bytes = encodeRequest(signed);
  const timeSeconds = world.dayStart(3);
  return async () => {
    const request = decodeRequest(bytes);
    const logged = { terms: request.terms, timeSeconds, isEpochLogged: true };
    const [verdict] = judgeBatch([logged], context, new Spent());
    assert(verdict !== undefined && "claim" in verdict, JSON.stringify(verdict));
    const digest = toHex(await requestDigest(request));
    const [verified] = await verifyRequests([{ request, digest }], context, engine);
    assert(verified !== undefined && !("fault" in verified), JSON.stringify(verified));
    const ports = { engine, heldKey, signer, mdms: mdms.recipient };
    const [answer] = await makeAnswers([verified], 0, ports);
    assert(answer?.answer.kind === "release");
    return answer.answer.bytes;
  };
}
