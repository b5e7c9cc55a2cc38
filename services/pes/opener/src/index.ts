/**
 * @smarter-metering/opener: opens a frame for the moment it takes to re-encrypt it
 * (docs/protocol.md §6.5).
 */
export { type FrameRefusal } from "./check-frame.ts";
export { OpenerError, type OpenerErrorCode } from "./error.ts";
export { idOf, openKeyFolder, type HeldKey, type KeyFolder } from "./key-folder.ts";
export { destroyedAt, openKeyRing, type KeyRing } from "./key-ring.ts";
export {
  openerLogFields,
  startOpener,
  type OpenerConfig,
  type OpenerPorts,
  type OpenerService,
  type OpenerStatus,
} from "./opener.ts";
export {
  makeKey,
  rotateKey,
  type KeyRegistry,
  type Rotation,
  type RotationTerms,
} from "./rotate-key.ts";
