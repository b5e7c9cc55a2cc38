// Strict reading of JSON documents: every key expected, every number an integer in a range.

import { TariffError } from "./error.ts";

/** Names of tariffs, calendars and bands. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Names of taxes and credits, as a bill shows them: letters, digits and what stands between words. */
const titlePattern = /^[\p{L}\p{N}][\p{L}\p{N} .,%()'’/–-]{0,63}$/u;

/** An object with `keys`, and of others at most `optional`. Throws TARIFF_MALFORMED or _UNKNOWN_KEY. */
export function readObject<K extends string, O extends string = never>(
  value: unknown,
  path: string,
  keys: readonly K[],
  optional: readonly O[] = [],
): Readonly<Record<K, unknown> & Partial<Record<O, unknown>>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TariffError("TARIFF_MALFORMED", "expected an object", path);
  }
  const expected = new Set<string>([...keys, ...optional]);
  for (const key of Object.keys(value)) {
    if (!expected.has(key)) {
      throw new TariffError("TARIFF_UNKNOWN_KEY", `unknown key ${JSON.stringify(key)}`, path);
    }
  }
  const missing = keys.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) {
    throw new TariffError("TARIFF_MALFORMED", `missing key "${missing}"`, path);
  }
  // Safe: all of `keys` are present and none but these, with values unknown.
  return value as Record<K, unknown> & Partial<Record<O, unknown>>;
}

/** An array of countMin to countMax items. Throws TARIFF_MALFORMED or TARIFF_OUT_OF_RANGE. */
export function readList(
  value: unknown,
  path: string,
  countMin: number,
  countMax: number,
): readonly unknown[] {
  if (!Array.isArray(value)) throw new TariffError("TARIFF_MALFORMED", "expected a list", path);
  if (value.length < countMin || value.length > countMax) {
    const range = `${countMin} to ${countMax} items`;
    throw new TariffError("TARIFF_OUT_OF_RANGE", `expected ${range}, got ${value.length}`, path);
  }
  return value as readonly unknown[];
}

/** An integer from min to max. Throws TARIFF_MALFORMED or TARIFF_OUT_OF_RANGE. */
export function readInteger(value: unknown, path: string, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new TariffError("TARIFF_MALFORMED", "expected an integer", path);
  }
  if (value < min || value > max) {
    throw new TariffError("TARIFF_OUT_OF_RANGE", `${value} is outside ${min} to ${max}`, path);
  }
  return value;
}

/** A string that matches `pattern`. Throws TARIFF_MALFORMED. */
export function readText(value: unknown, path: string, pattern: RegExp, what: string): string {
  if (typeof value !== "string" || !pattern.test(value)) {
    throw new TariffError("TARIFF_MALFORMED", `expected ${what}`, path);
  }
  return value;
}

/** A title that people read. Throws TARIFF_MALFORMED. */
export function readTitle(value: unknown, path: string): string {
  return readText(value, path, titlePattern, "a name of at most 64 letters, digits and signs");
}

/** `items`, when no two are equal. Throws TARIFF_DUPLICATE. */
export function readDistinct<T extends string | number>(
  items: readonly T[],
  path: string,
): readonly T[] {
  const twice = items.find((item, index) => items.indexOf(item) !== index);
  if (twice !== undefined) {
    throw new TariffError("TARIFF_DUPLICATE", `${JSON.stringify(twice)} is named twice`, path);
  }
  return items;
}
