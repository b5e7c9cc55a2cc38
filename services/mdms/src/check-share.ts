/**
 * What the MDMS checks of a partial release by itself (docs/protocol.md §8.6): whose it is, that it opens, and under which policy. Its
 * proof is verified when it is combined (combine-shares.ts).
 */
import {
  agreementOf,
  decodePartialRelease,
  openPartialRelease,
  toHex,
  verifyPartialRelease,
  type PartialContent,
  type PartialRelease,
  type RecipientSecret,
} from "@smarter-metering/protocol";
import { attempt, type ReleaseRefusal } from "./check-release.ts";
import type { RegistryContext } from "./registry-context.ts";

/** One trustee's answer, signed and opened, not verified. */
export interface OpenedShare {
  readonly bytes: Uint8Array;
  readonly partial: PartialRelease;
  readonly trusteeKey: Uint8Array;
  readonly content: PartialContent;
  /** Hex: what it shares with the answers it can be combined with. */
  readonly agreed: string;
}

export type ShareCheck =
  | { readonly outcome: "valid"; readonly share: OpenedShare }
  | {
      readonly outcome: "refused";
      readonly code: ReleaseRefusal;
      /** Its number, once its signature has shown who it is. */
      readonly trustee?: number;
    }
  /** Made under a registry epoch that this MDMS has not seen yet. */
  | { readonly outcome: "too-early" };

/** `bytes` is an encoded partial release from the bus. */
export async function checkShare(
  bytes: Uint8Array,
  registry: RegistryContext,
  secret: RecipientSecret,
): Promise<ShareCheck> {
  const partial = await attempt(() => decodePartialRelease(bytes));
  if (partial === undefined) return { outcome: "refused", code: "MDMS_MALFORMED" };
  if (registry.verificationKey === undefined) {
    return { outcome: "refused", code: "MDMS_KEY_HOLDING" };
  }
  const { trustee } = partial;
  const trusteeKey = registry.shareHolder(trustee);
  const isSigned =
    trusteeKey !== undefined &&
    (await attempt(() => verifyPartialRelease(partial, trusteeKey).then(() => true)));
  if (isSigned !== true) return { outcome: "refused", code: "MDMS_BAD_SIGNATURE" };
  const content = await attempt(() => openPartialRelease(partial, secret));
  if (content === undefined) return { outcome: "refused", code: "MDMS_UNOPENABLE", trustee };
  const { terms } = content;
  if (terms.registryEpoch > registry.epoch) return { outcome: "too-early" };
  const hadPolicy = await registry.hadPolicy(terms.policyId, terms.registryEpoch);
  if (hadPolicy === undefined) return { outcome: "too-early" };
  if (!hadPolicy) {
    return { outcome: "refused", code: "MDMS_POLICY", trustee };
  }
  const agreed = toHex(await agreementOf(content));
  return { outcome: "valid", share: { bytes, partial, trusteeKey, content, agreed } };
}
