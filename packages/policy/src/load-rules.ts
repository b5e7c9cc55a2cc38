// Rules for LOAD releases: the sum of a cohort over one block. docs/protocol.md: release policy,
// R1, R3, R6, R7, R11 and timing. Pure; a trustee makes the facts from signed contributions, its
// pinned registry, its own ledger and its own clock, never from what the aggregator says.
// Distinct service points, one profile, key and product are checked where contributions are read.

import type { ReleasePolicy } from "./policy.ts";
import { areIntegers, instantText, judgeAll, overlaps } from "./rule.ts";
import type { Refusal, Rule, TimeSpan } from "./rule.ts";

/** R1: below this an interval is fine, and needs contributorsMinFine. */
const fineIntervalSeconds = 900;

/** What is known of a requested load. */
export interface LoadFacts {
  readonly cohort: string;
  readonly cohortVersion: number;
  readonly blockStartSeconds: number;
  readonly intervalSeconds: number;
  readonly slotCount: number;
  /** Distinct service points with a value in each slot; slotCount entries. */
  readonly contributorsPerSlot: readonly number[];
  /** Service points of the cohort in the registry. */
  readonly memberCount: number;
  /** Distinct service points that contributed. */
  readonly contributorCount: number;
  /** Every member contributed every slot. */
  readonly complete: boolean;
  /** Members against the cohort's version before this one; `first` when there is none. */
  readonly churn: { readonly first: boolean; readonly added: number; readonly removed: number };
  /** The cohort's LOAD interval in the registry. */
  readonly registeredIntervalSeconds: number;
  /** The block is one of the cohort's block grid in the registry epoch. */
  readonly onBlockGrid: boolean;
  /** Released before, of this cohort or of any earlier version of the neighbourhood. */
  readonly alreadyReleased: readonly TimeSpan[];
  /** The judge's own clock. */
  readonly nowSeconds: number;
}

function blockEndSeconds(facts: LoadFacts): number {
  return facts.blockStartSeconds + facts.slotCount * facts.intervalSeconds;
}

function isLoadShape(facts: LoadFacts): boolean {
  const { contributorsPerSlot, contributorCount, memberCount, churn } = facts;
  const counts = [...contributorsPerSlot, contributorCount, churn.added, churn.removed];
  return (
    areIntegers([facts.slotCount, facts.intervalSeconds, memberCount], 1) &&
    areIntegers([...counts, facts.blockStartSeconds, facts.nowSeconds], 0) &&
    areIntegers([blockEndSeconds(facts)], 1) &&
    contributorsPerSlot.length === facts.slotCount &&
    contributorsPerSlot.every((count) => count <= contributorCount) &&
    contributorCount <= memberCount &&
    (!facts.complete || contributorsPerSlot.every((count) => count === memberCount)) &&
    facts.alreadyReleased.every((span) => span.startSeconds < span.endSeconds)
  );
}

const loadShape: Rule<LoadFacts> = {
  id: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  judge: (facts) =>
    isLoadShape(facts)
      ? undefined
      : `the counts and times of the request contradict each other: ${facts.slotCount} slots, \
${facts.contributorsPerSlot.length} counts, ${facts.contributorCount} contributors of \
${facts.memberCount} members`,
};

function contributorsNeeded(facts: LoadFacts, policy: ReleasePolicy): number {
  const { contributorsMin, contributorsMinFine } = policy;
  const fine = facts.intervalSeconds < fineIntervalSeconds;
  return fine ? Math.max(contributorsMin, contributorsMinFine) : contributorsMin;
}

const tooFewContributors: Rule<LoadFacts> = {
  id: "R1",
  code: "R1_TOO_FEW_CONTRIBUTORS",
  judge(facts, policy) {
    const needed = contributorsNeeded(facts, policy);
    const slot = facts.contributorsPerSlot.findIndex((count) => !(count >= needed));
    if (slot < 0) return undefined;
    const count = facts.contributorsPerSlot[slot];
    return `${count} contributors in slot ${slot}, ${needed} needed at ${facts.intervalSeconds} s`;
  },
};

