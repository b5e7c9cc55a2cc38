/** @smarter-metering/aggregator: adds ciphertexts and asks for releases (docs/protocol.md §7). */
export {
  aggregatorLogFields,
  startAggregator,
  type AggregatorConfig,
  type AggregatorPorts,
  type AggregatorService,
} from "./aggregator.ts";
export type { LogStanding } from "./log-standing.ts";
export { migrations as aggregatorMigrations } from "./migrations.ts";
export type { AggregatorStatus, Asked, BillSummary, NotDue, SetSummary } from "./report.ts";
