/** The one error class of this package. Messages carry ids and counts, never readings or keys. */

export type MeterErrorCode =
  /** A meter's provisioning document is not what it should be. */
  | "METER_PROVISIONING"
  /** A meter that has encrypted for itself is provisioned for an opener: it refuses for ever. */
  | "METER_PROFILE_LOWERED"
  /** A meter is provisioned with an enrolment code that a newer one has made void. */
  | "METER_CODE_VOID"
  /** The journal holds what this version did not write. */
  | "METER_JOURNAL"
  /** The readings handed in do not fit the meter's grid or range. */
  | "METER_SOURCE"
  /** The fleet was closed before the call. */
  | "METER_CLOSED"
  /** The concentrator cannot be reached, or cannot take anything now: keep and send again. */
  | "UPLINK_UNREACHABLE"
  /** The concentrator answered something else than the protocol says. */
  | "UPLINK_ANSWER";

export class MeterError extends Error {
  override readonly name = "MeterError";
  readonly code: MeterErrorCode;
  /** With UPLINK_UNREACHABLE: how long the concentrator asks to be left alone, where it says so. */
  readonly retryAfterMs: number | undefined;

  constructor(code: MeterErrorCode, message: string, cause?: unknown, retryAfterMs?: number) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
