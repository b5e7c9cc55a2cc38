/** What the MDMS's API answers: the types are those of the schemas that the server validates and documents with. */
import type { z } from "@smarter-metering/runtime";
import type * as account from "../../src/api/account-schemas.ts";
import type * as correction from "../../src/api/correction-schemas.ts";
import type * as feeder from "../../src/api/feeder-schemas.ts";
import type * as ledger from "../../src/api/ledger-schemas.ts";
import type * as privacy from "../../src/api/privacy-schemas.ts";
import type * as registry from "../../src/api/registry-schemas.ts";
import type * as schemas from "../../src/api/schemas.ts";
import type * as tariff from "../../src/api/tariff-schemas.ts";

export type { Permission, Role } from "../../src/access/roles.ts";

export type Session = z.infer<typeof account.pageSession>;
export type Account = z.infer<typeof account.account>;
export type TotpEnrolment = z.infer<typeof account.totpEnrolment>;
export type RecoveryCodes = z.infer<typeof account.recoveryCodes>;
export type OperatorList = z.infer<typeof account.operatorList>;

export type Overview = z.infer<typeof schemas.overview>;
export type LoadPage = z.infer<typeof schemas.loadPage>;
export type CohortList = z.infer<typeof schemas.cohortList>;
export type Statement = z.infer<typeof schemas.statement>;
export type LastWindow = z.infer<typeof schemas.lastWindow>;
export type StatementPage = z.infer<typeof schemas.statementPage>;
export type ServicePointPage = z.infer<typeof schemas.servicePointPage>;
export type ServicePointDetail = z.infer<typeof schemas.servicePointDetail>;
export type TariffList = z.infer<typeof tariff.tariffList>;
export type PriceList = z.infer<typeof schemas.priceList>;
export type AuditPage = z.infer<typeof schemas.auditPage>;

export type FeederList = z.infer<typeof feeder.feederList>;
export type FeederDays = z.infer<typeof feeder.feederDays>;
export type CorrectionAnswer = z.infer<typeof correction.correctionAnswer>;
export type NoteList = z.infer<typeof correction.noteList>;

export type AlarmList = z.infer<typeof schemas.alarmList>;
export type LedgerPage = z.infer<typeof ledger.ledgerPage>;
export type LedgerSummary = z.infer<typeof ledger.ledgerSummary>;
export type Completeness = z.infer<typeof ledger.completeness>;
export type BlockState = LedgerSummary["blocks"][number]["state"];

export type RegistryAnswer = z.infer<typeof registry.registryAnswer>;
export type ContractList = z.infer<typeof registry.contractList>;
export type CohortPlan = z.infer<typeof registry.cohortPlan>;
export type Proposal = z.infer<typeof registry.proposalAnswer>;
export type ProposalList = z.infer<typeof registry.proposalList>;

export type PrivacyPolicy = z.infer<typeof privacy.privacyPolicy>;
export type ResidualReport = z.infer<typeof privacy.residualReport>;
export type AttackReport = z.infer<typeof privacy.attackReport>;

export type TariffPreview = z.infer<typeof tariff.previewAnswer>;
export type TariffPublished = z.infer<typeof tariff.published>;
