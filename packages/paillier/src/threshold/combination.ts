/**
 * Plaintexts from the answers of t trustees, by interpolation in the exponent (Damgård, Jurik, Nielsen
 * 2010, section 4.1). Needs no secret; whoever runs it learns the plaintexts.
 */
import { bigintFromBytes, bitLength, bytesFromBigint, concatBytes, itemAt } from "../big-endian.ts";
import type { Ciphertext } from "../ciphertext.ts";
import type { Engine } from "../engine/engine.ts";
import { engineKeyOf, invalidKey } from "../keys.ts";
import { inverse } from "../modular.ts";
import { clearingFactor, interpolationWeights } from "./interpolation.ts";
import { equal, type VerifiedPartials } from "./partial-decryption.ts";
import { requestOf } from "./request.ts";
import type { VerificationKey } from "./verification-key.ts";

export type Combination =
  | { readonly ok: true; readonly plaintexts: readonly bigint[] }
  | { readonly ok: false; readonly code: "THRESHOLD_TOO_FEW"; readonly missing: number }
  | {
      readonly ok: false;
      /** Verified for another request, or the same trustee twice. */
      readonly code: "THRESHOLD_SHARE_INVALID" | "THRESHOLD_SHARE_DUPLICATE";
      readonly trustee: number;
    };

/**
 * The plaintexts in [0, n) of the request's ciphertexts: c′ = Π c_i^(2λ_i) over the first t trustees,
 * M = (c′ − 1)/n · (4Δ²)⁻¹ mod n. PAILLIER_WRONG_KEY for ciphertexts under another key;
 * PAILLIER_KEY_INVALID when the dealer's shares are not of one decryption exponent.
 */
export async function combinePartials(
  engine: Engine,
  key: VerificationKey,
  ciphertexts: readonly Ciphertext[],
  context: Uint8Array,
  answers: readonly VerifiedPartials[],
): Promise<Combination> {
  const request = await requestOf(key, ciphertexts, context);
  const byTrustee = new Map<number, Uint8Array>();
  for (const { trustee, request: answered, partials } of answers) {
    const fits = equal(answered, request.digest);
    if (!fits) return { ok: false, code: "THRESHOLD_SHARE_INVALID", trustee };
    if (byTrustee.has(trustee)) return { ok: false, code: "THRESHOLD_SHARE_DUPLICATE", trustee };
    byTrustee.set(trustee, partials);
  }
  const missing = key.threshold - byTrustee.size;
  if (missing > 0) return { ok: false, code: "THRESHOLD_TOO_FEW", missing };
  const chosen = [...byTrustee].sort(([a], [b]) => a - b).slice(0, key.threshold);
  const powers = await interpolate(engine, key, request.count, chosen);
  return { ok: true, plaintexts: powers.map((power) => plaintextOf(key, power)) };
}

/** Π c_i^(2λ_i) for each ciphertext: a quotient, because some λ are negative. */
async function interpolate(
  engine: Engine,
  { publicKey, trustees }: VerificationKey,
  count: number,
  chosen: readonly (readonly [number, Uint8Array])[],
): Promise<bigint[]> {
  const engineKey = engineKeyOf(publicKey);
  const width = publicKey.bits / 4;
  const indices = chosen.map(([trustee]) => trustee);
  const factors = interpolationWeights(trustees, indices, 0).map((weight, i) => ({
    scalar: 2n * weight,
    partials: chosen[i]?.[1] ?? new Uint8Array(0),
  }));
  /** Of two trustees or more some λ are positive and some negative: they alternate. */
  const productOf = async (side: typeof factors) => {
    const scalarBytes = Math.max(...side.map(({ scalar }) => Math.ceil(bitLength(scalar) / 8)));
    const scalars = concatBytes(side.map(({ scalar }) => bytesFromBigint(scalar, scalarBytes)));
    const items = Array.from({ length: count }, (_, k) =>
      side.map(({ partials }) => itemAt(partials, width, k)),
    );
    return await engine.weightedProduct(
      engineKey,
      concatBytes(items.flat()),
      concatBytes(items.map(() => scalars)),
      items.map(() => side.length),
    );
  };
  const above = factors.filter(({ scalar }) => scalar > 0n);
  const below = factors.flatMap(({ scalar, partials }) =>
    scalar < 0n ? [{ scalar: -scalar, partials }] : [],
  );
  const powers = await engine.subtract(engineKey, await productOf(above), await productOf(below));
  return Array.from({ length: count }, (_, k) => bigintFromBytes(itemAt(powers, width, k)));
}

/** `power` = c^(4Δ²·d) = 1 + 4Δ²·M·n mod n². */
function plaintextOf({ publicKey: { n }, trustees }: VerificationKey, power: bigint): bigint {
  const scale = inverse(4n * clearingFactor(trustees) ** 2n, n);
  if (scale === undefined || power % n !== 1n) throw invalidKey();
  return (((power - 1n) / n) * scale) % n;
}
