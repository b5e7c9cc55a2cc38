/**
 * From the answers of t trustees to a sum (docs/protocol.md §8.6): the only place where the MDMS uses the Paillier key. Nobody is
 * believed: an answer counts when its proof holds, and only with others that say the same about the same ciphertext.
 */
import assert from "node:assert/strict";
import {
  combinePartials,
  validateCiphertexts,
  verifyPartials,
  type Ciphertext,
  type Engine,
  type VerificationKey,
  type VerifiedPartials,
} from "@smarter-metering/paillier";
import {
  fromHex,
  partialContext,
  productsOf,
  releaseOf,
  type AggregateTerms,
  type ReleaseContent,
} from "@smarter-metering/protocol";
import type { OpenedShare } from "./check-share.ts";

export type ShareFault =
  /** Its proof does not hold: forged, truncated, or made for another request or with another share. */
  | "MDMS_SHARE_INVALID"
  /** Of another key ceremony. */
  | "MDMS_SHARE_FOREIGN_KEY"
  /** About another ciphertext, or with other counts, than those that t trustees agree on. */
  | "MDMS_SHARE_DISAGREES";

export interface Combination {
  /** Hex. */
  readonly agreed: string;
  /** Undefined when the plaintext is no sum of so many contributions (§5). */
  readonly content: ReleaseContent | undefined;
}

export interface Combined {
  /** Undefined while too few answers are good. */
  readonly combination: Combination | undefined;
  /** Of those whose part was looked into; undefined for a good one. */
  readonly verdicts: ReadonlyMap<OpenedShare, ShareFault | undefined>;
}

/** All answers to one request, of different trustees. */
export async function combineShares(
  engine: Engine,
  key: VerificationKey,
  shares: readonly OpenedShare[],
): Promise<Combined> {
  const verdicts = new Map<OpenedShare, ShareFault | undefined>();
  for (const group of groupsOf(shares)) {
    if (group.length < key.threshold) continue;
    const good = await verifyAll(engine, key, group, verdicts);
    if (good.length < key.threshold) continue;
    const combination = await combine(engine, key, good);
    for (const share of shares) {
      if (share.agreed !== combination.agreed) verdicts.set(share, "MDMS_SHARE_DISAGREES");
    }
    return { combination, verdicts };
  }
  return { combination: undefined, verdicts };
}

/** An answer to a request that was decided before: nothing depends on it, but a bad one is named. */
export async function judgeLate(
  engine: Engine,
  key: VerificationKey,
  share: OpenedShare,
  agreed: string,
): Promise<ShareFault | undefined> {
  if (share.agreed !== agreed) return "MDMS_SHARE_DISAGREES";
  const verdict = await verifyShare(engine, key, share);
  return typeof verdict === "string" ? verdict : undefined;
}

/** Of t honest trustees two groups cannot be right: at most one holds the product of the request. */
function groupsOf(shares: readonly OpenedShare[]): OpenedShare[][] {
  const groups = new Map<string, OpenedShare[]>();
  for (const share of shares) {
    groups.set(share.agreed, [...(groups.get(share.agreed) ?? []), share]);
  }
  return [...groups.values()].toSorted((a, b) => b.length - a.length);
}

interface Good {
  readonly share: OpenedShare;
  readonly ciphertexts: readonly Ciphertext[];
  readonly verified: VerifiedPartials;
}

async function verifyAll(
  engine: Engine,
  key: VerificationKey,
  shares: readonly OpenedShare[],
  verdicts: Map<OpenedShare, ShareFault | undefined>,
): Promise<Good[]> {
  const found = await Promise.all(shares.map((share) => verifyShare(engine, key, share)));
  return found.flatMap((verdict, index) => {
    const share = shares[index];
    assert(share !== undefined, "one verdict for each");
    verdicts.set(share, typeof verdict === "string" ? verdict : undefined);
    return typeof verdict === "string" ? [] : [verdict];
  });
}

async function verifyShare(
  engine: Engine,
  key: VerificationKey,
  share: OpenedShare,
): Promise<Good | ShareFault> {
  const { content, partial } = share;
  const { publicKey } = key;
  if (content.terms.paillierKeyId !== publicKey.id) return "MDMS_SHARE_FOREIGN_KEY";
  const validations = await validateCiphertexts(engine, publicKey, productsOf(content));
  const ciphertexts = validations.flatMap((each) => (each.ok ? [each.ciphertext] : []));
  const isNumbered = key.values[partial.trustee - 1] !== undefined;
  if (ciphertexts.length < validations.length || !isNumbered) return "MDMS_SHARE_INVALID";
  const context = contextOf(content.terms);
  const message = content.partial;
  const verdict = await verifyPartials(engine, key, partial.trustee, ciphertexts, context, message);
  if (verdict.ok) return { share, ciphertexts, verified: verdict.verified };
  return verdict.code === "PAILLIER_WRONG_KEY" ? "MDMS_SHARE_FOREIGN_KEY" : "MDMS_SHARE_INVALID";
}

const contextOf = ({ requestDigest, policyId }: AggregateTerms): Uint8Array =>
  partialContext(fromHex(requestDigest, 32), policyId);

/** `good` are t or more that agree. */
async function combine(
  engine: Engine,
  key: VerificationKey,
  good: readonly Good[],
): Promise<Combination> {
  const [first] = good;
  assert(first !== undefined, "t or more");
  const { agreed, content } = first.share;
  const answers = good.map(({ verified }) => verified);
  const context = contextOf(content.terms);
  const combined = await combinePartials(engine, key, first.ciphertexts, context, answers);
  assert(combined.ok, "t verified answers to one request");
  const [sum, cost] = combined.plaintexts;
  assert(sum !== undefined, "one plaintext for each product");
  // The newest registry that one of them has verified it under.
  const registryEpoch = Math.max(...good.map(({ share }) => share.content.terms.registryEpoch));
  const terms = { ...content.terms, registryEpoch };
  const plaintexts = { sum, ...(cost !== undefined && { cost }) };
  return { agreed, content: releaseOf(terms, key.publicKey, plaintexts) };
}
