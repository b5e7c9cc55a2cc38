/**
 * Many small values in one plaintext (docs/protocol.md §5): M = Σ x_j·2^(w·j), slots of w bits
 * wide enough for the sum of `additionsMax` values. Meter or opener pack; whoever receives a
 * release unpacks. Values are readings: no message here carries one.
 */
import { bitLength } from "./big-endian.ts";
import { assert, PaillierError } from "./errors.ts";

export type Packing = {
  readonly modulusBits: number;
  /** v: a value is at most 2^v − 1. */
  readonly valueBits: number;
  readonly valueMax: bigint;
  /** A_max: the largest set (additions × scalars) that is decrypted as one. */
  readonly additionsMax: number;
  /** w = v + ⌈log2 A_max⌉ */
  readonly slotBits: number;
  /** S = ⌊(|n| − 2)/w⌋ − 1: below n/2, with one guard slot that must stay empty. */
  readonly slots: number;
};

export type PackingOptions = {
  readonly modulusBits: number;
  readonly additionsMax?: number;
} & ({ readonly maxValue: number | bigint } | { readonly valueBits: number });

/** The packing for values up to `maxValue` (or of `valueBits`): v = max(1, ⌈log2(maxValue + 1)⌉). */
export function packingFor(options: PackingOptions): Packing {
  const { modulusBits, additionsMax = 1024 } = options;
  const valueBits =
    "valueBits" in options ? options.valueBits : bitLength(BigInt(options.maxValue) | 1n);
  assert(!("maxValue" in options) || options.maxValue >= 0, "maxValue not negative");
  assert(Number.isInteger(valueBits) && valueBits >= 1, "values of at least one bit");
  assert(Number.isInteger(additionsMax) && additionsMax >= 1, "additionsMax at least 1");
  const slotBits = valueBits + bitLength(BigInt(additionsMax - 1));
  const slots = Math.floor((modulusBits - 2) / slotBits) - 1;
  assert(slots >= 1, "a value and a guard slot fit in the modulus");
  const valueMax = (1n << BigInt(valueBits)) - 1n;
  return { modulusBits, valueBits, valueMax, additionsMax, slotBits, slots };
}

/**
 * Σ values[j]·2^(w·j); at most `slots` values, the rest 0.
 * PACKING_VALUE_RANGE: a value is negative, fractional or above `valueMax`.
 */
export function pack(packing: Packing, values: ArrayLike<number> | ArrayLike<bigint>): bigint {
  assert(values.length <= packing.slots, `at most ${packing.slots} values`);
  const width = BigInt(packing.slotBits);
  let packed = 0n;
  for (let slot = values.length - 1; slot >= 0; slot--) {
    packed = (packed << width) | checkedValue(packing, values[slot]);
  }
  return packed;
}

export type UnpackOptions = {
  /** Slots in use; those above must be empty. Default: all. */
  readonly slots?: number;
  /** How many packed plaintexts (additions × scalars) were summed. */
  readonly count: number;
};

export type Unpacked =
  | { readonly ok: true; readonly values: bigint[] }
  | { readonly ok: false; readonly code: "PACKING_CORRUPT" };

/**
 * The sums in the slots of a decrypted plaintext. PACKING_CORRUPT when it cannot be a sum of
 * `count` packed plaintexts: negative or above n/2 (from 2^(|n|−2), which is below n/2), something
 * above the slots in use, or a slot above count · valueMax. That a plaintext passes does not prove
 * that its contributors were honest. PACKING_OVERFLOW when `count` passes `additionsMax`.
 */
export function unpack(packing: Packing, plaintext: bigint, options: UnpackOptions): Unpacked {
  const { slots = packing.slots, count } = options;
  assert(Number.isInteger(slots) && slots >= 0 && slots <= packing.slots, "slots within packing");
  assert(Number.isInteger(count) && count >= 0, "count of summed plaintexts");
  if (count > packing.additionsMax) {
    const message = `${count} additions into slots with room for ${packing.additionsMax}`;
    throw new PaillierError("PACKING_OVERFLOW", message);
  }
  const corrupt = { ok: false, code: "PACKING_CORRUPT" } as const;
  const width = BigInt(packing.slotBits);
  // The remainder above the slots in use covers the guard slot and n/2 at once.
  if (plaintext < 0n || plaintext >> (width * BigInt(slots)) !== 0n) return corrupt;
  const sumMax = BigInt(count) * packing.valueMax;
  const values: bigint[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const value = BigInt.asUintN(packing.slotBits, plaintext >> (width * BigInt(slot)));
    if (value > sumMax) return corrupt;
    values.push(value);
  }
  return { ok: true, values };
}

function checkedValue(packing: Packing, value: number | bigint | undefined): bigint {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    const integer = BigInt(value ?? -1);
    if (integer >= 0n && integer <= packing.valueMax) return integer;
  }
  const message = `a value is not an integer of at most ${packing.valueBits} bits`;
  throw new PaillierError("PACKING_VALUE_RANGE", message);
}
