/**
 * @smarter-metering/opener: opens a frame for the moment it takes to re-encrypt it
 * (docs/protocol.md §6.5).
 */
export { type FrameRefusal } from "./check-frame.ts";
export {
  openerLogFields,
  startOpener,
  type OpenerConfig,
  type OpenerPorts,
  type OpenerService,
  type OpenerStatus,
} from "./opener.ts";
