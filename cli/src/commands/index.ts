/** Every command, in the order of the help. */
import type { Command } from "../command.ts";
import { attackRun } from "./attack-run.ts";
import { auditReplay } from "./audit-replay.ts";
import { auditResidual } from "./audit-residual.ts";
import { demo } from "./demo.ts";
import { statementCheckDispute, statementDispute } from "./dispute-commands.ts";
import { doctor } from "./doctor.ts";
import { init } from "./init.ts";
import { keysCeremony } from "./keys-ceremony.ts";
import { keysRotate } from "./keys-rotate.ts";
import { keysShow } from "./keys-show.ts";
import { loadShow } from "./load-show.ts";
import { logVerify } from "./log-verify.ts";
import { meterEnrol } from "./meter-enrol.ts";
import { meterSimulate } from "./meter-simulate.ts";
import { portalExport } from "./portal-export.ts";
import { readingsConvert } from "./readings-convert.ts";
import { readingsInspect } from "./readings-inspect.ts";
import { releaseList, releaseRequest, releaseWhy } from "./release-commands.ts";
import { serve } from "./serve.ts";
import { statementShow } from "./statement-show.ts";
import { statementVerify } from "./statement-verify.ts";
import { tariffCheck } from "./tariff-check.ts";

export const commands: readonly Command[] = [
  demo,
  init,
  serve,
  doctor,
  meterSimulate,
  meterEnrol,
  readingsInspect,
  readingsConvert,
  tariffCheck,
  statementShow,
  statementVerify,
  statementDispute,
  statementCheckDispute,
  loadShow,
  portalExport,
  releaseList,
  releaseWhy,
  releaseRequest,
  logVerify,
  auditReplay,
  auditResidual,
  keysCeremony,
  keysRotate,
  keysShow,
  attackRun,
];
