/** @smarter-metering/customer: what a customer's own device does (docs/protocol.md §10), in the browser and in Node. */
export type { Span } from "./bill-window.ts";
export { answersFault, type SealedAnswers } from "./check-answers.ts";
export type { ShownNote } from "./check-notes.ts";
export type { ContributionEvidence, ShownContribution } from "./check-contributions.ts";
export type { CheckReceipt, LoggedEntry } from "./check-log.ts";
export type { ReleaseEvidence } from "./check-release.ts";
export { discloseReadings, type Disclosure } from "./disclose.ts";
export { makeDisputePacket, type ChosenSlots, type DisputePacket } from "./dispute-packet.ts";
export { CustomerError, type CustomerErrorCode } from "./error.ts";
export { csvOf, type CsvOptions } from "./export/csv.ts";
export { localTimeParameters, type LocalTimeParameters } from "./export/dst-rules.ts";
export { greenButtonXml, type GreenButtonOptions } from "./export/green-button.ts";
export { openShared, type OpenedShare, type ShareProof } from "./export/open-shared.ts";
export {
  parseShareRecipient,
  parseShareSecret,
  type ShareAlgorithm,
  type ShareRecipient,
  type ShareSecret,
} from "./export/share-key.ts";
export { shareReadings, type ShareEvidence, type ShareOptions } from "./export/share-readings.ts";
export { SHARED_READINGS_MAX, type SharedReadings } from "./export/shared-readings.ts";
export {
  acceptInvitation,
  makeInvitation,
  openHousehold,
  parseInvitation,
  type HouseholdKeys,
  type HouseholdOwner,
  type Invitation,
} from "./invitation.ts";
export { evidenceOfBill, spanOfStatement, type PortalMaterial } from "./evidence-of-bill.ts";
export { logQuorumOf, receiptsOf, thresholdOf, type QuorumView } from "./log-quorum.ts";
export type { ShownEvidence, ShownRegistry, ShownRequest } from "./portal-evidence.ts";
export type { OpenedMailboxes, OpenedStatement } from "./portal-statements.ts";
export { saidByStatement, type SaidByStatement } from "./said-by-statement.ts";
export {
  whoSawWhat,
  type Proven,
  type Sighting,
  type SightingEvidence,
  type SightingReport,
} from "./who-saw-what.ts";
export { instantText, LINKS, type BrokenCode, type Link, type LinkName } from "./link.ts";
export { recomputeContributions } from "./own-contributions.ts";
export {
  derivePasswordKeys,
  ITERATIONS_MIN,
  type PasswordKeys,
  type PasswordParameters,
} from "./passwords.ts";
export {
  openPins,
  sealPins,
  type MailboxPin,
  type PinnedMeter,
  type Pins,
  type RegistryPin,
} from "./pinned-meters.ts";
export {
  createPortalClient,
  type Login,
  type PortalClient,
  type PortalOptions,
} from "./portal-client.ts";
export type { AccountDeletion, DeletionFacts, RemainingFact } from "./portal-deletion.ts";
export type { Household, HouseholdEvent, MadeInvitation } from "./portal-household.ts";
export { qualityShares, type QualityShare, type QualityShares } from "./quality-shares.ts";
export { openReadings, type Findings, type Quality, type Reading } from "./readings.ts";
export { compareStatement, type Comparison, type Explanation } from "./recompute.ts";
export { deriveRecoveryKeys, parseRecoveryKey, type RecoveryKey } from "./recovery-key.ts";
export { checkPortalRegistry, type PortalRegistry } from "./portal-registry.ts";
export type { RegistryEvidence } from "./registered.ts";
export { baseLoad, type BaseLoad } from "./series/base-load.ts";
export { bandEnergies } from "./series/band-energies.ts";
export { billedPlans } from "./series/billed-plans.ts";
export {
  alignSpans,
  calendarSpans,
  earlierPeriod,
  periodAt,
  type CalendarUnit,
  type Earlier,
  type PeriodUnit,
} from "./series/calendar-spans.ts";
export {
  planCosts,
  type BillingTerms,
  type CostPlan,
  type NotAttributable,
} from "./series/cost-plan.ts";
export { importPriceE16, intervalCost, type IntervalCost } from "./series/interval-cost.ts";
export {
  keyFigures,
  loadFigures,
  type BandShare,
  type Coverage,
  type KeyFigures,
  type LoadFigures,
  type Peak,
} from "./series/load-figures.ts";
export { LoadPyramid, type LoadColumns, type Register } from "./series/load-pyramid.ts";
export { loadReadings, type LoadFindings } from "./series/load-readings.ts";
export {
  listReadings,
  runEndSeconds,
  runsIn,
  type ReadingRun,
  type ReadingSeries,
} from "./series/reading-series.ts";
export { ReadingStore, type StoredFrame, type StoreVerdict } from "./series/reading-store.ts";
export { runningBill, type RunningBill } from "./series/running-bill.ts";
export { spanCost, type SpanCost } from "./series/span-cost.ts";
export {
  changePassword,
  createVault,
  openVault,
  openWithRecovery,
  unlockVault,
  type NewVault,
  type OpenVault,
  type PasswordRegistration,
  type Random,
  type Registration,
  type VaultItems,
} from "./vault.ts";
export { verifyDisputePacket, type Disclosed, type DisputeReport } from "./verify-dispute.ts";
export { verifyBill, type BillEvidence, type BillReport, type BillVerdict } from "./verify-bill.ts";
export type { WrappedItem } from "./wrapped-item.ts";
