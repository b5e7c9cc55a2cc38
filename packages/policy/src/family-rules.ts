// R4, laminar families: sets that are released over one interval are nested or disjoint, and what a
// set has beyond the sets inside it is nobody or a crowd. docs/protocol.md: release policy. Pure; a
// trustee makes the facts from its ledger, over all cohorts.

import type { ReleasePolicy } from "./policy.ts";
import { judgeAll } from "./rule.ts";
import type { Refusal, Rule } from "./rule.ts";

/** Sets of service points over one interval of time. */
export interface FamilyFacts {
  readonly requested: ReadonlySet<string>;
  /** Sets released before over any part of the interval, of whatever cohort. */
  readonly released: readonly ReadonlySet<string>[];
}

type Members = ReadonlySet<string>;

const isWithin = (part: Members, whole: Members): boolean =>
  part.size <= whole.size && [...part].every((member) => whole.has(member));
const meets = (a: Members, b: Members): boolean => [...a].some((member) => b.has(member));

const familyShape: Rule<FamilyFacts> = {
  id: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  judge: ({ requested, released }) =>
    requested.size > 0 && released.every((set) => set.size > 0)
      ? undefined
      : "a set without service points",
};

/** Two sets that cross show three sums: what they share is one nobody asked for. */
const notLaminar: Rule<FamilyFacts> = {
  id: "R4",
  code: "R4_NOT_LAMINAR",
  judge({ requested, released }) {
    const crossed = released.find(
      (set) => meets(set, requested) && !isWithin(set, requested) && !isWithin(requested, set),
    );
    if (crossed === undefined) return undefined;
    return `${requested.size} service points cross a set of ${crossed.size} released before`;
  },
};

/** How many members of `whole` are in no smaller set of the family. */
function remainderOf(whole: Members, family: readonly Members[]): number {
  const inside = family.filter((set) => set.size < whole.size && isWithin(set, whole));
  return [...whole].filter((member) => !inside.some((set) => set.has(member))).length;
}

/** The requested set against those inside it, and those around it against what it leaves of them. */
const smallRemainder: Rule<FamilyFacts> = {
  id: "R4",
  code: "R4_SMALL_REMAINDER",
  judge({ requested, released }, { contributorsMin }) {
    const family = [requested, ...released];
    const wholes = family.filter((set) => set === requested || meets(set, requested));
    const left = wholes
      .map((whole) => remainderOf(whole, family))
      .find((count) => count > 0 && count < contributorsMin);
    if (left === undefined) return undefined;
    return `a set without the sets inside it is ${left} service points, 0 or at least \
${contributorsMin} needed`;
  },
};

/** Every rule of families, in the order refusals are listed. */
export const familyRules: readonly Rule<FamilyFacts>[] = [notLaminar, smallRemainder];

/**
 * All refusals of a set beside the sets released over the same interval. A parent of cohorts whose
 * remainder is empty is never decrypted: it is the sum of its children's plaintexts.
 */
export function judgeFamily(facts: FamilyFacts, policy: ReleasePolicy): Refusal[] {
  return judgeAll(familyShape, familyRules, facts, policy);
}
