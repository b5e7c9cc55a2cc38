/**
 * Replays a past release (docs/protocol.md §8, §13): from the contributions in the ledger and the registry it makes the request again and
 * compares it with what the log has, byte for byte; then that the trustees' answer is to this request. Run by an auditor, who needs no key.
 */
import { answersFault, type SealedAnswers } from "@smarter-metering/customer";
import type { Engine } from "@smarter-metering/paillier";
import {
  contributionLeaf,
  decodeContribution,
  encodeSignedTerms,
  equalBytes,
  fromHex,
  instantOf,
  merkleRoot,
  parseNetworkView,
  primitives,
  ProtocolError,
  termsDigest,
  toHex,
  verifyContribution,
  verifyEpochChain,
  verifyView,
  type Contribution,
  type NetworkView,
  type RequestTerms,
  type SignedTerms,
} from "@smarter-metering/protocol";
import type { ShownRequest } from "./aggregator-api.ts";
import { BrokenLink, type ReplayLink } from "./broken-link.ts";
import { thresholdOf } from "./log-quorum.ts";
import { checkLogged, checkRequest, decodedTerms, isSignedByAny, keysOf } from "./logged-terms.ts";
import type { MdmsAnswers } from "./mdms-answers.ts";
import { rebuildTerms } from "./rebuild-terms.ts";

/** What an auditor fetches; nothing of it is believed but the root key. */
export interface ReplayEvidence {
  /** The release that is asked about: the request's digest, hex. */
  readonly digest: string;
  readonly rootKey: Uint8Array;
  /** Every epoch's JWS, epoch 0 first. */
  readonly epochs: readonly string[];
  readonly networkView: (epoch: number) => Promise<string>;
  /** As the aggregator's ledger and log have it. */
  readonly request: Pick<ShownRequest, "terms" | "contributions" | "receipt">;
  /** As the MDMS has it: the release, or partial releases; neither where nothing was released. */
  readonly answers: MdmsAnswers;
}

export interface ReplayCheck {
  readonly link: ReplayLink;
  /** Of a broken link; empty otherwise. */
  readonly code: string;
  readonly what: string;
}

export interface ReplayReport {
  /** In order, up to the first broken one. */
  readonly checks: readonly ReplayCheck[];
  readonly isSound: boolean;
  /** Of the signed terms in the log, and as made again, hex; undefined where it did not come to that. */
  readonly loggedSha256: string;
  readonly replayedSha256: string | undefined;
}

/** Never throws for what a party shows. */
export async function replayRelease(
  evidence: ReplayEvidence,
  engine: Engine,
): Promise<ReplayReport> {
  const checks: ReplayCheck[] = [];
  const say = (link: ReplayLink, what: string): void => void checks.push({ link, code: "", what });
  const loggedSha256 = toHex(await primitives.sha256(evidence.request.terms));
  let replayedSha256: string | undefined;
  try {
    const signed = decodedTerms(evidence.request.terms);
    const { terms } = signed;
    say("terms", `${terms.kind} under registry epoch ${terms.registryEpoch}`);
    const view = await viewOf(evidence, terms.registryEpoch);
    say("registry", `${evidence.epochs.length} epochs under the pinned root key`);
    await checkRequest(signed, evidence.digest, view);
    say("request", "signed by the registered aggregator");
    await checkLogged(evidence.request, view);
    say("log", "its receipt stands under a head of the quorum");
    const contributions = await checkedContributions(evidence.request.contributions, view);
    say("contributions", `${contributions.length} in the ledger, each signed by who encrypted it`);
    const rebuilt = await rebuildTerms(terms, contributions, view, engine);
    checkMembers(terms, rebuilt);
    say("members", "of the registered cohort or service point, as the terms say");
    if (!equalBytes(terms.product, rebuilt.product)) {
      throw new BrokenLink("product", "PRODUCT_DIFFERS", "not what these ciphertexts give");
    }
    say(
      "product",
      `computed again under Paillier key ${toHex(rebuilt.paillierKeyId).slice(0, 16)}`,
    );
    const replayed = await replayedTerms(rebuilt, evidence.request.contributions, signed);
    replayedSha256 = toHex(await primitives.sha256(replayed));
    say("root", "the Merkle root over the ledger's contributions is the signed one");
    if (!equalBytes(replayed, evidence.request.terms)) {
      throw new BrokenLink("replay", "TERMS_DIFFER", "the terms made again are other bytes");
    }
    say("replay", "the terms made again are those of the log, byte for byte");
    await checkAnswers(evidence.answers, await termsDigest(signed), view);
    say("release", "what the MDMS holds is signed by the trustees and answers this request");
    return { checks, isSound: true, loggedSha256, replayedSha256 };
  } catch (error) {
    if (!(error instanceof BrokenLink)) throw error;
    const { link, code, message } = error;
    checks.push({ link, code, what: message });
    return { checks, isSound: false, loggedSha256, replayedSha256 };
  }
}

