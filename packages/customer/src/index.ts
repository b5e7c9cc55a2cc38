/** @smarter-metering/customer: what a customer's own device does (docs/protocol.md §10), in the browser and in Node. */
export { answersFault, type SealedAnswers } from "./check-answers.ts";
export type { ShownNote } from "./check-notes.ts";
export type { ContributionEvidence, ShownContribution } from "./check-contributions.ts";
export type { CheckReceipt, LoggedEntry } from "./check-log.ts";
export type { ReleaseEvidence } from "./check-release.ts";
export { discloseReadings, type Disclosure } from "./disclose.ts";
export { makeDisputePacket, type ChosenSlots, type DisputePacket } from "./dispute-packet.ts";
export { CustomerError, type CustomerErrorCode } from "./error.ts";
export {
  acceptInvitation,
  makeInvitation,
  openHousehold,
  parseInvitation,
  type HouseholdKeys,
  type HouseholdOwner,
  type Invitation,
} from "./invitation.ts";
export { instantText, LINKS, type BrokenCode, type Link, type LinkName } from "./link.ts";
export { recomputeContributions } from "./own-contributions.ts";
export {
  derivePasswordKeys,
  ITERATIONS_MIN,
  type PasswordKeys,
  type PasswordParameters,
} from "./passwords.ts";
export { openPinnedMeters, sealPinnedMeters, type PinnedMeter } from "./pinned-meters.ts";
export {
  createPortalClient,
  type Login,
  type PortalClient,
  type PortalOptions,
} from "./portal-client.ts";
export type { Household, HouseholdEvent, MadeInvitation } from "./portal-household.ts";
export { qualityShares, type QualityShare, type QualityShares } from "./quality-shares.ts";
export { openReadings, toCsv, type Findings, type Quality, type Reading } from "./readings.ts";
export { compareStatement, type Comparison, type Explanation } from "./recompute.ts";
export { deriveRecoveryKeys, parseRecoveryKey, type RecoveryKey } from "./recovery-key.ts";
export type { RegistryEvidence } from "./registered.ts";
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
