// R2, dominance: a sum that is mostly one household's is his curve, however many others are in it.
// docs/protocol.md: release policy. Pure; a trustee takes fuse ratings and classes from its pinned
// registry, so that neither needs a reading.

import type { ReleasePolicy } from "./policy.ts";
import { hasMember, type PresenceRun } from "./presence.ts";
import { judgeAll } from "./rule.ts";
import type { Refusal, Rule } from "./rule.ts";

/** How much a service point may draw, and how much one of its class draws. */
export interface MemberWeight {
  readonly fuseWatts: number;
  /** Typical consumption of its class, from the registry's table of classes. */
  readonly classAnnualKilowattHours: number;
}

/** What is known of the contributors of a requested load. */
export interface DominanceFacts {
  readonly runs: readonly PresenceRun[];
  /** In the order of the cohort version's members. */
  readonly weights: readonly MemberWeight[];
}

/** Power of a fuse: amperes, phases, 230 V. */
export function fuseWatts(fuse: { readonly amps: number; readonly phases: number }): number {
  return fuse.amps * fuse.phases * 230;
}

const isWeight = (value: number): boolean => Number.isFinite(value) && value > 0;

const dominanceShape: Rule<DominanceFacts> = {
  id: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  judge: ({ runs, weights }) =>
    runs.length > 0 &&
    runs.every(({ members }) => members.length === Math.ceil(weights.length / 8)) &&
    weights.every((each) => isWeight(each.fuseWatts) && isWeight(each.classAnnualKilowattHours))
      ? undefined
      : "a member has no fuse rating or no known class, or the runs are those of another cohort",
};

/** The largest share over all runs, of 1; a slot that nobody contributed to is nobody's whole. */
function largestShare({ runs, weights }: DominanceFacts, by: keyof MemberWeight): number {
  const shares = runs.map(({ members }) => {
    const present = weights.filter((_, index) => hasMember(members, index)).map((each) => each[by]);
    const total = present.reduce((sum, weight) => sum + weight, 0);
    return total === 0 ? 0 : present.reduce((max, weight) => Math.max(max, weight), 0) / total;
  });
  return shares.reduce((max, share) => Math.max(max, share), 0);
}

function dominance(code: string, by: keyof MemberWeight, words: string): Rule<DominanceFacts> {
  return {
    id: "R2",
    code,
    judge(facts, { dominanceMaxBasisPoints }) {
      const share = largestShare(facts, by);
      if (share * 10_000 <= dominanceMaxBasisPoints) return undefined;
      const percent = (share * 100).toFixed(1);
      return `one contributor is ${percent} % by ${words}, at most ${dominanceMaxBasisPoints / 100} %`;
    },
  };
}

/** Every rule of dominance, in the order refusals are listed. */
export const dominanceRules: readonly Rule<DominanceFacts>[] = [
  dominance("R2_DOMINANT_FUSE", "fuseWatts", "fuse rating"),
  dominance("R2_DOMINANT_CLASS", "classAnnualKilowattHours", "consumption class"),
];

/** All refusals of a load for one contributor who outweighs the others. */
export function judgeDominance(facts: DominanceFacts, policy: ReleasePolicy): Refusal[] {
  return judgeAll(dominanceShape, dominanceRules, facts, policy);
}
