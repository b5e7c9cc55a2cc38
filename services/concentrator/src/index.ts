/** @smarter-metering/concentrator: collects and forwards what it cannot read. */
export {
  startConcentrator,
  type Address,
  type ConcentratorConfig,
  type ConcentratorPorts,
  type ConcentratorService,
} from "./concentrator.ts";
export type { RefusalCode, RetryCode, Verdict } from "./verdict.ts";
