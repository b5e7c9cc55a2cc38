// Integration into a cumulative register (docs/protocol.md §2.1): starts at 0, is rounded down to
// whole milliwatt-hours, and an interval is the difference of two rounded registers, so that
// intervals always add up to the register exactly.
import { strict as assert } from "node:assert";
import type { Factor } from "./unit.ts";

const TEN_TO: readonly bigint[] = Array.from(
  { length: 64 },
  (_, exponent) => 10n ** BigInt(exponent),
);

/** 10^exponent, for exponents of 0 to 63. */
export function tenTo(exponent: number): bigint {
  const power = TEN_TO[exponent];
  assert(power !== undefined, "exponent out of range");
  return power;
}

/**
 * A register for values with at most `scaleMax` decimals. Only the fraction of a milliwatt-hour
 * that has not been handed out yet is kept: floor(a+b) − floor(a) = floor(frac(a)+b).
 */
export class Register {
  readonly #numerator: bigint;
  readonly #denominator: bigint;
  readonly #scaleMax: number;
  #remainder = 0n;

  constructor(factor: Factor, scaleMax: number) {
    this.#numerator = factor.numerator;
    this.#denominator = factor.denominator * tenTo(scaleMax);
    this.#scaleMax = scaleMax;
  }

  /**
   * Adds mantissa · 10^−scale ≥ 0 and returns by how many whole milliwatt-hours the register grew.
   */
  add(mantissa: bigint, scale: number): number {
    const total = this.#remainder + mantissa * tenTo(this.#scaleMax - scale) * this.#numerator;
    const whole = total / this.#denominator;
    this.#remainder = total - whole * this.#denominator;
    assert(whole <= BigInt(Number.MAX_SAFE_INTEGER), "an interval beyond any connection's power");
    return Number(whole);
  }
}
