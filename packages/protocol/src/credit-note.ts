/**
 * Prices that were published late (docs/protocol.md §11.4): a tariff signer says what they should have been, and the MDMS signs for each
 * statement what it lacks to that. Both are public in form; a note is as personal as its statement.
 */
import { z } from "zod";
import { ProtocolError } from "./error.ts";
import { signDocument, verifyDocument } from "./jws.ts";
import type { Signer } from "./signature.ts";

const decimal = z.string().regex(/^-?\d+$/);
const seconds = z.number().int().nonnegative();
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const date = z.string().regex(/^\d{4}-\d\d-\d\d$/);
/** Counts the corrections of one tariff, from 1: a newer one says more. */
const number = z.number().int().min(1).max(999_999);
/** For customers, on one line. */
const reason = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\P{C}*$/u);

const tariffCorrection = z.strictObject({
  kind: z.literal("smarter-metering/tariff-correction"),
  number,
  reason,
  /** Of windows whose first local day is in [from, until). */
  from: date,
  until: date,
  /** The whole tariff as it should have been in them, as parsed by packages/tariff. */
  tariff: z.unknown(),
});
export type TariffCorrection = z.infer<typeof tariffCorrection>;

const creditNote = z.strictObject({
  /** MDMS pseudonym, hex. */
  servicePoint: z.string().regex(/^[0-9a-f]{32}$/),
  from: seconds,
  to: seconds,
  /** SHA-256 of the JWS that this note adds to: the statement's, or the note's before. */
  follows: hex32,
  tariff: z.string(),
  /** The version that prices the window now. */
  tariffVersion: z.number().int().positive(),
  /** SHA-256 of the correction's JWS, and what it says of itself. */
  correction: hex32,
  number,
  reason,
  /** The lines that differ; amounts exact, in 10⁻¹⁶ of the currency unit: what is due less what was charged. */
  lines: z.array(
    z.strictObject({
      text: z.string(),
      quantity: z.string(),
      price: z.string(),
      issuedE16: decimal,
      dueE16: decimal,
    }),
  ),
  /** Of the two rounded totals; negative in the customer's favour. */
  amount: z.string(),
  /** The total with this note. */
  corrected: z.string(),
  currency: z.string().length(3),
});
export type CreditNote = z.infer<typeof creditNote>;

export function signTariffCorrection(document: TariffCorrection, signer: Signer): Promise<string> {
  return signDocument(
    "smarter-metering/tariff-correction",
    tariffCorrection.parse(document),
    signer,
  );
}

/** Throws PROTOCOL_MALFORMED or PROTOCOL_BAD_SIGNATURE. */
export async function verifyTariffCorrection(
  jws: string,
  signerKey: Uint8Array,
): Promise<TariffCorrection> {
  const document = await verifyDocument("smarter-metering/tariff-correction", jws, signerKey);
  return parsed(tariffCorrection, document, "a correction of a tariff");
}

export function signCreditNote(document: CreditNote, mdms: Signer): Promise<string> {
  return signDocument("smarter-metering/credit-note", creditNote.parse(document), mdms);
}

/** Throws PROTOCOL_MALFORMED or PROTOCOL_BAD_SIGNATURE. */
export async function verifyCreditNote(jws: string, mdmsKey: Uint8Array): Promise<CreditNote> {
  const document = await verifyDocument("smarter-metering/credit-note", jws, mdmsKey);
  return parsed(creditNote, document, "a credit note");
}

function parsed<Document>(schema: z.ZodType<Document>, document: unknown, what: string): Document {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  throw new ProtocolError("PROTOCOL_MALFORMED", `malformed message: not ${what}`, result.error);
}
