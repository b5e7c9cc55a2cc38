/**
 * The trustee's answers (docs/protocol.md §8.5): sealed releases, of which the aggregator reads the
 * signed header alone, and refusals with rule codes.
 */
import {
  decodeRefusal,
  decodeRelease,
  fromHex,
  ProtocolError,
  toHex,
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

/** One outcome for each encoded release, in order. */
export async function takeReleases(
  bodies: readonly Uint8Array[],
  store: Store,
  view: NetworkView,
): Promise<AnswerOutcome[]> {
  const answers = await Promise.all(
    bodies.map((body) => readAnswer(body, decodeRelease, verifyRelease, view)),
  );
  const signed = answers.filter((answer) => typeof answer !== "string");
  const digests = signed.map(({ requestDigest }) => requestDigest);
  const known = await markReleased(store, digests);
  return answers.map((answer) => outcomeOf(answer, known, "RELEASED"));
}

/** One outcome for each encoded refusal, in order. */
export async function takeRefusals(
  bodies: readonly Uint8Array[],
  store: Store,
  view: NetworkView,
  nowSeconds: number,
): Promise<AnswerOutcome[]> {
  const answers = await Promise.all(
    bodies.map((body) => readAnswer(body, decodeRefusal, verifyRefusal, view)),
  );
  const signed = answers.filter((answer) => typeof answer !== "string");
  const refusals = signed.map(({ requestDigest, reasons }) => {
    return { digest: requestDigest, codes: reasons.map(({ code }) => code) };
  });
  const known = await markRefused(store, refusals, nowSeconds);
  return answers.map((answer) => outcomeOf(answer, known, "REFUSED"));
}

/** An answer that one of the registry's trustees signed, or why it is none. */
async function readAnswer<T>(
  body: Uint8Array,
  decoder: (bytes: Uint8Array) => T,
  verify: (answer: T, trusteeKey: Uint8Array) => Promise<void>,
  view: NetworkView,
): Promise<T | "ANSWER_MALFORMED" | "ANSWER_BAD_SIGNATURE"> {
  const answer = decode(body, decoder);
  if (answer === undefined) return "ANSWER_MALFORMED";
  const isSigned = await isTrustees(view, (key) => verify(answer, key));
  return isSigned ? answer : "ANSWER_BAD_SIGNATURE";
}

function outcomeOf(
  answer: { readonly requestDigest: Uint8Array } | AnswerOutcome,
  known: ReadonlySet<string>,
  taken: "RELEASED" | "REFUSED",
): AnswerOutcome {
  if (typeof answer === "string") return answer;
  return known.has(toHex(answer.requestDigest)) ? taken : "ANSWER_UNKNOWN";
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
