// Decimal text to an exact number: an integer and a power of ten, no binary rounding on the way.

/** mantissa · 10^−scale, exactly. */
export interface Decimal {
  readonly mantissa: bigint;
  readonly scale: number;
}

/**
 * Every shortest form of a double has at most 17 significant digits; 18 fit a signed 64-bit cell.
 */
export const DIGITS_MAX = 18;
/** A finer scale than any instrument's, and the bound of the powers that integration needs. */
export const SCALE_MAX = 40;

const DECIMAL = /^([+-]?)(\d*)(?:([.,])(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

/** What exporters write for a reading that they do not have. */
const NO_VALUE = /^(?:|na|n\/a|nan|null|none|-)$/i;

/** True for an empty cell and for `NA`, `NaN`, `null`, `none`, `-`. */
export function isNoValue(text: string): boolean {
  return NO_VALUE.test(text);
}

/** The character before the fraction in `text`, if there is one. */
export function decimalMarkOf(text: string): "." | "," | undefined {
  const mark = DECIMAL.exec(text)?.[3];
  return mark === "." || mark === "," ? mark : undefined;
}

/**
 * Reads `12`, `0.68415`, `.5`, `1e-3`, and `0,5` when `mark` is a comma.
 * Undefined for anything else: another mark, a mark without digits behind it (as of
 * a value that was cut off), groups of thousands, no digit, more than DIGITS_MAX
 * significant digits, or a scale above SCALE_MAX.
 */
export function parseDecimal(text: string, mark: "." | ","): Decimal | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", seenMark, fraction = "", exponent] = match;
  if (seenMark !== undefined && seenMark !== mark) return undefined;
  if (whole === "" && fraction === "") return undefined;
  const significant = fraction.replace(/0+$/, "");
  let digits = (whole + significant).replace(/^0+/, "");
  if (digits === "") return { mantissa: 0n, scale: 0 };
  let scale = significant.length - Number(exponent ?? 0);
  if (scale < -DIGITS_MAX || scale > SCALE_MAX) return undefined;
  if (scale < 0) {
    digits += "0".repeat(-scale);
    scale = 0;
  }
  if (digits.length > DIGITS_MAX) return undefined;
  const magnitude = BigInt(digits);
  return { mantissa: sign === "-" ? -magnitude : magnitude, scale };
}
