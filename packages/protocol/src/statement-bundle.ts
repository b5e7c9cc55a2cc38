/**
 * What a sealed statement holds (docs/protocol.md §11.5): a bill with all that its customer needs to check it and cannot make himself.
 * Written by the MDMS, read by the customer, who believes nothing of it before `verifyBill` has.
 */
import { fromHex, fromUtf8, toHex, utf8 } from "./bytes.ts";
import { fromBase64Url, parseJson, toBase64Url } from "./jws.ts";
import { integer, list, nullable, object, oneOf, readShape, text } from "./shape.ts";

export interface StatementBundle {
  /** The registry's, Ed25519: authenticated under a key that the portal does not know. */
  readonly rootKey: Uint8Array;
  /** Every window that was sent to this mailbox so far, with its newest number: what is there, and not an older one. */
  readonly sent: readonly { readonly from: number; readonly sequence: number }[];
  /** JWS by the MDMS. */
  readonly statement: string;
  /** JWS by the MDMS, and by a tariff signer what it was made of, in their order (§11.4). */
  readonly notes: readonly { readonly note: string; readonly correction: string }[];
  /** JWS by a tariff signer; of the statement's version. */
  readonly tariff: string;
  /** What the trustees answered, sealed to the MDMS: a whole release, or the answers of those that hold shares. */
  readonly answers: {
    readonly release: Uint8Array | null;
    readonly partials: readonly Uint8Array[];
  };
}

const jws = text(/^[A-Za-z0-9_.-]+$/);
const bytes = text(/^[A-Za-z0-9_-]*$/);
const bundle = object({
  kind: oneOf("smarter-metering/statement-bundle"),
  rootKey: text(/^[0-9a-f]{64}$/),
  sent: list(object({ from: integer(0), sequence: integer(1) })),
  statement: jws,
  notes: list(object({ note: jws, correction: jws })),
  tariff: jws,
  answers: object({ release: nullable(bytes), partials: list(bytes) }),
});

export function encodeStatementBundle(content: StatementBundle): Uint8Array {
  const { rootKey, sent, statement, notes, tariff, answers } = content;
  const { release, partials } = answers;
  const document = {
    kind: "smarter-metering/statement-bundle",
    rootKey: toHex(rootKey),
    sent,
    statement,
    notes,
    tariff,
    answers: { release: release && toBase64Url(release), partials: partials.map(toBase64Url) },
  };
  return utf8(JSON.stringify(document));
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeStatementBundle(content: Uint8Array): StatementBundle {
  const document = readShape(bundle, parseJson(fromUtf8(content)), "a statement's bundle");
  const { rootKey, sent, statement, notes, tariff, answers } = document;
  const { release, partials } = answers;
  return {
    rootKey: fromHex(rootKey, 32),
    sent,
    statement,
    notes,
    tariff,
    answers: {
      release: release === null ? null : fromBase64Url(release),
      partials: partials.map(fromBase64Url),
    },
  };
}
