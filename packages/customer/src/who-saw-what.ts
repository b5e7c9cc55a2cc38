/**
 * Who saw what of a household (docs/protocol.md §7, §8): each release and each request for one, with how many others it was mixed with, under
 * which policy, and what of that is proven. On the customer's device; pure but for hashing.
 */
import {
  contributionLeaf,
  decodeContribution,
  decodeSignedTerms,
  equalBytes,
  ProtocolError,
  rootOfPath,
  termsDigest,
  toHex,
  verifyContribution,
  verifySignedTerms,
  type Contribution,
  type LoadRequest,
  type PublicView,
  type SignedTerms,
} from "@smarter-metering/protocol";
import { answersFault } from "./check-answers.ts";
import type { CheckReceipt } from "./check-log.ts";
import { findMeter } from "./frame-chain.ts";
import { instantText, LinkBook, type Link } from "./link.ts";
import { headOfReceipt, logQuorumOf, receiptsOf, thresholdOf } from "./log-quorum.ts";
import type { PinnedMeter } from "./pinned-meters.ts";
import type { ShownEvidence, ShownRequest } from "./portal-evidence.ts";
import type { PortalRegistry } from "./portal-registry.ts";
import type { OpenedStatement } from "./portal-statements.ts";
import { checkRegistry, verifiedByAny, type Registered } from "./registered.ts";
import { saidByStatement } from "./said-by-statement.ts";

export interface SightingEvidence {
  readonly registry: PortalRegistry;
  readonly meters: readonly PinnedMeter[];
  readonly shown: ShownEvidence;
  /** All that opened: a bill is its window's release, said by who received it. */
  readonly statements: readonly OpenedStatement[];
}

/** What is proven of a sighting; what is not is the aggregator's word. */
export interface Proven {
  /** The aggregator signed this request: cohort, block or window, contributors. */
  readonly request: boolean;
  /** Contributions of this household, signed by who encrypts them, are in it; of a bill it names this household. */
  readonly membership: boolean;
  /** It stands in the log, under a head of the quorum. */
  readonly log: boolean;
  /** Trustees signed that they answered it. Bills alone: of sums the customer has no answer. */
  readonly answered: boolean;
}

/** A sum that this household is in, or its own bill. Received by the data manager and nobody else. */
export interface Sighting {
  readonly kind: "LOAD" | "LOAD_EXPORT" | "BILL";
  /** The block, or the window on the grid; epoch seconds, half-open. */
  readonly from: number;
  readonly to: number;
  /** In the aggregator's words, unless `proven.answered`. */
  readonly state: "released" | "refused" | "suppressed" | "pending";
  readonly codes: readonly string[];
  /** Of sums. */
  readonly cohort:
    { readonly id: string; readonly version: number; readonly members: number } | undefined;
  readonly intervalSeconds: number | undefined;
  /** With how many other households it was added up, in the interval with the fewest; 0 for a bill. Undefined without a request. */
  readonly others: number | undefined;
  /** Whether the cost was asked for beside a bill's totals. */
  readonly withCost: boolean;
  /** Of the newest registry epoch; `policyHeld` when the request names that epoch. */
  readonly policyId: string;
  readonly policyHeld: boolean;
  /** Place in the log and size of the head that proves it, when `proven.log`. */
  readonly logged: { readonly index: number; readonly size: number } | undefined;
  /** Trustees whose signed answers came with the bill. */
  readonly trustees: number | undefined;
  /** Of a bill: whether the mailbox has its statement. A released window without one is withheld, or late. */
  readonly hasStatement: boolean;
  readonly proven: Proven;
}

export interface SightingReport {
  /** In the order of time. */
  readonly sightings: readonly Sighting[];
  /** Links "registry", "contribution", "release", "log" and "statement": what is broken, and where. */
  readonly links: readonly Link[];
}

