/** The one error class of this package. Messages never carry passwords, keys, codes or readings. */

export type CustomerErrorCode =
  /** The portal asked for fewer password iterations than the floor: nothing was derived. */
  | "CUSTOMER_WEAK_ITERATIONS"
  /** Wrong password, wrong recovery key, changed or swapped items: one answer for all. */
  | "CUSTOMER_UNLOCK_FAILED"
  /** What was typed is no recovery key at all: a slip, told without trying it. */
  | "CUSTOMER_RECOVERY_KEY_INVALID"
  /** What was typed is no invitation at all: a slip, told without trying it. */
  | "CUSTOMER_INVITATION_INVALID"
  /** Wrong, used, withdrawn, expired, or not what its inviter wrapped: one answer for all. */
  | "CUSTOMER_INVITATION_REFUSED"
  /** The vault has no proven meter of the household that somebody is to be invited to. */
  | "CUSTOMER_METER_UNPROVEN"
  /** The meter refused, or its proof does not fit the code. */
  | "CUSTOMER_ENROLMENT_FAILED"
  /** The meter has not answered yet. */
  | "CUSTOMER_ENROLMENT_PENDING"
  /** Nothing measured in the time that is to be exported or shared. */
  | "CUSTOMER_EXPORT_EMPTY"
  /** The format has no words for it: clocks that follow no rule, a currency without a known number. */
  | "CUSTOMER_EXPORT_UNSUPPORTED"
  /** A private key where somebody's public key belongs: it must not be passed around, nor kept. */
  | "CUSTOMER_SHARE_KEY_PRIVATE"
  /** An RSA key of less than 3072 bits. */
  | "CUSTOMER_SHARE_KEY_SHORT"
  /** No key at all, or of a kind that nothing is sealed to here. */
  | "CUSTOMER_SHARE_KEY_UNUSABLE"
  /** More readings than one shared file holds. */
  | "CUSTOMER_SHARE_TOO_LARGE"
  /** For another key, or changed on its way: one answer for all. */
  | "CUSTOMER_SHARE_UNOPENABLE"
  /** It opens, and is not what docs/protocol.md says: its sender is not this software. */
  | "CUSTOMER_SHARE_MALFORMED"
  /** The portal answered with a problem; `problem` has its code. */
  | "CUSTOMER_PORTAL_REFUSED"
  /** The portal's answer is not what docs/protocol.md says. */
  | "CUSTOMER_PORTAL_MALFORMED"
  /** The portal could not be reached. */
  | "CUSTOMER_PORTAL_UNREACHABLE";

export class CustomerError extends Error {
  override readonly name = "CustomerError";
  readonly code: CustomerErrorCode;
  /** The portal's own problem code and HTTP status, of CUSTOMER_PORTAL_REFUSED. */
  readonly problem: { readonly status: number; readonly code: string } | undefined;

  constructor(
    code: CustomerErrorCode,
    message: string,
    options: { cause?: unknown; problem?: { status: number; code: string } } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problem = options.problem;
  }
}
