/** The one error class of the MDMS. Messages carry ids and names, never readings, passwords or tokens. */

export type MdmsErrorCode =
  /** Wrong login, wrong password or locked: one code and one message for all three. */
  | "MDMS_LOGIN_REFUSED"
  /** Too many logins wait for their password hash. */
  | "MDMS_LOGIN_BUSY"
  | "MDMS_CSRF"
  | "MDMS_OPERATOR_EXISTS"
  /** A login, password or role that an account cannot have. */
  | "MDMS_OPERATOR_INVALID"
  /** A feeder's readings that are not those of whole past days on its neighbourhood's grid. */
  | "MDMS_FEEDER_OFF_GRID"
  /** No correction that a registered tariff signer signed for a tariff of the registry, under its calendar. */
  | "MDMS_CORRECTION_INVALID"
  /** A newer correction of the tariff was applied, or another one of the same number. */
  | "MDMS_CORRECTION_CONFLICT";

export class MdmsError extends Error {
  override readonly name = "MdmsError";
  readonly code: MdmsErrorCode;

  constructor(code: MdmsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
