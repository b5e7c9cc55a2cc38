/**
 * The verifiable bill (docs/protocol.md §11.2), for the portal and the command line alike: from the registry's root key and the meters that
 * the enrolment proved down to the amount, each link by itself. Runs on the customer's device, on his own readings, which stay there.
 */
import { primitives, type RecipientSecret, type Statement } from "@smarter-metering/protocol";
import type { Tariff } from "@smarter-metering/tariff";
import {
  checkContributions,
  type ContributionEvidence,
  type FoundContribution,
} from "./check-contributions.ts";
import { checkNotes, type ShownNote } from "./check-notes.ts";
import { checkPrices } from "./check-prices.ts";
import { checkLog, type CheckReceipt, type Receipted } from "./check-log.ts";
import { checkRegisters, checkWindow, type OwnTotals } from "./check-registers.ts";
import { checkRelease, type ReleaseEvidence } from "./check-release.ts";
import { leftOutOf, reportEnvelopes, reportFrames } from "./frame-report.ts";
import { LinkBook, type Link } from "./link.ts";
import { openFrames, type Sealed } from "./open-frames.ts";
import type { PinnedMeter } from "./pinned-meters.ts";
import { differenceOf, priceFollows } from "./price-check.ts";
import { qualityShares, type QualityShares } from "./quality-shares.ts";
import { sortedReadings } from "./readings.ts";
import { checkRegistry, type RegistryEvidence } from "./registered.ts";
import { checkStatement, checkTariff, type SignedDocuments } from "./signed-documents.ts";

/** What a customer holds or fetches; nothing in it is believed but the root key, the pinned meters and his own names. */
export interface BillEvidence extends Sealed, SignedDocuments {
  readonly registry: RegistryEvidence;
  readonly meters: readonly PinnedMeter[];
  readonly secret: RecipientSecret;
  /** Of a tariff whose calendar has a cost: JWS by the registry's root (§6.6). */
  readonly prices?: readonly string[];
  /** Credit notes of this statement, in their order (§11.4). */
  readonly notes?: readonly ShownNote[];
  readonly contributions?: ContributionEvidence;
  readonly release?: ReleaseEvidence;
  readonly checkReceipt?: CheckReceipt;
}

export interface BillVerdict {
  /** Own amount less the statement's, in minor units of the currency; undefined when it could not be computed. */
  readonly differenceMinor: bigint | undefined;
  readonly explanation:
    /** Every link that was checked holds, and the difference is 0. */
    | "exact"
    /** A border came late (§7.3): the statement bills the window up to the next one. */
    | "window-extended"
    /** The MDMS says that it estimated. */
    | "estimated"
    /** See the broken links. */
    | "broken-link"
    /** Nothing is broken, and too little was there to compute. */
    | "not-computed";
}

export interface BillReport {
  /** In the order in which one rests on the other; a broken link is named once. */
  readonly links: readonly Link[];
  readonly verdict: BillVerdict;
  /** How much of the window was measured, estimated or missing; undefined without a statement. */
  readonly quality: QualityShares | undefined;
}

/** Never throws for what a party sent. */
export async function verifyBill(evidence: BillEvidence): Promise<BillReport> {
  const book = new LinkBook();
  const registered = await checkRegistry(evidence.registry, book);
  const statement = await checkStatement(evidence, registered, book);
  const tariff = await checkTariff(evidence, registered, statement, book);
  const { rootKey } = evidence.registry;
  const priced = { rootKey, registered, statement, tariff };
  const prices = await checkPrices(evidence.prices, priced, book);
  const frames = await openFrames(evidence.meters, evidence.secret, evidence);
  reportEnvelopes(frames, book);
  reportFrames(frames, book);
  const blocks = frames.opened.filter(({ frame }) => frame.header.kind === "BLOCK");
  const gaps = checkWindow(statement, blocks, leftOutOf(frames), book);
  const consumption = await checkRegisters({ statement, tariff, prices, blocks, gaps }, book);
  checkPrice(statement, tariff, book);
  const noted = { registered, statement, statementJws: evidence.statement, tariff };
  await checkNotes(evidence.notes, noted, book);
  const own = { blocks, meters: evidence.meters };
  const contributions = await checkContributions(evidence.contributions, own, registered, book);
  const context = { statement, registered, meters: evidence.meters, contributions };
  const request = await checkRelease(evidence.release, context, book);
  const logged = await Promise.all(contributions.map(loggedContribution));
  if (request !== undefined) logged.push(request);
  await checkLog(logged, evidence.checkReceipt, registered, book);
  const links = book.links();
  const verdict = verdictOf(links, consumption, statement, tariff);
  return { links, verdict, quality: statement && qualityShares(sortedReadings(blocks), statement) };
}

async function loggedContribution({
  contribution,
  receipt,
  where,
}: FoundContribution): Promise<Receipted> {
  const body = await primitives.sha256(contribution);
  return { entry: { kind: "contribution", body }, receipt, where };
}

function checkPrice(
  statement: Statement | undefined,
  tariff: Tariff | undefined,
  book: LinkBook,
): void {
  if (statement === undefined || tariff === undefined) {
    const waits = statement === undefined ? "statement" : "tariff";
    book.notChecked("price", `waits for the ${waits}`);
  } else if (priceFollows(statement, tariff)) {
    book.ok("price", "lines and amount follow from registers and tariff");
  } else {
    book.broken("PRICE_DIFFERS", `tariff ${statement.tariff}, version ${statement.tariffVersion}`);
  }
}

function verdictOf(
  links: readonly Link[],
  own: OwnTotals | undefined,
  statement: Statement | undefined,
  tariff: Tariff | undefined,
): BillVerdict {
  const isBroken = links.some(({ status }) => status === "broken");
  const differenceMinor =
    own === undefined || statement === undefined || tariff === undefined
      ? undefined
      : differenceOf(own.totals, statement, tariff);
  if (isBroken) return { differenceMinor, explanation: "broken-link" };
  if (own === undefined || differenceMinor === undefined) {
    return { differenceMinor, explanation: "not-computed" };
  }
  return { differenceMinor, explanation: own.explanation };
}
