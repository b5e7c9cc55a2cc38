/**
 * Prices that were published late (docs/protocol.md §11.4): a tariff signer says what they should have been, and the MDMS signs for each
 * statement what it lacks to that. Both are public in form; a note is as personal as its statement.
 */
import { signDocument, verifyDocument } from "./jws.ts";
import { anything, integer, list, object, oneOf, readShape, text, type ShapeOf } from "./shape.ts";
import type { Signer } from "./signature.ts";

const CORRECTION = "a correction of a tariff";
const NOTE = "a credit note";

const decimal = text(/^-?\d+$/);
const seconds = integer(0);
const hex32 = text(/^[0-9a-f]{64}$/);
const date = text(/^\d{4}-\d\d-\d\d$/);
/** Counts the corrections of one tariff, from 1: a newer one says more. */
const number = integer(1, 999_999);
/** For customers, on one line. */
const reason = text(/^(?=.{1,200}$)\P{C}+$/su);

const tariffCorrection = object({
  kind: oneOf("smarter-metering/tariff-correction"),
  number,
  reason,
  /** Of windows whose first local day is in [from, until). */
  from: date,
  until: date,
  /** The whole tariff as it should have been in them, as parsed by packages/tariff. */
  tariff: anything,
});
export type TariffCorrection = ShapeOf<typeof tariffCorrection>;

const creditNote = object({
  /** MDMS pseudonym, hex. */
  servicePoint: text(/^[0-9a-f]{32}$/),
  from: seconds,
  to: seconds,
  /** SHA-256 of the JWS that this note adds to: the statement's, or the note's before. */
  follows: hex32,
  tariff: text(),
  /** The version that prices the window now. */
  tariffVersion: integer(1),
  /** SHA-256 of the correction's JWS, and what it says of itself. */
  correction: hex32,
  number,
  reason,
  /** The lines that differ; amounts exact, in 10⁻¹⁶ of the currency unit: what is due less what was charged. */
  lines: list(
    object({
      text: text(),
      quantity: text(),
      price: text(),
      issuedE16: decimal,
      dueE16: decimal,
    }),
  ),
  /** Of the two rounded totals; negative in the customer's favour. */
  amount: text(),
  /** The total with this note. */
  corrected: text(),
  currency: text(/^.{3}$/),
});
export type CreditNote = ShapeOf<typeof creditNote>;

export async function signTariffCorrection(
  document: TariffCorrection,
  signer: Signer,
): Promise<string> {
  const correction = readShape(tariffCorrection, document, CORRECTION);
  return signDocument("smarter-metering/tariff-correction", correction, signer);
}

/** Throws PROTOCOL_MALFORMED or PROTOCOL_BAD_SIGNATURE. */
export async function verifyTariffCorrection(
  jws: string,
  signerKey: Uint8Array,
): Promise<TariffCorrection> {
  const document = await verifyDocument("smarter-metering/tariff-correction", jws, signerKey);
  return readShape(tariffCorrection, document, CORRECTION);
}

export async function signCreditNote(document: CreditNote, mdms: Signer): Promise<string> {
  const note = readShape(creditNote, document, NOTE);
  return signDocument("smarter-metering/credit-note", note, mdms);
}

/** Throws PROTOCOL_MALFORMED or PROTOCOL_BAD_SIGNATURE. */
export async function verifyCreditNote(jws: string, mdmsKey: Uint8Array): Promise<CreditNote> {
  const document = await verifyDocument("smarter-metering/credit-note", jws, mdmsKey);
  return readShape(creditNote, document, NOTE);
}
