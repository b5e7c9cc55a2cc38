/**
 * Who is in a sum, for the rules about sets of service points (docs/protocol.md §8.3, R2 and R4). Run by the trustee, from the
 * terms of requests, its pinned registry and its own ledger.
 */
import {
  fuseWatts,
  hasMember,
  judgeDominance,
  judgeFamily,
  overlaps,
  type MemberWeight,
  type PresenceRun,
  type Refusal,
  type TimeSpan,
} from "@smarter-metering/policy";
import { fromHex, type Cohort, type NetworkView } from "@smarter-metering/protocol";
import type { LoadTerms } from "./load-terms.ts";
import type { RegistryContext } from "./registry-context.ts";
import type { LoadClaim, Spent } from "./spent.ts";

/** Refusals for one who outweighs the others, or for sets over the same time whose difference is a few. */
export function judgeSets(
  { terms, cohort }: LoadTerms,
  { view, policy }: RegistryContext,
  spent: Spent,
): Refusal[] {
  const { runs } = terms;
  const weights = cohort.members.map((member) => weightOf(member, view));
  const sets = spansOf(terms.blockStart, terms.intervalSeconds, runs);
  const block = { startSeconds: terms.blockStart, endSeconds: sets.at(-1)?.span.endSeconds ?? 0 };
  const others = setsOver(block, cohort, spent.blocksOver(block, terms.stream), view);
  const refusals = judgeDominance({ runs, weights }, policy);
  for (const { span, members } of sets) {
    const requested = namesOf(members, cohort.members);
    const released = others.filter((other) => overlaps(other.span, span));
    const crossed = judgeFamily(
      { requested, released: released.map(({ names }) => names) },
      policy,
    );
    // The refusals of one run are as good as those of all.
    if (crossed.length > 0) return [...refusals, ...crossed];
  }
  return refusals;
}

/** A service point or class that the registry does not know weighs nothing, which is no weight (SHAPE_INCONSISTENT). */
function weightOf(member: string, view: NetworkView): MemberWeight {
  const point = view.servicePoint(member);
  const classes = view.document.consumptionClasses;
  return {
    fuseWatts: point === undefined ? 0 : fuseWatts(point.fuse),
    classAnnualKilowattHours: classes[point?.consumptionClass ?? ""] ?? 0,
  };
}

interface SpannedRun {
  readonly span: TimeSpan;
  readonly members: Uint8Array;
}

function spansOf(
  blockStart: number,
  intervalSeconds: number,
  runs: readonly PresenceRun[],
): SpannedRun[] {
  let endSeconds = blockStart;
  return runs.map(({ slotCount, members }) => {
    const startSeconds = endSeconds;
    endSeconds += slotCount * intervalSeconds;
    return { span: { startSeconds, endSeconds }, members };
  });
}

/**
 * Sets released over `block`, when any of them can share a member with `cohort`: else none matters, and cohorts share no members unless
 * somebody was moved.
 */
function setsOver(
  block: TimeSpan,
  cohort: Cohort,
  claims: readonly LoadClaim[],
  view: NetworkView,
): { readonly span: TimeSpan; readonly names: ReadonlySet<string> }[] {
  const own = new Set(cohort.members);
  const released = claims.map((claim) => {
    // A version that the registry forgot has no members, and no set without members is granted.
    return { claim, all: view.cohort(claim.cohort, claim.cohortVersion)?.members ?? [] };
  });
  const isApart = released.every(
    ({ all }) => all.length > 0 && !all.some((member) => own.has(member)),
  );
  if (isApart) return [];
  return released.flatMap(({ claim, all }) => {
    const runs = claim.runs.map((run) => ({ ...run, members: fromHex(run.members) }));
    return spansOf(claim.startSeconds, claim.intervalSeconds, runs)
      .filter(({ span }) => overlaps(span, block))
      .map(({ span, members }) => ({ span, names: namesOf(members, all) }));
  });
}

const namesOf = (bitmap: Uint8Array, members: readonly string[]): ReadonlySet<string> =>
  new Set(members.filter((_, index) => hasMember(bitmap, index)));