async function viewOf(
  { epochs, rootKey, networkView }: ReplayEvidence,
  epoch: number,
): Promise<NetworkView> {
  try {
    const { links } = await verifyEpochChain(epochs, rootKey);
    const link = links[epoch];
    if (link === undefined) {
      throw new BrokenLink("registry", "REGISTRY_EPOCH_UNKNOWN", `there is no epoch ${epoch}`);
    }
    return parseNetworkView(await verifyView(link.epoch, "network", await networkView(epoch)));
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new BrokenLink("registry", "REGISTRY_INVALID", cause.message, cause);
  }
}

async function checkedContributions(
  encoded: readonly Uint8Array[],
  view: NetworkView,
): Promise<Contribution[]> {
  const contributions: Contribution[] = [];
  for (const [position, bytes] of encoded.entries()) {
    const where = `contribution ${position + 1} of ${encoded.length}`;
    const contribution = decodedContribution(bytes, where);
    const isSigned = await isSignedByAny(signersOf(contribution, view), (key) =>
      verifyContribution(contribution, key),
    );
    if (!isSigned) {
      const message = `${where} is not signed by who must have encrypted it`;
      throw new BrokenLink("contributions", "CONTRIBUTION_UNSIGNED", message);
    }
    contributions.push(contribution);
  }
  return contributions;
}

function decodedContribution(bytes: Uint8Array, where: string): Contribution {
  try {
    return decodeContribution(bytes);
  } catch (cause) {
    const message = `${where} is none`;
    throw new BrokenLink("contributions", "CONTRIBUTION_MALFORMED", message, cause);
  }
}

/** The opener, or the meter that served the service point then. */
function signersOf({ header }: Contribution, view: NetworkView): Uint8Array[] {
  if (header.profile === "pes-encrypts") return keysOf(view, "opener");
  const [network, meterId] = [toHex(header.networkPseudonym), toHex(header.meterId)];
  const meter = view.meterAt(network, meterId, instantOf(header));
  return meter === undefined ? [] : [fromHex(meter.signingKey, 32)];
}

function checkMembers(logged: RequestTerms, rebuilt: RequestTerms): void {
  const isSame =
    logged.kind === "LOAD" && rebuilt.kind === "LOAD"
      ? equalBytes(logged.members, rebuilt.members) &&
        logged.runs.length === rebuilt.runs.length &&
        logged.runs.every(({ slotCount, members }, index) => {
          const run = rebuilt.runs[index];
          return run?.slotCount === slotCount && equalBytes(run.members, members);
        })
      : logged.kind === "BILL" &&
        rebuilt.kind === "BILL" &&
        equalBytes(logged.networkPseudonym, rebuilt.networkPseudonym) &&
        logged.fromBorder === rebuilt.fromBorder &&
        logged.toBorder === rebuilt.toBorder;
  if (isSame) return;
  const message = "the terms name other members, slots or borders than the ledger's contributions";
  throw new BrokenLink("members", "MEMBERS_DIFFER", message);
}

/** Terms as made again, with the root over the ledger's contributions and the logged signature, which is over exactly these. */
async function replayedTerms(
  terms: RequestTerms,
  contributions: readonly Uint8Array[],
  { contributionCount, contributionsRoot, signature }: SignedTerms,
): Promise<Uint8Array> {
  const root = await merkleRoot(await Promise.all(contributions.map(contributionLeaf)));
  if (contributionCount !== contributions.length || !equalBytes(root, contributionsRoot)) {
    const message = `of ${contributionCount} contributions that were signed, the ledger has others`;
    throw new BrokenLink("root", "ROOT_DIFFERS", message);
  }
  const count = contributions.length;
  return encodeSignedTerms({ terms, contributionCount: count, contributionsRoot: root, signature });
}

async function checkAnswers(
  { release, partials }: MdmsAnswers,
  digest: Uint8Array,
  view: NetworkView,
): Promise<void> {
  const isWhole = view.document.verificationKey === undefined;
  if (isWhole && release === null) throw missing();
  const answers: SealedAnswers =
    isWhole && release !== null ? { release } : { partials, threshold: await thresholdOf(view) };
  const fault = await answersFault(answers, digest, keysOf(view, "trustee"));
  if (fault === undefined) return;
  if (fault === "RELEASE_MISSING") throw missing();
  const message = "what the MDMS holds is not signed by trustees, or answers another request";
  throw new BrokenLink("release", fault, message);
}

const missing = (): BrokenLink => {
  const message = "the MDMS has too few answers of trustees to this request, or none yet";
  return new BrokenLink("release", "RELEASE_MISSING", message);
};
