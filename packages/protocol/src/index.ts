/** @smarter-metering/protocol: every message that crosses a trust border (docs/protocol.md). */
export { blindingOf, metersBlinding, type BlindingSource } from "./blinding.ts";
export { concatBytes, equalBytes, fromHex, fromUtf8, toHex, utf8 } from "./bytes.ts";
export {
  ADDITIONS_MAX,
  billPacking,
  encryptContributions,
  loadPacking,
  messagesOf,
  loadValueBits,
  planContributions,
  streamsOf,
  type ContributionContext,
  type EncryptedContribution,
  type PlannedContribution,
  type PlannedMessage,
} from "./contribute.ts";
export { arePrescribed } from "./contributed-frame.ts";
export { installedAt, isBorder, placeInBlock, servedUntil } from "./meter-service.ts";
export { contributionContext, paillierKeyOf } from "./contribution-context.ts";
export { costClassSize, type CostWindow } from "./cost-class.ts";
export {
  contributionLeaf,
  decodeContribution,
  encodeContribution,
  encodeContributionHeader,
  instantOf,
  ciphertextsIn,
  isLoadStream,
  valuedSlots,
  isRegisterStream,
  signContribution,
  verifyContribution,
  type Contribution,
  type ContributionHeader,
  type Stream,
} from "./contribution.ts";
export {
  signCreditNote,
  signTariffCorrection,
  verifyCreditNote,
  verifyTariffCorrection,
  type CreditNote,
  type TariffCorrection,
} from "./credit-note.ts";
export { Reader, Writer } from "./encoding.ts";
export {
  customerMac,
  decodeEnrolmentAnswer,
  decodeEnrolmentRequest,
  decodeOffer,
  encodeEnrolmentAnswer,
  encodeEnrolmentCode,
  encodeEnrolmentRequest,
  encodeOffer,
  meterMac,
  parseEnrolmentCode,
  signEnrolmentAnswer,
  signOffer,
  verifyEnrolmentAnswer,
  verifyOffer,
  type EnrolmentAnswer,
  type EnrolmentContext,
  type EnrolmentOffer,
  type EnrolmentRequest,
} from "./enrolment.ts";
export { ProtocolError, wellFormed, type ProtocolErrorCode } from "./error.ts";
export {
  BLINDING_SEED_BYTES,
  REGISTER_BITS,
  REGISTERS,
  wipeBody,
  type FrameBody,
} from "./frame-body.ts";
export {
  decodeFrame,
  decodeFrameHeader,
  encodeFrame,
  FRAME_BYTES_MAX,
  FRAME_READINGS_MAX,
  frameHash,
  keyCommitment,
  openFrame,
  sealFrame,
  verifyDetachedFrame,
  verifyFrame,
  type DetachedFrame,
  type FrameHeader,
  type FrameKind,
  type Profile,
  type SealedFrame,
  type SlotCommitments,
  type UnsealedHeader,
} from "./frame.ts";
export { judgeFrame, type ChainHead, type ChainMemory, type Judgement } from "./judge.ts";
export {
  documentHash,
  fromBase64Url,
  parseJson,
  signDocument,
  toBase64Url,
  unverifiedDocument,
  verifyDocument,
  type DocumentType,
} from "./jws.ts";
export {
  decodeEnvelope,
  encodeEnvelope,
  openEnvelope,
  sealEnvelope,
  verifyEnvelope,
  type EnvelopeContext,
  type EnvelopeRecipient,
  type KeyEnvelope,
} from "./key-envelope.ts";
export {
  emptyRoot,
  HASH_BYTES,
  leafHash,
  merkleRoot,
  merkleTree,
  nodeHash,
  rootOfPath,
  splitOf,
} from "./merkle.ts";
export {
  indexNetworkView,
  networkReader,
  parseNetworkView,
  type Cohort,
  type NetworkView,
  type NetworkViewDocument,
  type Party,
  type ServicePoint,
} from "./network-view.ts";
export {
  openerKeyAt,
  parseOpenerKey,
  parseOpenerKeys,
  signOpenerKeys,
  verifyOpenerKeys,
  type OpenerKey,
  type OpenerKeys,
} from "./opener-keys.ts";
export {
  agreementOf,
  decodePartialRelease,
  encodePartialRelease,
  openPartialRelease,
  partialContext,
  productsOf,
  sealPartialRelease,
  verifyPartialRelease,
  type PartialContent,
  type PartialRelease,
} from "./partial-release.ts";
export { PARTY_KEYS_KIND, parsePartyKeys, type PartyKeysFile } from "./party-keys.ts";
export {
  mdmsReader,
  parseMdmsView,
  parseUcsView,
  ucsReader,
  type MdmsView,
  type UcsView,
} from "./party-views.ts";
export { keyFingerprint } from "./key-fingerprint.ts";
export { primitives } from "#primitives";
export type { Primitives } from "./primitives.ts";
export { parsePublicView, partyKeys, type PublicView } from "./public-view.ts";
export { registerBankOf } from "./register-bank.ts";
export {
  GENESIS_HASH,
  signEpoch,
  unverifiedEpoch,
  verifyEpochChain,
  VIEW_NAMES,
  type EpochPin,
  type RegistryEpoch,
  type ViewName,
} from "./registry-epoch.ts";
export {
  followRegistry,
  type PinStore,
  type RegistryFeed,
  type RegistryFeedOptions,
  type RegistrySnapshot,
} from "./registry-feed.ts";
export {
  contributionsOf,
  decodeAskedRequest,
  decodeRequest,
  decodeSignedTerms,
  encodeAskedRequest,
  encodeRequest,
  encodeSignedTerms,
  requestDigest,
  signedTermsOf,
  signRequest,
  termsDigest,
  verifyRequest,
  verifySignedTerms,
  type AskedRequest,
  type BillRequest,
  type LoadRequest,
  type MemberRun,
  type ReleaseRequest,
  type RequestTerms,
  type SignedRequest,
  type SignedTerms,
} from "./release-request.ts";
export {
  decodeRefusal,
  decodeRelease,
  encodeRefusal,
  encodeRelease,
  openRelease,
  sealRelease,
  signRefusal,
  verifyRefusal,
  verifyRelease,
  type Refusal,
  type SealedRelease,
} from "./release.ts";
export {
  releaseOf,
  type AggregateTerms,
  type BillAggregateTerms,
  type BillRelease,
  type LoadAggregateTerms,
  type LoadRelease,
  type Plaintexts,
  type ReleaseContent,
} from "./release-content.ts";
export { ROLES, type Role } from "./roles.ts";
export {
  decodeSealedStatement,
  encodeSealedStatement,
  openStatement,
  sealStatement,
  type SealedStatement,
  type SealedStatementHeader,
} from "./sealed-statement.ts";
export {
  generateRecipient,
  openShare,
  openToken,
  recipientFromSpki,
  recipientSecret,
  sealShare,
  sealToken,
  spkiOfPkcs8,
  type Recipient,
  type RecipientSecret,
} from "./sealing.ts";
export { checkSignature, signerFromSeed, type Signer } from "./signature.ts";
export {
  openSlots,
  readRegisters,
  readSlot,
  slotsRoot,
  verifySlot,
  type SlotOpening,
  type SlotReading,
} from "./slot-commitments.ts";
export {
  decodeStatementBundle,
  encodeStatementBundle,
  type StatementBundle,
} from "./statement-bundle.ts";
export {
  MAILBOX_BYTES,
  STATEMENT_SECRET_BYTES,
  statementKeys,
  statementSecret,
  type StatementKeys,
} from "./statement-secret.ts";
export { signStatement, verifyStatement, type Statement } from "./statement.ts";
export {
  decodeUplink,
  decodeUplinkItem,
  encodeUplink,
  encodeUplinkItem,
  UPLINK_BYTES_MAX,
  UPLINK_ITEMS_MAX,
  type UplinkItem,
  type UplinkMessage,
} from "./uplink.ts";
export {
  fetchView,
  PARTS_ASKED_MAX,
  PARTS_CHARACTERS_MAX,
  wholeView,
  type FetchedView,
  type RegistryTransport,
} from "./view-fetch.ts";
export {
  hashOf,
  partedView,
  partOfText,
  readBranch,
  readHead,
  type Part,
  type PartedView,
} from "./view-parts.ts";
export type { ViewReader } from "./view-reader.ts";
export { headOfText, readViewHead, verifyView } from "./view-text.ts";
