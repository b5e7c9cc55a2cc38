/**
 * Powers of the fixed base hs, and encryption with them: ⌈|a|/w⌉ half-width multiplications and no
 * squaring. Everything here is public apart from the message and the blinding exponent; table
 * look-ups depend on the latter, so whoever shares the processor's cache with us is trusted.
 *
 * Why half width. For z in Z*_{n²} put T = z mod n and u = ⌊z/n⌋·T⁻¹ mod n. Then
 *   z = T + n⌊z/n⌋ ≡ T·(1 + n·u)  (mod n²),  and  (1 + n·u)(1 + n·v) ≡ 1 + n·(u + v),
 * hence  Π z_i ≡ (Π T_i) · (1 + n·Σu_i)  (mod n²): a step multiplies by |n| bits, not by 2|n|, and
 * adds. The message joins the sum: (1 + n·M)·Π z_i ≡ (Π T_i) · (1 + n·(M + Σu_i)). Measured for
 * 3072 bits: 18 µs a step instead of 31.
 *
 * Building: z·b = T·T_b·(1 + n(u + u_b)), and T·T_b = q·n + T' ≡ T'·(1 + n·q·T'⁻¹), so
 *   u' = u + u_b + q·T'⁻¹ mod n,  with T'⁻¹ = T⁻¹·T_b⁻¹ mod n kept alongside.
 * The inverses are table entries themselves: z⁻¹ ≡ T⁻¹·(1 − n·(u + k)) with T·T⁻¹ = 1 + k·n over the
 * integers. So digits run from −2^(w−1) to 2^(w−1)−1, half of the entries cost one multiplication
 * and one division, and the offset Σ 2^(w−1)·2^(w·i) is repaid once, by the start value.
 */
import { assert, PaillierError } from "../../errors.ts";
import { inverse } from "../../modular.ts";

/** hs^digit for each window and signed digit, as T (`residues`) and u (`lifts`). */
export type FixedBaseTable = {
  readonly n: bigint;
  readonly n2: bigint;
  readonly windowBits: number;
  readonly windows: number;
  /** hs^(Σ 2^(w−1)·2^(w·i)) mod n²: makes signed digits out of plain ones. */
  readonly start: bigint;
  readonly residues: readonly bigint[];
  readonly lifts: readonly bigint[];
};

type Split = { readonly residue: bigint; readonly lift: bigint; readonly inverse: bigint };

/**
 * The table for exponents of `exponentBits`, 2^`windowBits` entries (≤ 2^12) for each window.
 * PAILLIER_KEY_INVALID when `base` is not coprime to n.
 */
export function buildFixedBaseTable(
  n: bigint,
  base: bigint,
  exponentBits: number,
  windowBits: number,
): FixedBaseTable {
  assert(windowBits >= 1 && windowBits <= 12, "window of 1 to 12 bits");
  const n2 = n * n;
  const windows = Math.ceil(exponentBits / windowBits);
  const half = 1 << (windowBits - 1);
  const residues = Array.from({ length: windows << windowBits }, () => 1n);
  const lifts = Array.from({ length: windows << windowBits }, () => 0n);
  let generator = base;
  let generatorInverse = inverse(base % n, n);
  if (generatorInverse === undefined) {
    throw new PaillierError("PAILLIER_KEY_INVALID", "no table of hs: it is not coprime to n");
  }
  let start = 1n;
  for (let window = 0; window < windows; window++) {
    const residue = generator % n;
    const lift = ((generator / n) * generatorInverse) % n;
    const origin = (window << windowBits) + half; // where digit 0 stands
    fillWindow(n, { residue, lift, inverse: generatorInverse }, origin, half, residues, lifts);
    const halfway = squareTimes(generator, windowBits - 1, n2);
    start = (start * halfway) % n2;
    generator = (halfway * halfway) % n2;
    generatorInverse = squareTimes(generatorInverse, windowBits, n);
  }
  return { n, n2, windowBits, windows, start, residues, lifts };
}

/** Entries for the digits −half … half−1 around `origin`; digit 0 is there already. */
function fillWindow(
  n: bigint,
  generator: Split,
  origin: number,
  half: number,
  residues: bigint[],
  lifts: bigint[],
): void {
  let residue = 1n;
  let lift = 0n;
  let inverted = 1n;
  for (let digit = 1; digit <= half; digit++) {
    const whole = residue * generator.residue;
    const quotient = whole / n;
    residue = whole - quotient * n; // cheaper than a second division
    inverted = (inverted * generator.inverse) % n;
    lift = (lift + generator.lift + quotient * inverted) % n;
    if (digit < half) {
      residues[origin + digit] = residue;
      lifts[origin + digit] = lift;
    }
    residues[origin - digit] = inverted;
    lifts[origin - digit] = 2n * n - lift - (residue * inverted) / n;
  }
}

/** (1 + n·message) · base^exponent mod n²; `exponent` in big-endian bytes. */
export function blind(table: FixedBaseTable, message: bigint, exponent: Uint8Array): bigint {
  const { n, n2, windowBits, windows, residues, lifts } = table;
  let residue = table.start;
  let lift = message;
  for (let window = 0; window < windows; window++) {
    const entry = (window << windowBits) + digitAt(exponent, window * windowBits, windowBits);
    residue = (residue * (residues[entry] ?? 0n)) % n2;
    lift += lifts[entry] ?? 0n;
  }
  // residue·(1 + n·lift) mod n²; only residue mod n meets the factor n
  const ciphertext = residue + n * (((residue % n) * (lift % n)) % n);
  return ciphertext < n2 ? ciphertext : ciphertext - n2;
}

/** base^(2^times) mod modulus. */
function squareTimes(base: bigint, times: number, modulus: bigint): bigint {
  let result = base;
  for (let i = 0; i < times; i++) result = (result * result) % modulus;
  return result;
}

/** `width` ≤ 12 bits of a big-endian number, from bit `position` upwards; zeros above its top. */
function digitAt(bytes: Uint8Array, position: number, width: number): number {
  const last = bytes.length - 1 - (position >> 3);
  const three = (bytes[last] ?? 0) | ((bytes[last - 1] ?? 0) << 8) | ((bytes[last - 2] ?? 0) << 16);
  return (three >> (position & 7)) & ((1 << width) - 1);
}
