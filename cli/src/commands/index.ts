/** Every command, in the order of the help. */
import type { Command } from "../command.ts";
import { attackRun } from "./attack-run.ts";
import { auditReplay } from "./audit-replay.ts";
import { auditResidual } from "./audit-residual.ts";
import { busProvision } from "./bus-provision.ts";
import { backup, restore } from "./backup-commands.ts";
import { certificatesDropCa, certificatesNewCa } from "./certificates-authority.ts";
import { certificatesRenew } from "./certificates-renew.ts";
import { certificatesShow } from "./certificates-show.ts";
import { databaseMigrate } from "./database-migrate.ts";
import { demo } from "./demo.ts";
import { statementCheckDispute, statementDispute } from "./dispute-commands.ts";
import { doctor } from "./doctor.ts";
import { feederImport } from "./feeder-import.ts";
import { feederShow } from "./feeder-show.ts";
import { init } from "./init.ts";
import { keysCeremony } from "./keys-ceremony.ts";
import { keysRotate } from "./keys-rotate.ts";
import { keysShow } from "./keys-show.ts";
import { loadShow } from "./load-show.ts";
import { logVerify } from "./log-verify.ts";
import { meterEnrol } from "./meter-enrol.ts";
import { meterSend } from "./meter-send.ts";
import { meterSimulate } from "./meter-simulate.ts";
import {
  operatorCreate,
  operatorList,
  operatorRemove,
  operatorReset,
} from "./operator-commands.ts";
import { policyAnnounce, policyApply, policyCheck, policyShow } from "./policy-commands.ts";
import { portalExport } from "./portal-export.ts";
import { portalInvite, portalJoin, portalPersons } from "./portal-household.ts";
import { privacyErase, privacyExport } from "./privacy-commands.ts";
import { registryImport } from "./registry-import.ts";
import {
  cohortPlan,
  registryExchange,
  registryMoveOut,
  registryRecode,
} from "./registry-commands.ts";
import { registryApprove, registryDecline, registryProposals } from "./proposal-commands.ts";
import { readingsConvert } from "./readings-convert.ts";
import { readingsInspect } from "./readings-inspect.ts";
import { releaseList, releaseRequest, releaseWhy } from "./release-commands.ts";
import { serve } from "./serve.ts";
import { sharedOpen } from "./shared-open.ts";
import { statementCorrect } from "./statement-correct.ts";
import { statementExport } from "./statement-export.ts";
import { statementShow } from "./statement-show.ts";
import { statementVerify } from "./statement-verify.ts";
import { tariffCheck } from "./tariff-check.ts";
import { tariffPrices } from "./tariff-prices.ts";
import { tariffPublish } from "./tariff-publish.ts";
import { tariffSign } from "./tariff-sign.ts";
import { tokensRotate } from "./tokens-rotate.ts";

export const commands: readonly Command[] = [
  demo,
  init,
  serve,
  doctor,
  backup,
  restore,
  meterSimulate,
  meterSend,
  meterEnrol,
  readingsInspect,
  readingsConvert,
  tariffCheck,
  tariffPrices,
  tariffSign,
  tariffPublish,
  statementShow,
  statementExport,
  statementVerify,
  statementCorrect,
  statementDispute,
  statementCheckDispute,
  loadShow,
  feederImport,
  feederShow,
  operatorCreate,
  operatorList,
  operatorReset,
  operatorRemove,
  portalExport,
  portalInvite,
  portalJoin,
  portalPersons,
  sharedOpen,
  privacyExport,
  privacyErase,
  policyShow,
  policyCheck,
  policyAnnounce,
  policyApply,
  cohortPlan,
  registryImport,
  registryExchange,
  registryMoveOut,
  registryRecode,
  registryProposals,
  registryApprove,
  registryDecline,
  releaseList,
  releaseWhy,
  releaseRequest,
  logVerify,
  auditReplay,
  auditResidual,
  busProvision,
  databaseMigrate,
  keysCeremony,
  keysRotate,
  keysShow,
  tokensRotate,
  certificatesShow,
  certificatesRenew,
  certificatesNewCa,
  certificatesDropCa,
  attackRun,
];
