/**
 * The trustees' answers (docs/protocol.md §8.5, §8.6): sealed releases, whole or partial, of which the
 * aggregator reads the signed header alone, and refusals with rule codes.
 */
import {
  decodePartialRelease,
  decodeRefusal,
  decodeRelease,
  fromHex,
  primitives,
  ProtocolError,
  toHex,
  verifyPartialRelease,
  verifyRefusal,
  verifyRelease,
} from "@smarter-metering/protocol";
import type { Store } from "@smarter-metering/runtime";
import { indexOf, recordAnswers, type Quorum, type TrusteeAnswer } from "./quorum.ts";

export type AnswerOutcome =
  | "RELEASED"
  | "REFUSED"
  | "ANSWER_MALFORMED"
  | "ANSWER_BAD_SIGNATURE"
  /** A whole release where trustees hold shares, or the other way round. */
  | "ANSWER_KEY_HOLDING"
  /** No request of this aggregator has the digest. */
  | "ANSWER_UNKNOWN";

/** One kind of answer: how it is read, whose it is, and what it means when it is signed. */
interface Kind<T> {
  readonly decode: (bytes: Uint8Array) => T;
  readonly verify: (answer: T, trusteeKey: Uint8Array) => Promise<void>;
  /** Undefined where a trustee says itself, by its signature, which one it is. */
  readonly trustee: (answer: T) => number | undefined;
  readonly codes: (answer: T) => readonly string[] | undefined;
  /** Whether it comes from share holders; undefined for what both give. */
  readonly shared?: boolean;
  readonly taken: "RELEASED" | "REFUSED";
}

type Signed = { readonly requestDigest: Uint8Array };

const release: Kind<ReturnType<typeof decodeRelease>> = {
  decode: decodeRelease,
  verify: verifyRelease,
  trustee: () => undefined,
  codes: () => undefined,
  shared: false,
  taken: "RELEASED",
};
const partialRelease: Kind<ReturnType<typeof decodePartialRelease>> = {
  decode: decodePartialRelease,
  verify: verifyPartialRelease,
  trustee: ({ trustee }) => trustee,
  codes: () => undefined,
  shared: true,
  taken: "RELEASED",
};
const refusal: Kind<ReturnType<typeof decodeRefusal>> = {
  decode: decodeRefusal,
  verify: verifyRefusal,
  trustee: () => undefined,
  codes: ({ reasons }) => reasons.map(({ code }) => code),
  taken: "REFUSED",
};

/** Takes encoded answers of one kind; one outcome for each, in order. */
export type TakeAnswers = (
  bodies: readonly Uint8Array[],
  store: Store,
  quorum: Quorum,
) => Promise<AnswerOutcome[]>;

export const takeReleases: TakeAnswers = (...args) => takeAnswers(release, ...args);
export const takePartialReleases: TakeAnswers = (...args) => takeAnswers(partialRelease, ...args);
export const takeRefusals: TakeAnswers = (...args) => takeAnswers(refusal, ...args);

async function takeAnswers<T extends Signed>(
  kind: Kind<T>,
  bodies: readonly Uint8Array[],
  store: Store,
  quorum: Quorum,
): Promise<AnswerOutcome[]> {
  const answers = await Promise.all(bodies.map((body) => readAnswer(kind, body, quorum)));
  const signed = answers.filter((answer) => typeof answer !== "string");
  const known = await recordAnswers(store, quorum, signed);
  return answers.map((answer) => {
    if (typeof answer === "string") return answer;
    return known.has(toHex(answer.requestDigest)) ? kind.taken : "ANSWER_UNKNOWN";
  });
}

/** An answer that one of the registry's trustees signed, or why it is none. */
async function readAnswer<T extends Signed>(
  kind: Kind<T>,
  body: Uint8Array,
  quorum: Quorum,
): Promise<TrusteeAnswer | AnswerOutcome> {
  const answer = decode(body, kind.decode);
  if (answer === undefined) return "ANSWER_MALFORMED";
  if (kind.shared !== undefined && kind.shared !== quorum.shared) return "ANSWER_KEY_HOLDING";
  const named = kind.trustee(answer);
  for (const party of quorum.trustees) {
    const trustee = indexOf(party);
    if (named !== undefined && named !== trustee) continue;
    if (!(await isSigned(() => kind.verify(answer, fromHex(party.signingKey, 32))))) continue;
    const codes = kind.codes(answer);
    const logged = codes === undefined ? "release" : "refusal";
    const entry = { kind: logged, body: await primitives.sha256(body) } as const;
    return { requestDigest: answer.requestDigest, trustee, codes, entry };
  }
  return "ANSWER_BAD_SIGNATURE";
}

function decode<T>(body: Uint8Array, decoder: (bytes: Uint8Array) => T): T | undefined {
  try {
    return decoder(body);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

async function isSigned(verify: () => Promise<void>): Promise<boolean> {
  try {
    await verify();
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
