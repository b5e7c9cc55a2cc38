// The one error class of this package: readings or a plan that an evaluation cannot be made of.

export type AttackErrorCode =
  /** The households do not share one grid, or it is no whole number of days. */
  | "ATTACK_GRID_UNEVEN"
  /** The range contains a change of the clocks, or does not begin at local midnight. */
  | "ATTACK_NOT_LOCAL_DAYS"
  /** Too few households or days. */
  | "ATTACK_TOO_SMALL";

/** Messages name households by label and counts, never readings. */
export class AttackError extends Error {
  override readonly name = "AttackError";
  readonly code: AttackErrorCode;

  constructor(code: AttackErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
