// The audit residual: Σ bills − Σ loads of a cohort, which says how well meters and sums agree.
// docs/protocol.md: release policy. It is made of those who are in one sum and not in the other, so
// that with one of them it is his reading. Pure; asked by whoever publishes it.

import { coverageOf, isConsistent, UNBILLED, type CohortReleases } from "./coverage.ts";
import type { ReleasePolicy } from "./policy.ts";
import { judgeAll } from "./rule.ts";
import type { Refusal, Rule } from "./rule.ts";

/** Exactly the bills and the loads that are summed. */
export type ResidualFacts = CohortReleases;

const residualShape: Rule<ResidualFacts> = {
  id: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  judge: (facts) =>
    isConsistent(facts)
      ? undefined
      : "releases overlap, or a bill begins or ends inside an interval of a load",
};

function fewest(
  facts: ResidualFacts,
  isApart: (state: number) => boolean,
  needed: number,
): number | undefined {
  return coverageOf(facts)
    .units.map(({ states }) => states.filter(isApart).length)
    .find((count) => count > 0 && count < needed);
}

/** Each direction by itself, as in R6: those missing on one side do not hide those on the other. */
function tooFew(
  code: string,
  words: string,
  isApart: (state: number) => boolean,
): Rule<ResidualFacts> {
  return {
    id: "RESIDUAL",
    code,
    judge(facts, { auditMembersMin }) {
      const count = fewest(facts, isApart, auditMembersMin);
      if (count === undefined) return undefined;
      return `in an interval ${count} members are ${words}, 0 or at least ${auditMembersMin} needed`;
    },
  };
}

/** Every rule of the residual, in the order refusals are listed. */
export const residualRules: readonly Rule<ResidualFacts>[] = [
  tooFew("RESIDUAL_FEW_ABSENT", "billed and absent from the load", (state) => state < 0),
  tooFew("RESIDUAL_FEW_UNBILLED", "in the load and not billed", (state) => state === UNBILLED),
];

/**
 * All refusals of publishing the residual; none means it may be published. Throws TariffError as
 * `judgeAudit` does.
 */
export function judgeResidual(facts: ResidualFacts, policy: ReleasePolicy): Refusal[] {
  return judgeAll(residualShape, residualRules, facts, policy);
}
