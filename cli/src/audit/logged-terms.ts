/** A release request as the log has it, believed once digest, signature and receipt hold (docs/protocol.md §8.1, §13). */
import { checkReceipt, LogError, parseReceipt } from "@smarter-metering/log";
import {
  decodeSignedTerms,
  fromHex,
  ProtocolError,
  termsDigest,
  toHex,
  verifySignedTerms,
  type NetworkView,
  type SignedTerms,
} from "@smarter-metering/protocol";
import type { ShownRequest } from "./aggregator-api.ts";
import { BrokenLink } from "./broken-link.ts";
import { logQuorumOf } from "./log-quorum.ts";

export function decodedTerms(terms: Uint8Array): SignedTerms {
  try {
    return decodeSignedTerms(terms);
  } catch (cause) {
    throw new BrokenLink("terms", "TERMS_MALFORMED", "these are no signed terms", cause);
  }
}

export const keysOf = (
  view: NetworkView,
  role: "aggregator" | "opener" | "trustee",
): Uint8Array[] => view.parties(role).map(({ signingKey }) => fromHex(signingKey, 32));

export async function checkRequest(
  signed: SignedTerms,
  digest: string,
  view: NetworkView,
): Promise<void> {
  const made = toHex(await termsDigest(signed));
  if (made !== digest) {
    throw new BrokenLink("request", "REQUEST_OTHER", `these are the terms of request ${made}`);
  }
  if (await isSignedByAny(keysOf(view, "aggregator"), (key) => verifySignedTerms(signed, key)))
    return;
  throw new BrokenLink("request", "REQUEST_UNSIGNED", "no registered aggregator signed it");
}

export async function isSignedByAny(
  keys: readonly Uint8Array[],
  verify: (key: Uint8Array) => Promise<void>,
): Promise<boolean> {
  for (const key of keys) {
    try {
      await verify(key);
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  return false;
}

export async function checkLogged(
  { terms, receipt }: Pick<ShownRequest, "terms" | "receipt">,
  view: NetworkView,
): Promise<void> {
  if (receipt === null) {
    const message = "no head of the quorum covers the request";
    throw new BrokenLink("log", "LOG_RECEIPT_MISSING", message);
  }
  try {
    const entry = { kind: "release-request", body: terms } as const;
    await checkReceipt(parseReceipt(receipt), entry, await logQuorumOf(view));
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause;
    throw new BrokenLink("log", cause.code, cause.message, cause);
  }
}
