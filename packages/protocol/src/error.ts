/** The one error class of this package. Messages carry ids and lengths, never keys or readings. */

export type ProtocolErrorCode =
  | "PROTOCOL_MALFORMED"
  | "PROTOCOL_BAD_SIGNATURE"
  | "PROTOCOL_WEAK_KEY"
  | "FRAME_UNOPENABLE"
  | "FRAME_OUT_OF_RANGE"
  | "ENVELOPE_UNOPENABLE"
  | "RELEASE_UNOPENABLE"
  | "STATEMENT_UNOPENABLE"
  | "REGISTRY_INVALID"
  | "REGISTRY_ROLLBACK"
  | "OPENER_KEYS_INVALID"
  | "ENROLMENT_CODE_INVALID";

export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Throws PROTOCOL_MALFORMED when `condition` does not hold: for bytes that came from a peer. */
export function wellFormed(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ProtocolError("PROTOCOL_MALFORMED", `malformed message: ${what}`);
}
