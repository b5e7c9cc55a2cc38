/** @smarter-metering/ucs: the customers' portal, which stores what it cannot open. */
export { UcsError, type UcsErrorCode } from "./error.ts";
export type { Erased } from "./erasure.ts";
export { migrations as ucsMigrations } from "./migrations.ts";
export { UCS_KEPT_DAYS } from "./retention.ts";
export { startUcs, ucsLogFields, type UcsConfig, type UcsPorts, type UcsService } from "./ucs.ts";
