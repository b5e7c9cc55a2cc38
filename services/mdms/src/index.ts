/** @smarter-metering/mdms: meter data management (docs/protocol.md §8.5, §11). */
export { createOperator, type NewOperator } from "./access/operators.ts";
export { ROLES, type Role } from "./access/roles.ts";
export { MdmsError, type MdmsErrorCode } from "./error.ts";
export {
  mdmsLogFields,
  startMdms,
  type MdmsConfig,
  type MdmsPorts,
  type MdmsService,
} from "./mdms.ts";
export { migrations } from "./migrations.ts";
export { LedgerDoor } from "./peers/ledger-door.ts";
export { peerAt, type Peer, type PeerOptions } from "./peers/peer.ts";
export { RegistryDesk } from "./peers/registry-desk.ts";
export { reportsIn, type Report, type Reports } from "./report-folder.ts";
export { MDMS_KEPT_DAYS, type MdmsKeptDays } from "./retention.ts";
