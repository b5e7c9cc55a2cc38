/** The one error class of the MDMS. Messages carry ids and names, never readings, passwords or tokens. */

export type MdmsErrorCode =
  /** Wrong login, password or code, or locked: one code and one message for all four. */
  | "MDMS_LOGIN_REFUSED"
  /** The password or the code with which a session's owner confirms a change of his account is wrong, or the account is locked. */
  | "MDMS_PROOF_REFUSED"
  /** This role has to have a second factor, and the account has none yet. */
  | "MDMS_TOTP_REQUIRED"
  /** A second factor is on already, or there is none. */
  | "MDMS_TOTP_STATE"
  /** Too many logins wait for their password hash. */
  | "MDMS_LOGIN_BUSY"
  | "MDMS_CSRF"
  | "MDMS_OPERATOR_EXISTS"
  /** A login, password or role that an account cannot have. */
  | "MDMS_OPERATOR_INVALID"
  /** An idempotency key that is not one, was used for another request, or whose request is being carried out. */
  | "MDMS_IDEMPOTENCY_KEY"
  | "MDMS_IDEMPOTENCY_MISMATCH"
  | "MDMS_IDEMPOTENCY_BUSY"
  /** Too many streams of events, of this session or in all. */
  | "MDMS_STREAMS_FULL"
  /** A feeder's readings that are not those of whole past days on its neighbourhood's grid. */
  | "MDMS_FEEDER_OFF_GRID"
  /** No correction that a registered tariff signer signed for a tariff of the registry, under its calendar. */
  | "MDMS_CORRECTION_INVALID"
  /** A newer correction of the tariff was applied, or another one of the same number. */
  | "MDMS_CORRECTION_CONFLICT"
  /** A party that this MDMS is not configured to ask, or that does not answer it. */
  | "MDMS_PEER_ABSENT"
  | "MDMS_PEER_UNREACHABLE";

export class MdmsError extends Error {
  override readonly name = "MdmsError";
  readonly code: MdmsErrorCode;

  constructor(code: MdmsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
