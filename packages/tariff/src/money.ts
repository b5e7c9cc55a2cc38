// Integer money: one exact unit, one rounding, decimal strings. No floating point anywhere.

import { assert } from "./assert.ts";

/**
 * Exact amounts count 10^-16 currency units: mWh × 10^-6 units/kWh is 10^-12 units, and a tax in
 * basis points (10^-4) of that still is an integer.
 */
export const exactDigits = 16;

/** numerator / divisor, ties to the even neighbour, alike for credits and debits. */
export function roundHalfEven(numerator: bigint, divisor: bigint): bigint {
  assert(divisor > 0n, "divisor must be positive");
  const magnitude = numerator < 0n ? -numerator : numerator;
  const quotient = magnitude / divisor;
  const twice = (magnitude % divisor) * 2n;
  const up = twice > divisor || (twice === divisor && quotient % 2n === 1n);
  const rounded = up ? quotient + 1n : quotient;
  return numerator < 0n ? -rounded : rounded;
}

/** An exact amount (10^-16 units) in minor units, half-even. For a bill: its total, once. */
export function roundExact(amountE16: bigint, minorDigits: number): bigint {
  return roundHalfEven(amountE16, 10n ** BigInt(exactDigits - minorDigits));
}

/** "-1.05" from -105n and 2 digits: a decimal point, no grouping, no locale. */
export function formatMinor(amountMinor: bigint, minorDigits: number): string {
  const magnitude = amountMinor < 0n ? -amountMinor : amountMinor;
  const digits = magnitude.toString().padStart(minorDigits + 1, "0");
  const sign = amountMinor < 0n ? "-" : "";
  if (minorDigits === 0) return sign + digits;
  return `${sign}${digits.slice(0, -minorDigits)}.${digits.slice(-minorDigits)}`;
}

/** A price in 10^-6 currency units as a decimal with two to six places: 250000 is "0.25". */
export function formatMicro(priceMicro: number): string {
  assert(Number.isSafeInteger(priceMicro), "a price is an integer");
  return formatMinor(BigInt(priceMicro), 6).replace(/0{1,4}$/, "");
}