/** Never throws for what a party sent. */
export async function whoSawWhat(evidence: SightingEvidence): Promise<SightingReport> {
  const book = new LinkBook();
  const registered = await checkRegistry(evidence.registry.evidence, book);
  const { view } = evidence.registry;
  if (registered === undefined || view === undefined) return { sightings: [], links: book.links() };
  const own = await ownContributions(evidence, registered, book);
  const bills = billsOf(evidence.statements);
  const checkReceipt = receiptsOf(() => logQuorumOf(view));
  const context = { evidence, registered, view, own, bills, checkReceipt, book };
  const sightings: Sighting[] = [];
  for (const request of evidence.shown.requests) sightings.push(await sightingOf(request, context));
  for (const { kind, state, hasStatement, from } of sightings) {
    if (kind === "BILL" && state === "released" && !hasStatement) {
      book.broken("STATEMENT_MISSING", `window from ${instantText(from)}`);
    }
  }
  book.ok("release", `${sightings.length} requests`);
  return { sightings, links: book.links() };
}

interface OwnContribution {
  readonly header: Contribution["header"];
  readonly leaf: Uint8Array;
}

interface Context {
  readonly evidence: SightingEvidence;
  readonly registered: Registered;
  readonly view: PublicView;
  readonly own: readonly OwnContribution[];
  /** By request digest, hex. */
  readonly bills: ReadonlyMap<string, OpenedStatement>;
  readonly checkReceipt: CheckReceipt;
  readonly book: LinkBook;
}

/** Those that bear this household's name and the signature of who encrypts for it; whatever else is shown is named. */
async function ownContributions(
  { shown, meters }: SightingEvidence,
  registered: Registered,
  book: LinkBook,
): Promise<OwnContribution[]> {
  const own: OwnContribution[] = [];
  for (const [position, { contribution: bytes }] of shown.contributions.entries()) {
    const where = `contribution ${position + 1}`;
    const contribution = attempt(() => decodeContribution(bytes));
    const meter = contribution && findMeter(meters, contribution.header);
    if (contribution === undefined) {
      book.broken("CONTRIBUTION_MALFORMED", where);
    } else if (meter === undefined) {
      book.broken("CONTRIBUTION_FOREIGN", where);
    } else {
      const isOpeners = contribution.header.profile === "pes-encrypts";
      const keys = isOpeners ? registered.keysOf("opener") : [meter.meterKey];
      const isSigned = await verifiedByAny(keys, async (key) => {
        await verifyContribution(contribution, key);
        return true;
      });
      if (isSigned === undefined) book.broken("CONTRIBUTION_UNSIGNED", where);
      else own.push({ header: contribution.header, leaf: await contributionLeaf(bytes) });
    }
  }
  book.ok("contribution", `${own.length} contributions are signed`);
  return own;
}

async function sightingOf(request: ShownRequest, context: Context): Promise<Sighting> {
  const { registered, view, book } = context;
  const where = `${request.stream} from ${instantText(request.from)}`;
  const signed = await signedTermsIn(request, registered);
  if (request.terms !== undefined && signed === undefined) book.broken("REQUEST_UNSIGNED", where);
  const digest = signed && toHex(await termsDigest(signed));
  const bill = digest === undefined ? undefined : context.bills.get(digest);
  const membership = signed !== undefined && (await isIn(signed, request, context));
  if (signed !== undefined && !membership) book.broken("REQUEST_FOREIGN", where);
  const log = signed !== undefined && (await isLogged(request, context, where));
  const answers = signed && bill && (await answersTo(signed, bill, context, where));
  const load = signed?.terms.kind === "LOAD" ? signed.terms : undefined;
  return {
    kind: request.stream,
    from: request.from,
    to: request.to,
    state: answers === undefined ? stateOf(request) : "released",
    codes: request.codes,
    cohort: load && cohortOf(load, view),
    intervalSeconds: load?.intervalSeconds,
    others: load === undefined ? signed && 0 : othersIn(load),
    withCost: signed?.terms.kind === "BILL" && signed.terms.costProduct.length > 0,
    policyId: idOf(view.policy),
    policyHeld: signed?.terms.registryEpoch === registered.epoch,
    logged: log && request.receipt !== undefined ? headOfReceipt(request.receipt) : undefined,
    trustees: answers,
    hasStatement: bill !== undefined,
    proven: { request: signed !== undefined, membership, log, answered: answers !== undefined },
  };
}

