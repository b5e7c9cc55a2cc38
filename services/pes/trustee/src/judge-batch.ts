/**
 * Which requests of a batch are granted (docs/protocol.md §8.3): in order, each by all that was spent before it, in this batch too. Run by
 * the trustee, on requests that it verified; pure.
 */
import {
  judgeBands,
  judgeBill,
  judgeLoad,
  type Refusal,
  type TimeSpan,
} from "@smarter-metering/policy";
import { auditSeries, judged, seriesOf, spanOf, type Series } from "./audit.ts";
import { bandFacts, billClaim, billFacts, billTerms, type VerifiedBill } from "./bill-request.ts";
import type { Ledger } from "./ledger.ts";
import { loadClaim, loadFacts, loadTerms, type VerifiedLoad } from "./load-request.ts";
import type { Granted } from "./make-answers.ts";
import { judgeSets } from "./member-sets.ts";
import type { RegistryContext } from "./registry-context.ts";
import { Spent, type Claim } from "./spent.ts";
import type { Verified } from "./verify-request.ts";

export interface Reason {
  readonly code: string;
  readonly reason: string;
}

export interface Refused {
  readonly reasons: readonly Reason[];
}

export interface JudgePorts {
  readonly ledger: Pick<Ledger, "spent">;
  readonly nowSeconds: () => number;
}

/**
 * A verdict for each request. The same one again has none of its own when it is granted: its answer is the one the ledger will hold.
 *
 * An audit (R5) looks at all rows of a cohort, so a batch is audited once, with all of its rows. More rows determine more: where all of
 * them expose nothing, none and no part of them does. Where they do, they are audited one after the other.
 */
export function judgeBatch<Asked extends { readonly digest: string }>(
  batch: readonly Asked[],
  verified: readonly Verified[],
  context: RegistryContext,
  { ledger, nowSeconds }: JudgePorts,
): ReadonlyMap<Asked, Granted | Refused> {
  const now = nowSeconds();
  const oneByOne = new Set<string>();
  for (;;) {
    const spent = new Spent(ledger.spent);
    const verdicts = judgeInOrder(batch, verified, { context, spent, oneByOne, now });
    const exposed = [...touchedBy(verdicts.values(), context)].filter(
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
  readonly now: number;
}

function judgeInOrder<Asked extends { readonly digest: string }>(
  batch: readonly Asked[],
  verified: readonly Verified[],
  judging: Judging,
): Map<Asked, Granted | Refused> {
  const digests = new Set<string>();
  const verdicts = new Map<Asked, Granted | Refused>();
  for (const [index, asked] of batch.entries()) {
    const one = verified[index];
    if (one === undefined || digests.has(asked.digest)) continue;
    const verdict = judge(one, asked.digest, judging);
    verdicts.set(asked, verdict);
    if ("reasons" in verdict) continue;
    judging.spent.add(verdict.claim);
    digests.add(asked.digest);
  }
  return verdicts;
}

function judge(verified: Verified, digest: string, judging: Judging): Granted | Refused {
  if ("fault" in verified) return { reasons: [verified.fault] };
  const { context, spent, now } = judging;
  const reasons =
    verified.kind === "LOAD"
      ? judgeLoadRequest(verified, context, spent, now)
      : judgeBillRequest(verified, context, spent, now);
  if (reasons.length > 0) return { reasons };
  const claim = verified.kind === "LOAD" ? loadClaim(verified) : billClaim(verified);
  const exposed = auditAlone(claim, judging);
  if (exposed.length > 0) return { reasons: exposed };
  const terms =
    verified.kind === "LOAD"
      ? loadTerms(verified, context, digest)
      : billTerms(verified, context, digest);
  return { claim, aggregate: verified.aggregate, terms };
}

/** Sets are compared once they are known to be no fewer than the policy asks: a set of nobody is refused for that. */
function judgeLoadRequest(
  load: VerifiedLoad,
  context: RegistryContext,
  spent: Spent,
  now: number,
): readonly Refusal[] {
  const refusals = judgeLoad(loadFacts(load, context, spent, now), context.policy);
  return refusals.length > 0 ? refusals : judgeSets(load, context, spent);
}

function judgeBillRequest(
  bill: VerifiedBill,
  context: RegistryContext,
  spent: Spent,
  now: number,
): readonly Refusal[] {
  const { policy } = context;
  return judged(() => {
    const refusals = judgeBill(billFacts(bill, spent, now), policy);
    // A window that is none has no bands.
    return refusals.length > 0 ? refusals : judgeBands(bandFacts(bill, context), policy);
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
  verdicts: Iterable<Granted | Refused>,
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
