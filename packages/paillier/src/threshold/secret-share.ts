/**
 * A trustee's share of a threshold key: one point of the dealer's polynomial. The trustee alone
 * holds it; t of them together decrypt everything under the key, fewer learn nothing from theirs.
 */
import { secretPower } from "#platform";
import { hexFromBigint } from "../big-endian.ts";
import { numberFrom } from "../key-format.ts";
import { invalidKey } from "../keys.ts";
import { clearingFactor } from "./interpolation.ts";
import { exactFields, type VerificationKey } from "./verification-key.ts";

/** Made by `dealThresholdKey` and `parseSecretShare` only. Never log one. */
export type SecretShare = {
  readonly key: VerificationKey;
  /** 1 … trustees. */
  readonly trustee: number;
  /** s_i = f(i) mod n·p′·q′. */
  readonly secret: bigint;
};

export type SecretShareJson = {
  readonly kind: "paillier-secret-share";
  readonly version: 1;
  /** Of the public key, which is fresh in every ceremony. */
  readonly id: string;
  readonly trustee: number;
  readonly share: string;
};

/** The result is a secret in clear: seal it to the trustee before it leaves the ceremony. */
export function serializeSecretShare({ key, trustee, secret }: SecretShare): SecretShareJson {
  const { id, bits } = key.publicKey;
  const share = hexFromBigint(secret, bits / 4);
  return { kind: "paillier-secret-share", version: 1, id, trustee, share };
}

/**
 * Accepts exactly what serialising produces, if it is what the verification key commits the trustee
 * to: a share of another ceremony, trustee or dealer's mind is refused. PAILLIER_KEY_INVALID.
 */
export function parseSecretShare(key: VerificationKey, json: unknown): SecretShare {
  const fields = exactFields(json, "paillier-secret-share", ["id", "trustee", "share"]);
  const { id, bits } = key.publicKey;
  const { trustee } = fields;
  if (fields["id"] !== id || typeof trustee !== "number") throw invalidKey();
  const secret = numberFrom(fields["share"], bits / 4);
  if (key.values[trustee - 1] !== commitmentTo(secret, key)) throw invalidKey();
  return { key, trustee, secret };
}

/** v_i = v^(Δ·s_i) mod n². */
export function commitmentTo(
  secret: bigint,
  { publicKey, trustees, v }: Pick<VerificationKey, "publicKey" | "trustees" | "v">,
): bigint {
  return secretPower(clearingFactor(trustees) * secret, publicKey.n2)(v);
}
