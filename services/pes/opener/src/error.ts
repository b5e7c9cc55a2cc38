/** The one error class of this package. Messages carry key ids and paths, never keys or readings. */

export type OpenerErrorCode =
  /** A file of the key folder cannot be read, or is not what its name says. */
  | "OPENER_KEY_FILE"
  /** The registry lists a key whose private part is not in the key folder. */
  | "OPENER_KEY_LOST";

export class OpenerError extends Error {
  override readonly name = "OpenerError";
  readonly code: OpenerErrorCode;

  constructor(code: OpenerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