/** What the aggregator has signed of just this block or window. */
async function signedTermsIn(
  { terms: bytes, stream, from, to }: ShownRequest,
  registered: Registered,
): Promise<SignedTerms | undefined> {
  const signed = bytes && attempt(() => decodeSignedTerms(bytes));
  if (signed === undefined) return undefined;
  const { terms } = signed;
  const isSame =
    terms.kind === "BILL"
      ? stream === "BILL" && terms.fromGrid === from && terms.toGrid === to
      : stream === terms.stream &&
        terms.blockStart === from &&
        terms.blockStart + terms.slotCount * terms.intervalSeconds === to;
  if (!isSame) return undefined;
  return verifiedByAny(registered.keysOf("aggregator"), async (key) => {
    await verifySignedTerms(signed, key);
    return signed;
  });
}

/** Of a sum: one of the household's own contributions to that block stands under the signed root. */
async function isIn(
  { terms, contributionCount, contributionsRoot }: SignedTerms,
  request: ShownRequest,
  { evidence, own }: Context,
): Promise<boolean> {
  if (terms.kind === "BILL") {
    return evidence.meters.some((meter) =>
      equalBytes(meter.networkPseudonym, terms.networkPseudonym),
    );
  }
  const leaves = own.filter(
    ({ header }) => header.stream === terms.stream && header.blockStart === terms.blockStart,
  );
  for (const { index, path } of request.own) {
    if (index >= contributionCount) continue;
    for (const { leaf } of leaves) {
      const root = await rootOfPath(leaf, index, contributionCount, path);
      if (root !== undefined && equalBytes(root, contributionsRoot)) return true;
    }
  }
  return false;
}

async function isLogged(
  { terms, receipt }: ShownRequest,
  { checkReceipt, book }: Context,
  where: string,
): Promise<boolean> {
  if (terms === undefined || receipt === undefined) return false; // It may wait for cosignatures.
  try {
    await checkReceipt({ kind: "release-request", body: terms }, receipt);
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!code.startsWith("LOG_")) throw error;
    book.broken(code.startsWith("LOG_HEAD_") ? "LOG_HEAD_INVALID" : "LOG_RECEIPT_INVALID", where);
    return false;
  }
}

/** How many trustees' answers came with the bill; undefined when they do not stand. */
async function answersTo(
  signed: SignedTerms,
  { answers: { release, partials } }: OpenedStatement,
  { registered, view, book }: Context,
  where: string,
): Promise<number | undefined> {
  const answers = release === null ? { partials, threshold: await thresholdOf(view) } : { release };
  const trustees = registered.keysOf("trustee");
  const fault = await answersFault(answers, await termsDigest(signed), trustees);
  if (fault === undefined) return release === null ? partials.length : 1;
  book.broken(fault, where);
  return undefined;
}

/** Statements by the request that they name; who signed them is `verifyBill`'s to check. */
function billsOf(statements: readonly OpenedStatement[]): ReadonlyMap<string, OpenedStatement> {
  const bills = new Map<string, OpenedStatement>();
  for (const statement of statements) {
    const { requestDigest } = saidByStatement(statement.statement) ?? {};
    if (requestDigest !== undefined) bills.set(requestDigest, statement);
  }
  return bills;
}

const stateOf = ({ state, terms, codes }: ShownRequest): Sighting["state"] => {
  if (state === "RELEASED") return "released";
  if (state !== "SUPPRESSED") return "pending";
  return terms === undefined || codes.length === 0 ? "suppressed" : "refused";
};

function cohortOf({ cohort, cohortVersion }: LoadRequest, { cohorts }: PublicView) {
  const known = cohorts.find(({ id, version }) => id === cohort && version === cohortVersion);
  return { id: cohort, version: cohortVersion, members: known?.members ?? 0 };
}

/** Contributors less this household, in the run of intervals with the fewest. */
function othersIn({ runs }: LoadRequest): number {
  const counts = runs.map(({ members }) => bitsIn(members)).filter((count) => count > 0);
  return Math.max(0, Math.min(...counts, Number.MAX_SAFE_INTEGER) - 1);
}

const bitsIn = (bitmap: Uint8Array): number =>
  bitmap.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);

function idOf(policy: unknown): string {
  const id = typeof policy === "object" && policy !== null && "id" in policy ? policy.id : "";
  return typeof id === "string" ? id : "";
}

/** Undefined for what is malformed. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
