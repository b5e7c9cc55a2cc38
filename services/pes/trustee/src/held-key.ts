/** What a trustee holds of the Paillier key (docs/protocol.md §8.2, §8.6): all of it, or a share that is worth nothing without others. */
import type { PublicKey, SecretKey, SecretShare } from "@smarter-metering/paillier";

export type HeldKey = SecretKey | SecretShare;

export const isShare = (held: HeldKey): held is SecretShare => "secret" in held;

export const publicKeyOf = (held: HeldKey): PublicKey =>
  isShare(held) ? held.key.publicKey : held.publicKey;

/** Trustees that decrypt together. */
export const thresholdOf = (held: HeldKey): number => (isShare(held) ? held.key.threshold : 1);

/** Under this name a trustee takes its requests from the bus: each share holder has all of them. */
export const consumerOf = (held: HeldKey): string =>
  isShare(held) ? `trustee-${held.trustee}` : "trustee";

/** Where its answers go. */
export const answerStreamOf = (held: HeldKey): AnswerStream =>
  isShare(held) ? "partial-releases" : "releases";
export type AnswerStream = "releases" | "partial-releases";
