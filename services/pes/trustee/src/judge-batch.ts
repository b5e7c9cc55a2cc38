/**
 * Which requests are granted (docs/protocol.md §8.3): in the order of the log, each by all that was granted before it. A pure function of
 * the log and the registry: all trustees come to the same verdicts. Run by the trustee, on terms alone.
 */
import {
  judgeBands,
  judgeBill,
  judgeCost,
  judgeLoad,
  type Refusal,
  type TimeSpan,
} from "@smarter-metering/policy";
import { toHex, type RequestTerms } from "@smarter-metering/protocol";
import { auditSeries, judged, seriesOf, spanOf, type Series } from "./audit.ts";
import {
  bandFacts,
  billClaim,
  billFacts,
  costFacts,
  readBill,
  type BillTerms,
} from "./bill-terms.ts";
import { fault, type Faulty } from "./fault.ts";
import { loadClaim, loadFacts, readLoad, type LoadTerms } from "./load-terms.ts";
import { judgeSets } from "./member-sets.ts";
import type { RegistryContext } from "./registry-context.ts";
import { Spent, type Claim } from "./spent.ts";

export interface Reason {
  readonly code: string;
  readonly reason: string;
}

export interface Granted {
  readonly claim: Claim;
}
export interface Refused {
  readonly reasons: readonly Reason[];
}
export type Verdict = Granted | Refused;

/** A request as it stands in the log. */
export interface Logged {
  readonly terms: RequestTerms;
  /** The log's time, epoch seconds: no later than 300 s after any clock of a trustee that cosigned it (§13.5). */
  readonly timeSeconds: number;
  /** The registry epoch that it names stands in the log before it. */
  readonly isEpochLogged: boolean;
}

/** What a request says, fitted into the registry. */
export function readTerms(
  terms: RequestTerms,
  context: RegistryContext,
): LoadTerms | BillTerms | Faulty {
  if (toHex(terms.paillierKeyId) !== context.publicKey.id) {
    return { fault: fault("REQUEST_WRONG_KEY", "the request is about another Paillier key") };
  }
  return terms.kind === "LOAD" ? readLoad(terms, context) : readBill(terms, context);
}

/** What a request spends when it is granted, whatever the registry says of it. */
export const claimOf = (terms: RequestTerms): Claim =>
  terms.kind === "LOAD" ? loadClaim(terms) : billClaim(terms);

/**
 * A verdict for each request, in order.
 *
 * An audit (R5) looks at all rows of a cohort, so a batch is audited once, with all of its rows. More rows determine more: where all of
 * them expose nothing, none and no part of them does. Where they do, they are audited one after the other. So a verdict does not depend
 * on how the log was cut into batches.
 */
export function judgeBatch(
  batch: readonly Logged[],
  context: RegistryContext,
  before: Spent,
): Verdict[] {
  const oneByOne = new Set<string>();
  for (;;) {
    const spent = new Spent(before);
    const verdicts = batch.map((one) => {
      const verdict = judge(one, { context, spent, oneByOne });
      if ("claim" in verdict) spent.add(verdict.claim);
      return verdict;
    });
    const exposed = [...touchedBy(verdicts, context)].filter(
      ([name, { series, span }]) =>
        !oneByOne.has(name) && auditSeries(series, span, spent, context).length > 0,
    );
    if (exposed.length === 0) return verdicts;
    for (const [name] of exposed) oneByOne.add(name);
  }
}

interface Judging {
  readonly context: RegistryContext;
  /** Grows with what is granted. */
  readonly spent: Spent;
  /** Series of which each row is audited by itself. */
  readonly oneByOne: ReadonlySet<string>;
}

function judge({ terms, timeSeconds, isEpochLogged }: Logged, judging: Judging): Verdict {
  const { context, spent } = judging;
  const read = readTerms(terms, context);
  if ("fault" in read) return { reasons: [read.fault] };
  const reasons =
    read.kind === "LOAD"
      ? judgeLoadTerms(read, context, spent, timeSeconds)
      : judgeBillTerms(read, context, spent, { now: timeSeconds, isEpochLogged });
  if (reasons.length > 0) return { reasons };
  const claim = claimOf(terms);
  const exposed = auditAlone(claim, judging);
  return exposed.length > 0 ? { reasons: exposed } : { claim };
}

/** Sets are compared once they are known to be no fewer than the policy asks: a set of nobody is refused for that. */
function judgeLoadTerms(
  load: LoadTerms,
  context: RegistryContext,
  spent: Spent,
  now: number,
): readonly Refusal[] {
  const refusals = judgeLoad(loadFacts(load, context, spent, now), context.policy);
  return refusals.length > 0 ? refusals : judgeSets(load, context, spent);
}

function judgeBillTerms(
  bill: BillTerms,
  context: RegistryContext,
  spent: Spent,
  { now, isEpochLogged }: { readonly now: number; readonly isEpochLogged: boolean },
): readonly Refusal[] {
  const { policy } = context;
  return judged(() => {
    const refusals = judgeBill(billFacts(bill, spent, context.view, now), policy);
    // A window that is none has no bands.
    if (refusals.length > 0) return refusals;
    const cost = costFacts(bill, context, isEpochLogged);
    const costRefusals = cost === undefined ? [] : judgeCost(cost, policy);
    return [...judgeBands(bandFacts(bill, context), policy), ...costRefusals];
  });
}

function auditAlone(claim: Claim, { context, spent, oneByOne }: Judging): readonly Refusal[] {
  const withClaim = new Spent(spent);
  withClaim.add(claim);
  for (const [name, series] of seriesOf(claim, context.view)) {
    if (!oneByOne.has(name)) continue;
    const refusals = auditSeries(series, spanOf(claim), withClaim, context);
    if (refusals.length > 0) return refusals;
  }
  return [];
}

/** The series that granted rows belong to, and the time of these rows. */
function touchedBy(
  verdicts: Iterable<Verdict>,
  { view }: RegistryContext,
): ReadonlyMap<string, { readonly series: Series; readonly span: TimeSpan }> {
  const touched = new Map<string, { series: Series; span: TimeSpan }>();
  for (const verdict of verdicts) {
    if (!("claim" in verdict)) continue;
    const { startSeconds, endSeconds } = spanOf(verdict.claim);
    for (const [name, series] of seriesOf(verdict.claim, view)) {
      const { span } = touched.get(name) ?? { span: { startSeconds, endSeconds } };
      const whole = {
        startSeconds: Math.min(span.startSeconds, startSeconds),
        endSeconds: Math.max(span.endSeconds, endSeconds),
      };
      touched.set(name, { series, span: whole });
    }
  }
  return touched;
}
