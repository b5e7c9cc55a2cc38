/**
 * From granted requests to the answers the ledger keeps (docs/protocol.md §8.4-8.6). Run by the trustee, and the only place where an
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
import type { Answer, LedgerRecord } from "./ledger.ts";
import type { Claim } from "./spent.ts";

/** A request that was found right and within the policy. */
export interface Granted {
  readonly claim: Claim;
  readonly aggregate: Aggregate;
  readonly terms: AggregateTerms;
}

export interface SealingPorts {
  readonly engine: Engine;
  readonly heldKey: HeldKey;
  readonly signer: Signer;
  readonly mdms: Recipient;
}

/** One record for each, in order; releases are numbered on from `firstSequence` and sealed side by side. */
export function makeAnswers(
  granted: readonly Granted[],
  firstSequence: number,
  ports: SealingPorts,
): Promise<LedgerRecord[]> {
  const { heldKey } = ports;
  return isShare(heldKey)
    ? partialReleases(granted, firstSequence, heldKey, ports)
    : releases(granted, firstSequence, heldKey, ports);
}

/**
 * A corrupt set is spent like a released one: whether a plaintext is within its bounds is one bit about it; asked again and again with
 * contributions made for the purpose, such bits would add up to the sum, and for two sets to their difference.
 */
async function releases(
  granted: readonly Granted[],
  firstSequence: number,
  secretKey: SecretKey,
  { engine, signer, mdms }: SealingPorts,
): Promise<LedgerRecord[]> {
  const aggregates = granted.map(({ aggregate }) => aggregate);
  const plaintexts = await openAggregates(engine, secretKey, aggregates);
  let sequence = firstSequence;
  const made = granted.map(async ({ terms, claim }, index): Promise<LedgerRecord> => {
    const { requestDigest: digest } = terms;
    const content = releaseOf(terms, secretKey.publicKey.bits, plaintexts[index] ?? -1n);
    if (content === undefined) return { digest, claim, answer: CORRUPT };
    const release = await sealRelease(content, sequence++, fromHex(digest), mdms, signer);
    return { digest, claim, answer: { kind: "release", bytes: encodeRelease(release) } };
  });
  return Promise.all(made);
}

const CORRUPT: Answer = {
  kind: "quarantine",
  reason: "the set is no sum of its contributions; it is kept",
};

/** Each with a proof of its own, for each is combined by itself. */
async function partialReleases(
  granted: readonly Granted[],
  firstSequence: number,
  share: SecretShare,
  { engine, signer, mdms }: SealingPorts,
): Promise<LedgerRecord[]> {
  const requests = granted.map(({ aggregate, terms: { requestDigest, policyId } }) => {
    return { aggregate, context: partialContext(fromHex(requestDigest), policyId) };
  });
  const partials = await openPartially(engine, share, requests);
  const { trustee } = share;
  const made = granted.map(async ({ terms, claim, aggregate }, index): Promise<LedgerRecord> => {
    const partial = partials[index] ?? new Uint8Array(0);
    const content = { terms, product: aggregate.ciphertext.bytes, partial };
    const number = { sequence: firstSequence + index, trustee };
    const bytes = encodePartialRelease(await sealPartialRelease(content, number, mdms, signer));
    return { digest: terms.requestDigest, claim, answer: { kind: "release", bytes } };
  });
  return Promise.all(made);
}
