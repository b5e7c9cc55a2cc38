/** @smarter-metering/trustee: re-checks a release request and decrypts only the aggregate (docs/protocol.md §8). */
export { TrusteeError, type TrusteeErrorCode } from "./error.ts";
export type { FaultCode } from "./fault.ts";
export { initialiseLedger } from "./ledger.ts";
export {
  startTrustee,
  trusteeLogFields,
  type TrusteeConfig,
  type TrusteePorts,
  type TrusteeService,
  type TrusteeStatus,
} from "./trustee.ts";
