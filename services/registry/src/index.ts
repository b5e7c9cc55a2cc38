/** @smarter-metering/registry: signs who is who (docs/protocol.md §9). */
export {
  type Admission,
  type Admitted,
  type Letter,
  type LoadTerms,
  type MeterProvisioning,
  type NewServicePoint,
  lettersOf,
} from "./changes.ts";
export {
  planCohorts,
  type CohortPlan,
  type PlanOptions,
  type WaitingMembers,
} from "./cohort-plan.ts";
export { RegistryError, type RegistryErrorCode } from "./error.ts";
export type { RegistryTokens } from "./http.ts";
export {
  createRegistryState,
  registryLogFields,
  startRegistry,
  statePath,
  type RegistryConfig,
  type RegistryPorts,
  type RegistryService,
  type RegistryStatus,
  type StateOptions,
} from "./registry.ts";
export {
  loadState,
  saveState,
  type CohortVersion,
  type Neighbourhood,
  type RegistryState,
  type ServicePointRecord,
} from "./state.ts";
