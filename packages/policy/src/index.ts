// The release policy: a document of numbers, and the rules that judge releases by it.

export { billRules, judgeBill } from "./bill-rules.ts";
export type { BillFacts, BillWindowFacts } from "./bill-rules.ts";
export { PolicyError } from "./error.ts";
export type { PolicyErrorCode } from "./error.ts";
export { judgeLoad, loadRules } from "./load-rules.ts";
export type { LoadFacts } from "./load-rules.ts";
export { defaultPolicy, describePolicy, isUnsafe, parsePolicy, unsafePolicy } from "./policy.ts";
export type { ReleasePolicy } from "./policy.ts";
export type { Refusal, Rule, TimeSpan } from "./rule.ts";
