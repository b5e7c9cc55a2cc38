/**
 * What trustees answered to a request (docs/protocol.md §8.5, §8.6), as far as whoever cannot open it can tell: who signed it, and which
 * request it answers. Run by the customer, and by whoever audits a release.
 */
import {
  decodePartialRelease,
  decodeRelease,
  equalBytes,
  toHex,
  verifyPartialRelease,
  verifyRelease,
  type PartialRelease,
  type SealedRelease,
} from "@smarter-metering/protocol";
import type { BrokenCode } from "./link.ts";
import { verifiedByAny } from "./registered.ts";

/** As encoded: the release of a trustee that holds the whole key, or the answers of those that hold shares, of which it takes `threshold`. */
export type SealedAnswers =
  | { readonly release: Uint8Array }
  | { readonly partials: readonly Uint8Array[]; readonly threshold: number };

/** Undefined when enough of the trustees answered this very request, and each answer that is there is signed. */
export async function answersFault(
  answers: SealedAnswers,
  requestDigest: Uint8Array,
  trusteeKeys: readonly Uint8Array[],
): Promise<BrokenCode | undefined> {
  const sealed = "release" in answers ? [answers.release] : answers.partials;
  const signers = new Set<string>();
  for (const bytes of sealed) {
    const answer = "release" in answers ? releaseIn(bytes) : partialIn(bytes);
    if (answer === undefined) return "RELEASE_MALFORMED";
    const signer = await verifiedByAny(trusteeKeys, async (key) => {
      await answer.verify(key);
      return toHex(key);
    });
    if (signer === undefined) return "RELEASE_UNSIGNED";
    if (!equalBytes(answer.requestDigest, requestDigest)) return "RELEASE_OTHER";
    signers.add(signer);
  }
  const needed = "release" in answers ? 1 : answers.threshold;
  return signers.size < needed ? "RELEASE_MISSING" : undefined;
}

interface Answer {
  readonly requestDigest: Uint8Array;
  verify(trusteeKey: Uint8Array): Promise<void>;
}

function releaseIn(bytes: Uint8Array): Answer | undefined {
  const release: SealedRelease | undefined = attempt(() => decodeRelease(bytes));
  if (release === undefined) return undefined;
  return { requestDigest: release.requestDigest, verify: (key) => verifyRelease(release, key) };
}

function partialIn(bytes: Uint8Array): Answer | undefined {
  const partial: PartialRelease | undefined = attempt(() => decodePartialRelease(bytes));
  if (partial === undefined) return undefined;
  return {
    requestDigest: partial.requestDigest,
    verify: (key) => verifyPartialRelease(partial, key),
  };
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined; // Named by the caller.
  }
}
