// The release policy: a document of numbers, and the rules that judge releases by it.

export { auditRules, exposedParts, judgeAudit } from "./audit-rules.ts";
export type { AuditFacts, ExposedPart, Grain } from "./audit-rules.ts";
export { bandRules, bandSeconds, judgeBands } from "./band-rules.ts";
export type { BandFacts } from "./band-rules.ts";
export { billRules, FINAL_WINDOW_DAYS_MIN, judgeBill } from "./bill-rules.ts";
export { nextContractWindow, windowEnd, type Contract } from "./contract-windows.ts";
export type { BillFacts, BillWindowFacts } from "./bill-rules.ts";
export { costRules, judgeCost } from "./cost-rules.ts";
export type { CostFacts } from "./cost-rules.ts";
export type { CohortReleases, CostPrices, ReleasedBill, ReleasedLoad } from "./coverage.ts";
export { dominanceRules, fuseWatts, judgeDominance } from "./dominance-rules.ts";
export type { DominanceFacts, MemberWeight } from "./dominance-rules.ts";
export { PolicyError } from "./error.ts";
export type { PolicyErrorCode } from "./error.ts";
export { familyRules, judgeFamily } from "./family-rules.ts";
export type { FamilyFacts } from "./family-rules.ts";
export { judgeLoad, loadRules } from "./load-rules.ts";
export type { LoadFacts } from "./load-rules.ts";
export {
  defaultPolicy,
  describePolicy,
  floorsOf,
  isUnsafe,
  parsePolicy,
  unsafePolicy,
} from "./policy.ts";
export type { PolicyFloor, ReleasePolicy } from "./policy.ts";
export {
  comparePolicies,
  isSamePolicy,
  needsNotice,
  POLICY_NOTICE_SECONDS,
} from "./policy-change.ts";
export type { Direction, PolicyChange } from "./policy-change.ts";
export { hasMember, presenceRuns } from "./presence.ts";
export type { PresenceRun } from "./presence.ts";
export { refusalText, refusalTexts } from "./refusals/refusal-texts.ts";
export type { RefusalTextCode } from "./refusals/refusal-texts.ts";
export type { RefusalText } from "./refusals/refusal-text.ts";
export { judgeResidual, residualRules } from "./residual-rules.ts";
export type { ResidualFacts } from "./residual-rules.ts";
export { overlaps } from "./rule.ts";
export type { Refusal, Rule, TimeSpan } from "./rule.ts";