const alreadyReleased: Rule<LoadFacts> = {
  id: "R3",
  code: "R3_ALREADY_RELEASED",
  judge(facts) {
    const block = { startSeconds: facts.blockStartSeconds, endSeconds: blockEndSeconds(facts) };
    const before = facts.alreadyReleased.find((span) => overlaps(span, block));
    if (before === undefined) return undefined;
    const span = `${instantText(before.startSeconds)} to ${instantText(before.endSeconds)}`;
    return `the neighbourhood's load from ${span} was released before`;
  },
};

const offBlockGrid: Rule<LoadFacts> = {
  id: "R3",
  code: "R3_OFF_BLOCK_GRID",
  judge: (facts) =>
    facts.onBlockGrid
      ? undefined
      : `${facts.slotCount} slots from ${instantText(facts.blockStartSeconds)} are no block of the \
registered grid`,
};

/** Each direction by itself: one member who goes is not hidden by four who come. */
const smallChurn: Rule<LoadFacts> = {
  id: "R6",
  code: "R6_SMALL_CHURN",
  judge({ churn }, { churnMin }) {
    const enough = (count: number): boolean => count === 0 || count >= churnMin;
    if (churn.first || (enough(churn.added) && enough(churn.removed))) return undefined;
    return `${churn.added} members came and ${churn.removed} went, 0 or at least ${churnMin} needed`;
  },
};

const incomplete: Rule<LoadFacts> = {
  id: "R7",
  code: "R7_INCOMPLETE",
  judge(facts, policy) {
    const { contributorCount, memberCount } = facts;
    const percent = policy.completenessMinBasisPoints / 100;
    return contributorCount * 10_000 >= policy.completenessMinBasisPoints * memberCount
      ? undefined
      : `${contributorCount} of ${memberCount} members contributed, ${percent} % needed`;
  },
};

const tooFine: Rule<LoadFacts> = {
  id: "R11",
  code: "R11_TOO_FINE",
  judge: (facts, policy) =>
    facts.intervalSeconds >= policy.intervalSecondsMin
      ? undefined
      : `intervals of ${facts.intervalSeconds} s, at least ${policy.intervalSecondsMin} s needed`,
};

const notRegisteredInterval: Rule<LoadFacts> = {
  id: "R11",
  code: "R11_NOT_REGISTERED_INTERVAL",
  judge: (facts) =>
    facts.intervalSeconds === facts.registeredIntervalSeconds
      ? undefined
      : `intervals of ${facts.intervalSeconds} s, the cohort's are registered with \
${facts.registeredIntervalSeconds} s`,
};

/** A set that may still grow is not released: the grown one would differ by a few households. */
const beforeCutoff: Rule<LoadFacts> = {
  id: "TIMING",
  code: "TIMING_BEFORE_CUTOFF",
  judge(facts, policy) {
    const end = blockEndSeconds(facts);
    const earliest = facts.complete ? end : end + policy.loadCutoffSeconds;
    if (facts.nowSeconds >= earliest) return undefined;
    const what = facts.complete ? "complete" : "incomplete";
    return `the ${what} block may be released from ${instantText(earliest)} on`;
  },
};

/** Every rule for a load, in the order refusals are listed. */
export const loadRules: readonly Rule<LoadFacts>[] = [
  tooFewContributors,
  alreadyReleased,
  offBlockGrid,
  smallChurn,
  incomplete,
  tooFine,
  notRegisteredInterval,
  beforeCutoff,
];

/** All refusals of a load release; none means it may be released. Never throws on bad facts. */
export function judgeLoad(facts: LoadFacts, policy: ReleasePolicy): Refusal[] {
  return judgeAll(loadShape, loadRules, facts, policy);
}
