/**
 * The key ceremony (docs/protocol.md §8.6): a dealer makes the Paillier key and shares it among trustees. For this moment one process
 * holds the whole key: run it offline, on a machine that is wiped afterwards. Each share leaves it sealed to its trustee.
 */
import {
  dealThresholdKey,
  serializeSecretShare,
  serializeVerificationKey,
  type Quorum,
} from "@smarter-metering/paillier";
import { sealShare, toHex, utf8, type Recipient } from "@smarter-metering/protocol";
import { z } from "zod";

/** Public: what was made, when, and for whom. */
export const transcript = z.strictObject({
  kind: z.literal("smarter-metering/key-ceremony"),
  version: z.literal(1),
  /** ISO 8601, UTC. */
  heldAt: z.string(),
  paillierKeyId: z.string(),
  threshold: z.number().int(),
  /** SHA-256 of the RSA key that each share was sealed to, in the order of the trustees' numbers. */
  sealedTo: z.array(z.string()),
  /** As serialised by packages/paillier. */
  verificationKey: z.unknown(),
});
export type Transcript = z.infer<typeof transcript>;

export interface CeremonyResult {
  readonly transcript: Transcript;
  /** As serialised by packages/paillier. */
  readonly paillierKey: unknown;
  /** A JWE for each trustee, in the order of their numbers. */
  readonly sealedShares: readonly Uint8Array[];
}

export interface CeremonyTerms {
  readonly threshold: number;
  readonly bits: number;
  readonly progress: (done: number, total: number) => void;
}

/** One share for each recipient. */
export async function holdCeremony(
  recipients: readonly Recipient[],
  { threshold, bits, progress }: CeremonyTerms,
): Promise<CeremonyResult> {
  const quorum: Quorum = { threshold, trustees: recipients.length };
  const { verification, shares, publicKey } = await dealThresholdKey({ ...quorum, bits, progress });
  const verificationKey = serializeVerificationKey(verification);
  const sealedShares = await Promise.all(
    recipients.map((recipient, index) => {
      const share = shares[index];
      if (share === undefined) throw new Error("a share for each trustee");
      return sealShare(recipient, utf8(JSON.stringify(serializeSecretShare(share))));
    }),
  );
  return {
    transcript: {
      kind: "smarter-metering/key-ceremony",
      version: 1,
      heldAt: new Date().toISOString(),
      paillierKeyId: publicKey.id,
      threshold,
      sealedTo: recipients.map(({ keyId }) => toHex(keyId)),
      verificationKey,
    },
    paillierKey: verificationKey.publicKey,
    sealedShares,
  };
}
