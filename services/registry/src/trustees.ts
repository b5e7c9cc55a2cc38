/**
 * Trustees that hold shares of the Paillier key (docs/protocol.md §8.6): the registry lists who they are and the transcript of the
 * ceremony that made their shares. Public values alone.
 */
import { parsePublicKey, parseVerificationKey } from "@smarter-metering/paillier";
import { RegistryError } from "./error.ts";
import type { RegistryState } from "./state.ts";

/**
 * The verification key is of the registered Paillier key, and each of its trustees is listed once; without one, trustees have no
 * numbers. Throws REGISTRY_INVALID_CHANGE, and PaillierError for what is no key.
 */
export async function checkTrustees({
  parties,
  paillierKey,
  verificationKey,
}: Pick<RegistryState, "parties" | "paillierKey" | "verificationKey">): Promise<void> {
  const listed = parties.flatMap(({ role, trusteeIndex }) =>
    role === "trustee" ? [trusteeIndex ?? 0] : [],
  );
  if (verificationKey === undefined) {
    if (listed.every((index) => index === 0)) return;
    throw invalid("trustees have numbers, and there is no verification key");
  }
  const { publicKey, trustees } = await parseVerificationKey(verificationKey);
  const { id } = await parsePublicKey(paillierKey);
  if (publicKey.id !== id) throw invalid("the verification key is of another Paillier key");
  const numbers = listed.toSorted((a, b) => a - b);
  const isWhole = numbers.length === trustees && numbers.every((index, at) => index === at + 1);
  if (!isWhole) throw invalid(`the ceremony had ${trustees} trustees, numbered from 1`);
}

const invalid = (what: string): RegistryError => new RegistryError("REGISTRY_INVALID_CHANGE", what);
