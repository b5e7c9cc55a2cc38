/** @smarter-metering/concentrator: collects and forwards what it cannot read. */
export type { ClockSkew } from "./arrivals.ts";
export {
  concentratorMigrations,
  startConcentrator,
  type Address,
  type ConcentratorConfig,
  type ConcentratorPorts,
  type ConcentratorService,
} from "./concentrator.ts";
export type { OutsideBroker } from "./mqtt-client.ts";
export type { QuotaTerms } from "./quota.ts";
export type { RefusalCode, RetryCode, Verdict } from "./verdict.ts";
