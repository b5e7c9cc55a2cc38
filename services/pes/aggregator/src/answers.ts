/**
 * The trustee's answers (docs/protocol.md §8.5): sealed releases, of which the aggregator reads the
 * signed header alone, and refusals with rule codes.
 */
import {
  decodeRefusal,
  decodeRelease,
  fromHex,
  ProtocolError,
  verifyRefusal,
  verifyRelease,
  type NetworkView,
} from "@smarter-metering/protocol";
import type { Store } from "@smarter-metering/runtime";
import { markRefused, markReleased } from "./request-state.ts";

export type AnswerOutcome =
  | "RELEASED"
  | "REFUSED"
  | "ANSWER_MALFORMED"
  | "ANSWER_BAD_SIGNATURE"
  /** No request of this aggregator has the digest. */
  | "ANSWER_UNKNOWN";

export async function takeRelease(
  body: Uint8Array,
  store: Store,
  view: NetworkView,
): Promise<AnswerOutcome> {
  const release = decode(body, decodeRelease);
  if (release === undefined) return "ANSWER_MALFORMED";
  if (!(await isTrustees(view, (key) => verifyRelease(release, key)))) {
    return "ANSWER_BAD_SIGNATURE";
  }
  return (await markReleased(store, release.requestDigest)) ? "RELEASED" : "ANSWER_UNKNOWN";
}

export async function takeRefusal(
  body: Uint8Array,
  store: Store,
  view: NetworkView,
  nowSeconds: number,
): Promise<AnswerOutcome> {
  const refusal = decode(body, decodeRefusal);
  if (refusal === undefined) return "ANSWER_MALFORMED";
  if (!(await isTrustees(view, (key) => verifyRefusal(refusal, key)))) {
    return "ANSWER_BAD_SIGNATURE";
  }
  const codes = refusal.reasons.map(({ code }) => code);
  const known = await markRefused(store, refusal.requestDigest, codes, nowSeconds);
  return known ? "REFUSED" : "ANSWER_UNKNOWN";
}

function decode<T>(body: Uint8Array, decoder: (bytes: Uint8Array) => T): T | undefined {
  try {
    return decoder(body);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Whether one of the registry's trustees signed it. */
async function isTrustees(
  view: NetworkView,
  verify: (key: Uint8Array) => Promise<void>,
): Promise<boolean> {
  for (const { signingKey } of view.parties("trustee")) {
    try {
      await verify(fromHex(signingKey, 32));
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  return false;
}
