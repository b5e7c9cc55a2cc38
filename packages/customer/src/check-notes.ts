/**
 * Credit notes beside a statement (docs/protocol.md §11.4): each signed by the MDMS for what is before it, of prices that a registered tariff
 * signer corrected, and recomputed from the registers that the statement bills. On the customer's device.
 */
import {
  documentHash,
  equalBytes,
  registerBankOf,
  toHex,
  verifyCreditNote,
  verifyTariffCorrection,
  type CreditNote,
  type Statement,
  type TariffCorrection,
} from "@smarter-metering/protocol";
import { localDate, parseTariff, reRate, type Bill, type Tariff } from "@smarter-metering/tariff";
import { billedBy } from "./bill-window.ts";
import type { LinkBook } from "./link.ts";
import { priceTotals } from "./recompute.ts";
import { verifiedByAny, type Registered } from "./registered.ts";
import { tariffOrUndefined } from "./tariff-errors.ts";

/** As the MDMS gives them: a note, and the correction that it was made of. */
export interface ShownNote {
  /** JWS by the MDMS. */
  readonly note: string;
  /** JWS by a tariff signer. */
  readonly correction: string;
}

/** What notes are held against; the statement as it was signed. */
export interface NoteContext {
  readonly registered: Registered | undefined;
  readonly statement: Statement | undefined;
  readonly statementJws: string;
  readonly tariff: Tariff | undefined;
}

/** In their order; there is no such link where none is shown. The first that is broken ends the walk: what follows rests on it. */
export async function checkNotes(
  shown: readonly ShownNote[] | undefined,
  { registered, statement, statementJws, tariff }: NoteContext,
  book: LinkBook,
): Promise<void> {
  if (shown === undefined || shown.length === 0) return;
  if (registered === undefined || statement === undefined || tariff === undefined) {
    book.notChecked("note", "waits for the statement and its tariff");
    return;
  }
  let bill = tariffOrUndefined(() =>
    priceTotals(billedBy(statement, tariff.calendar), statement, tariff),
  );
  if (bill === undefined || book.isBroken("price")) {
    book.notChecked("note", "waits for the price");
    return;
  }
  let follows = statementJws;
  for (const [position, { note: jws, correction }] of shown.entries()) {
    const where = `note ${position + 1}`;
    const note = await noteOf(jws, registered, statement, follows);
    if (note === undefined) return book.broken("NOTE_INVALID", where);
    const prices = await correctionOf(correction, note, registered, { statement, tariff });
    if (prices === undefined) return book.broken("NOTE_UNFOUNDED", where);
    const corrected = correctedBill(bill, prices, note);
    if (corrected === undefined) return book.broken("NOTE_DIFFERS", where);
    [bill, follows] = [corrected, jws];
  }
  const notes = shown.length === 1 ? "1 note" : `${shown.length} notes`;
  book.ok("note", `with ${notes} the bill comes to ${bill.amount} ${bill.currency}`);
}

async function noteOf(
  jws: string,
  registered: Registered,
  { servicePoint, from, to, tariff, currency }: Statement,
  follows: string,
): Promise<CreditNote | undefined> {
  const note = await verifiedByAny(registered.keysOf("mdms"), (key) => verifyCreditNote(jws, key));
  const isNext =
    note?.servicePoint === servicePoint &&
    note.from === from &&
    note.to === to &&
    note.tariff === tariff &&
    note.currency === currency &&
    note.follows === toHex(await documentHash(follows));
  return isNext ? note : undefined;
}

/** The corrected tariff: other prices under the same calendar, for whose bands alone the registers were counted. */
async function correctionOf(
  jws: string,
  { correction, number, reason, tariff: name }: CreditNote,
  registered: Registered,
  { statement: { from, zone }, tariff: own }: { statement: Statement; tariff: Tariff },
): Promise<Tariff | undefined> {
  if (toHex(await documentHash(jws)) !== correction) return undefined;
  const document = await verifiedByAny(registered.keysOf("tariff-signer"), (key) =>
    verifyTariffCorrection(jws, key),
  );
  if (document?.number !== number || document.reason !== reason) return undefined;
  const tariff = tariffOrUndefined(() => parseTariff(document.tariff));
  if (tariff?.tariff !== name || !isAbout(document, localDate(from, zone))) return undefined;
  const banks = [
    await registerBankOf(own.calendar),
    await registerBankOf(tariff.calendar),
  ] as const;
  return equalBytes(...banks) ? tariff : undefined;
}

const isAbout = ({ from, until }: TariffCorrection, day: string): boolean =>
  from <= day && day < until;

/** What bill and note come to; undefined unless the note is just the difference. */
function correctedBill(issued: Bill, tariff: Tariff, note: CreditNote): Bill | undefined {
  const { currency, minorDigits } = issued;
  if (tariff.currency !== currency || tariff.minorDigits !== minorDigits) return undefined;
  const own = tariffOrUndefined(() => reRate(issued, tariff));
  const isSame =
    own?.amount === note.amount &&
    own.corrected.amount === note.corrected &&
    own.corrected.version === note.tariffVersion &&
    own.lines.length === note.lines.length &&
    own.lines.every(({ issuedE16, dueE16 }, at) => {
      const line = note.lines[at];
      return line?.issuedE16 === String(issuedE16) && line.dueE16 === String(dueE16);
    });
  return isSame ? own.corrected : undefined;
}
