/**
 * From verified requests to the answers the ledger keeps (docs/protocol.md §8.4-8.6). Run by the trustee, and the only place where an
 * aggregate is opened. What leaves is sealed to the MDMS, whose private key it does not hold; one that holds a share never sees a sum.
 */
import type { Engine, SecretKey, SecretShare } from "@smarter-metering/paillier";
import {
  encodePartialRelease,
  encodeRelease,
  fromHex,
  partialContext,
  releaseOf,
  sealPartialRelease,
  sealRelease,
  type AggregateTerms,
  type Recipient,
  type Signer,
} from "@smarter-metering/protocol";
import { openAggregates, openPartially, type Aggregate } from "./aggregate.ts";
import { isShare, type HeldKey } from "./held-key.ts";
import type { Answer, GivenAnswer } from "./ledger.ts";

/** A request that is within the policy and was found right. */
export interface Verified {
  readonly aggregate: Aggregate;
  /** Of a bill that has one. */
  readonly cost?: Aggregate;
  readonly terms: AggregateTerms;
}

const aggregatesOf = ({ aggregate, cost }: Verified): readonly Aggregate[] =>
  cost === undefined ? [aggregate] : [aggregate, cost];

export interface SealingPorts {
  readonly engine: Engine;
  readonly heldKey: HeldKey;
  readonly signer: Signer;
  readonly mdms: Recipient;
}

/** One answer for each, in order; releases are numbered on from `firstSequence` and sealed side by side. */
export function makeAnswers(
  verified: readonly Verified[],
  firstSequence: number,
  ports: SealingPorts,
): Promise<GivenAnswer[]> {
  const { heldKey } = ports;
  return isShare(heldKey)
    ? partialReleases(verified, firstSequence, heldKey, ports)
    : releases(verified, firstSequence, heldKey, ports);
}

/**
 * A corrupt set is spent like a released one: whether a plaintext is within its bounds is one bit about it; asked again and again with
 * contributions made for the purpose, such bits would add up to the sum, and for two sets to their difference.
 */
async function releases(
  verified: readonly Verified[],
  firstSequence: number,
  secretKey: SecretKey,
  { engine, signer, mdms }: SealingPorts,
): Promise<GivenAnswer[]> {
  const aggregates = verified.flatMap(aggregatesOf);
  const opened = await openAggregates(engine, secretKey, aggregates);
  const plaintextOf = new Map(aggregates.map((aggregate, index) => [aggregate, opened[index]]));
  let sequence = firstSequence;
  const made = verified.map(async ({ terms, aggregate, cost }): Promise<GivenAnswer> => {
    const { requestDigest: digest } = terms;
    const costPlaintext = cost && plaintextOf.get(cost);
    const content = releaseOf(terms, secretKey.publicKey, {
      sum: plaintextOf.get(aggregate) ?? -1n,
      ...(costPlaintext !== undefined && { cost: costPlaintext }),
    });
    if (content === undefined) return { digest, answer: CORRUPT };
    const release = await sealRelease(content, sequence++, fromHex(digest), mdms, signer);
    return { digest, answer: { kind: "release", bytes: encodeRelease(release) } };
  });
  return Promise.all(made);
}

const CORRUPT: Answer = {
  kind: "quarantine",
  reason: "the set is no sum of its contributions; it is kept",
};

/** Each with a proof of its own, for each is combined by itself. */
async function partialReleases(
  verified: readonly Verified[],
  firstSequence: number,
  share: SecretShare,
  { engine, signer, mdms }: SealingPorts,
): Promise<GivenAnswer[]> {
  const requests = verified.map((one) => {
    const { requestDigest, policyId } = one.terms;
    const context = partialContext(fromHex(requestDigest), policyId);
    return { aggregates: aggregatesOf(one), context };
  });
  const partials = await openPartially(engine, share, requests);
  const { trustee } = share;
  const made = verified.map(async ({ terms, aggregate, cost }, index): Promise<GivenAnswer> => {
    const partial = partials[index] ?? new Uint8Array(0);
    const product = aggregate.ciphertext.bytes;
    const costProduct = cost && { costProduct: cost.ciphertext.bytes };
    const content = { terms, product, ...costProduct, partial };
    const number = { sequence: firstSequence + index, trustee };
    const bytes = encodePartialRelease(await sealPartialRelease(content, number, mdms, signer));
    return { digest: terms.requestDigest, answer: { kind: "release", bytes } };
  });
  return Promise.all(made);
}
