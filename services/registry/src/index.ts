/** @smarter-metering/registry: signs who is who (docs/protocol.md §9). */
export type { Admission, NewServicePoint } from "./changes.ts";
export type { Exchange } from "./exchange.ts";
export {
  lettersOf,
  type Admitted,
  type Letter,
  type LoadTerms,
  type MeterProvisioning,
} from "./letters.ts";
export type { MoveOut } from "./move-out.ts";
export {
  planCohorts,
  type CohortPlan,
  type CountedPlan,
  type PlanOptions,
  type WaitingMembers,
} from "./cohort-plan.ts";
export { RegistryError, type RegistryErrorCode } from "./error.ts";
export type { RegistryTokens } from "./bearer.ts";
export type { ShownProposal } from "./proposal-desk.ts";
export type { Approval, NewProposal, ProposedOrder } from "./proposals.ts";
export type { Recode } from "./recode.ts";
export { createRegistryState, type StateOptions } from "./create-state.ts";
export {
  registryLogFields,
  startRegistry,
  statePath,
  type RegistryConfig,
  type RegistryPorts,
  type RegistryService,
  type RegistryStatus,
} from "./registry.ts";
export {
  loadState,
  saveState,
  type CohortVersion,
  type Neighbourhood,
  type RegistryState,
  type ServicePointRecord,
} from "./state.ts";
