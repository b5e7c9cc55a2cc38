/**
 * What a trustee takes from its pinned registry (docs/protocol.md §8.2), checked once per epoch: the policy it agreed to, the Paillier
 * key it holds, and the MDMS it seals to.
 */
import { parsePublicKey, type PublicKey } from "@smarter-metering/paillier";
import { isUnsafe, parsePolicy, type ReleasePolicy } from "@smarter-metering/policy";
import {
  fromBase64Url,
  recipientFromSpki,
  type NetworkView,
  type Recipient,
  type RegistrySnapshot,
} from "@smarter-metering/protocol";
import { TrusteeError } from "./error.ts";

export interface RegistryContext {
  readonly epoch: number;
  readonly view: NetworkView;
  readonly policy: ReleasePolicy;
  readonly publicKey: PublicKey;
  readonly mdms: Recipient;
}

export interface Pins {
  readonly paillierKeyId: string;
  /** Undefined: any policy that keeps the hard floors. */
  readonly policyId: string | undefined;
}

/** Throws TRUSTEE_POLICY_REFUSED, TRUSTEE_WRONG_KEY, TRUSTEE_REGISTRY_INCOMPLETE, and what the parsers throw. */
export async function registryContext(
  { epoch, view }: RegistrySnapshot<NetworkView>,
  pins: Pins,
): Promise<RegistryContext> {
  const policy = parsePolicy(view.document.policy);
  const accepted = pins.policyId === undefined ? !isUnsafe(policy) : pins.policyId === policy.id;
  if (!accepted) {
    const pinned = pins.policyId ?? "any policy above the floors";
    const message = `registry epoch ${epoch} has policy ${policy.id}, this trustee accepts ${pinned}`;
    throw new TrusteeError("TRUSTEE_POLICY_REFUSED", message);
  }
  const publicKey = await parsePublicKey(view.document.paillierKey);
  if (publicKey.id !== pins.paillierKeyId) {
    const message = `registry epoch ${epoch} names Paillier key ${publicKey.id}, not this trustee's`;
    throw new TrusteeError("TRUSTEE_WRONG_KEY", message);
  }
  const key = view.parties("mdms")[0]?.encryptionKey;
  if (key === undefined) {
    const message = `registry epoch ${epoch} has no MDMS with an encryption key`;
    throw new TrusteeError("TRUSTEE_REGISTRY_INCOMPLETE", message);
  }
  return { epoch, view, policy, publicKey, mdms: await recipientFromSpki(fromBase64Url(key)) };
}
