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
  type RegistryConfig,
  type RegistryPorts,
  type RegistryService,
  type RegistryStatus,
} from "./registry.ts";
export { folderTransport } from "./archive.ts";
export { loadState, saveState } from "./state-files.ts";
export type { CohortVersion, Neighbourhood, RegistryState, ServicePointRecord } from "./state.ts";
