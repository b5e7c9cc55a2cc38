/**
 * How consumption got from the customer's border contributions into the statement (docs/protocol.md §8.1, §11.2): the request in the log
 * names exactly these and the statement's window, a cost where one is billed, and the trustees answered that request. On the customer's
 * device.
 */
import {
  contributionLeaf,
  decodeSignedTerms,
  equalBytes,
  instantOf,
  merkleRoot,
  termsDigest,
  toHex,
  verifySignedTerms,
  type BillRequest,
  type SignedTerms,
  type Statement,
} from "@smarter-metering/protocol";
import { answersFault, type SealedAnswers } from "./check-answers.ts";
import type { FoundContribution } from "./check-contributions.ts";
import type { Receipted } from "./check-log.ts";
import { groupBy } from "./frame-chain.ts";
import type { LinkBook } from "./link.ts";
import type { PinnedMeter } from "./pinned-meters.ts";
import { verifiedByAny, type Registered } from "./registered.ts";

export interface ReleaseEvidence {
  /** The request's signed terms, as they stand in the log. */
  readonly terms: Uint8Array;
  /** Their receipt (§13.6). */
  readonly receipt?: string;
  /** What the MDMS has of the trustees. */
  readonly answers: SealedAnswers;
}

/** What a request and its answer are held against. */
export interface ReleaseContext {
  readonly statement: Statement | undefined;
  readonly registered: Registered | undefined;
  readonly meters: readonly PinnedMeter[];
  readonly contributions: readonly FoundContribution[];
}

/** The logged request and its receipt, when it is the one that the statement names. */
export async function checkRelease(
  evidence: ReleaseEvidence | undefined,
  { statement, registered, meters, contributions }: ReleaseContext,
  book: LinkBook,
): Promise<Receipted | undefined> {
  if (evidence === undefined) {
    book.notChecked("release", "none was shown", "ask the supplier for the release of this bill");
    return undefined;
  }
  if (statement === undefined || registered === undefined) {
    book.notChecked("release", `waits for the ${registered ? "statement" : "registry"}`);
    return undefined;
  }
  const where = `request ${statement.requestDigest.slice(0, 16)}`;
  const signed = await requestOf(evidence, statement, registered);
  if (signed === undefined) {
    book.broken("LOG_ENTRY_INVALID", where);
    book.notChecked("release", "waits for the log");
    return undefined;
  }
  const fault = await answersFault(
    evidence.answers,
    await termsDigest(signed),
    registered.keysOf("trustee"),
  );
  if (fault !== undefined) book.broken(fault, where);
  await checkBorders(signed, statement, { meters, contributions }, where, book);
  const entry = { kind: "release-request", body: evidence.terms } as const;
  return { entry, receipt: evidence.receipt, where };
}

async function checkBorders(
  signed: SignedTerms,
  statement: Statement,
  { meters, contributions }: Pick<ReleaseContext, "meters" | "contributions">,
  where: string,
  book: LinkBook,
): Promise<void> {
  const { terms } = signed;
  if (terms.kind !== "BILL" || !isOwnWindow(terms, statement, meters)) {
    book.broken("RELEASE_WINDOW", where);
    return;
  }
  const isCostBilled = statement.cost !== undefined && statement.cost.counted !== null;
  if (isCostBilled !== terms.costProduct.length > 0) {
    book.broken("RELEASE_COST", where);
    return;
  }
  const borders = [
    bordersOf(terms, "BILL", contributions),
    ...(isCostBilled ? [costOf(terms, contributions)] : []),
  ];
  if (!borders.every((some) => some !== undefined)) {
    book.notChecked("release", "waits for the contributions at the borders");
  } else if (!(await isMadeOf(signed, borders.flat()))) {
    book.broken("RELEASE_DIFFERS", where);
  } else {
    book.ok("release", "released from the contributions at the window's borders");
  }
}

async function requestOf(
  { terms }: ReleaseEvidence,
  { requestDigest }: Statement,
  registered: Registered,
): Promise<SignedTerms | undefined> {
  return verifiedByAny(registered.keysOf("aggregator"), async (key) => {
    const signed = decodeSignedTerms(terms);
    await verifySignedTerms(signed, key);
    return toHex(await termsDigest(signed)) === requestDigest ? signed : undefined;
  });
}

const isOwnWindow = (
  { networkPseudonym, fromGrid, toGrid }: BillRequest,
  { from, to }: Statement,
  meters: readonly PinnedMeter[],
): boolean =>
  fromGrid === from &&
  toGrid === to &&
  meters.some((meter) => equalBytes(meter.networkPseudonym, networkPseudonym));

/** Of COST at the borders; where prices were known afterwards, of every step between them, in the order of time. */
function costOf(
  terms: BillRequest,
  contributions: readonly FoundContribution[],
): readonly FoundContribution[] | undefined {
  const { fromBorder, toBorder } = terms;
  const steps = contributions
    .filter(({ header }) => header.stream === "STEPS")
    .filter(({ header }) => instantOf(header) > fromBorder && instantOf(header) <= toBorder)
    .toSorted((a, b) => instantOf(a.header) - instantOf(b.header));
  if (steps.length === 0) return bordersOf(terms, "COST", contributions);
  let reached = fromBorder;
  for (const { header } of steps) {
    if (header.blockStart + header.firstSlot * header.intervalSeconds !== reached) return undefined;
    reached = instantOf(header);
  }
  return reached === toBorder ? steps : undefined;
}

/**
 * The customer's own contributions of a stream of registers from one border to the other: the first and the last of each meter, each of which begins where the
 * one before was taken away. Undefined while one is missing.
 */
function bordersOf(
  { fromBorder, toBorder }: BillRequest,
  stream: "BILL" | "COST",
  contributions: readonly FoundContribution[],
): readonly FoundContribution[] | undefined {
  const inside = contributions
    .filter(({ header }) => header.stream === stream)
    .filter(({ header }) => instantOf(header) >= fromBorder && instantOf(header) <= toBorder)
    .toSorted((a, b) => instantOf(a.header) - instantOf(b.header));
  const borders: FoundContribution[] = [];
  for (const own of groupBy(inside, ({ header }) => toHex(header.meterId)).values()) {
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined) continue;
    // One that is exchanged at a border counts nothing on this side of it.
    if (instantOf(first.header) < instantOf(last.header)) borders.push(first, last);
  }
  const instants = borders.map(({ header }) => instantOf(header));
  const isWhole =
    instants.length > 0 &&
    instants[0] === fromBorder &&
    instants.at(-1) === toBorder &&
    // Every second step leads from one meter to the next, and takes no time.
    instants.every((at, index) => index % 2 === 1 || index === 0 || at === instants[index - 1]);
  return isWhole ? borders : undefined;
}

async function isMadeOf(
  { contributionCount, contributionsRoot }: SignedTerms,
  borders: readonly FoundContribution[],
): Promise<boolean> {
  const leaves = await Promise.all(
    borders.map(({ contribution }) => contributionLeaf(contribution)),
  );
  return (
    contributionCount === borders.length && equalBytes(await merkleRoot(leaves), contributionsRoot)
  );
}
