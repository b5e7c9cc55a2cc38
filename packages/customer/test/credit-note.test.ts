/** Credit notes (docs/protocol.md §11.4): the customer recomputes what prices that came late make of his bill, and each lie is named once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyBill, type BillReport, type ShownNote } from "@smarter-metering/customer";
import {
  documentHash,
  signCreditNote,
  signTariffCorrection,
  toHex,
  type CreditNote,
  type Signer,
  type Statement,
  type TariffCorrection,
} from "@smarter-metering/protocol";
import { priceBill, reRate, type Bill, type Tariff } from "@smarter-metering/tariff";
import * as bill from "./bill.ts";
import { evidence, must, tariffDocument, window, zone } from "./bill.ts";

/** Other prices for the whole of the tariff's life. */
function pricedAt(day: number): Tariff {
  const [version] = tariffDocument.versions;
  const prices = { day, night: 150_000 };
  return {
    ...tariffDocument,
    versions: [{ ...must(version), version: 2, pricesMicroPerKilowattHour: prices }],
  };
}

const correctionOf = (
  tariff: Tariff,
  number: number,
  changes: Partial<TariffCorrection> = {},
  signer: Signer | undefined = bill.tariffSigner,
): Promise<string> =>
  signTariffCorrection(
    {
      kind: "smarter-metering/tariff-correction",
      number,
      reason: "Late.",
      from: "2018-10-01",
      until: "2018-11-01",
      tariff,
      ...changes,
    },
    must(signer),
  );

const [day, night, exported] = bill.registersBetween(1, 8);
const issuedBill = priceBill({
  tariff: tariffDocument,
  zone,
  fromSeconds: window.from,
  toSeconds: window.to,
  registersMilliwattHours: [must(day), must(night)],
  exportMilliwattHours: must(exported),
});

/** As the MDMS makes it; what it adds up to goes into the next. */
async function noteOf(
  tariff: Tariff,
  correction: string,
  { issued, follows }: { readonly issued: Bill; readonly follows: string },
  changes: Partial<CreditNote> = {},
): Promise<{ note: CreditNote; corrected: Bill }> {
  const made = must(reRate(issued, tariff));
  const note = {
    servicePoint: bill.servicePoint,
    ...window,
    follows: toHex(await documentHash(follows)),
    tariff: tariff.tariff,
    tariffVersion: made.corrected.version,
    correction: toHex(await documentHash(correction)),
    number: 1,
    reason: "Late.",
    lines: made.lines.map(({ text, quantity, price, issuedE16, dueE16 }) => {
      return { text, quantity, price, issuedE16: String(issuedE16), dueE16: String(dueE16) };
    }),
    amount: made.amount,
    corrected: made.corrected.amount,
    currency: made.currency,
    ...changes,
  };
  return { note, corrected: made.corrected };
}
const sign = (note: CreditNote, signer: Signer | undefined = bill.mdms) =>
  signCreditNote(note, must(signer));

const cheaper = pricedAt(200_000);
const correction = await correctionOf(cheaper, 1);
const onStatement = { issued: issuedBill, follows: evidence.statement };
const first = await noteOf(cheaper, correction, onStatement);
const firstShown: ShownNote = { note: await sign(first.note), correction };
const dearer = pricedAt(240_000);
const secondCorrection = await correctionOf(dearer, 2);
const onFirst = { issued: first.corrected, follows: firstShown.note };
const second = await noteOf(dearer, secondCorrection, onFirst, { number: 2 });
const secondShown = { note: await sign(second.note), correction: secondCorrection };

const codesOf = ({ links }: BillReport): string =>
  links
    .filter(({ status }) => status === "broken")
    .map(({ code }) => code)
    .join(" ");
const linkOf = ({ links }: BillReport) => must(links.find(({ link }) => link === "note"));

test("statement and notes: each follows from the one before, from the statement's registers alone", async () => {
  const [issued, due] = [issuedBill, first.corrected].map(({ amountMinor }) => amountMinor);
  assert.equal(first.note.amount, "-" + (Number(must(issued) - must(due)) / 100).toFixed(2));
  const one = await verifyBill({ ...evidence, notes: [firstShown] });
  assert.equal(codesOf(one), "");
  assert.deepEqual(one.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.equal(linkOf(one).what, `with 1 note the bill comes to ${first.corrected.amount} EUR`);
  const two = await verifyBill({ ...evidence, notes: [firstShown, secondShown] });
  assert.deepEqual(two.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.equal(linkOf(two).what, `with 2 notes the bill comes to ${second.corrected.amount} EUR`);
  const none = await verifyBill({ ...evidence, notes: [] });
  assert.equal(
    none.links.find(({ link }) => link === "note"),
    undefined,
  );
});

interface Lie {
  readonly name: string;
  readonly notes: () => Promise<ShownNote[]> | ShownNote[];
  readonly broken: string;
  readonly where?: string;
  readonly statement?: Statement;
}

/** A note of another correction, made and signed as it should be. */
async function ofCorrection(jws: string, tariff: Tariff = cheaper): Promise<ShownNote[]> {
  const { note } = await noteOf(tariff, jws, onStatement);
  return [{ note: await sign(note), correction: jws }];
}
const changed = async (changes: Partial<CreditNote>): Promise<ShownNote[]> => [
  { note: await sign({ ...first.note, ...changes }), correction },
];

const lies: readonly Lie[] = [
  {
    name: "signed by another party",
    notes: async () => [{ note: await sign(first.note, bill.tariffSigner), correction }],
    broken: "NOTE_INVALID",
  },
  {
    name: "of another service point",
    notes: () => changed({ servicePoint: "88".repeat(16) }),
    broken: "NOTE_INVALID",
  },
  {
    name: "of another window",
    notes: () => changed({ from: window.from - 86_400 }),
    broken: "NOTE_INVALID",
  },
  {
    name: "of another statement",
    notes: () => changed({ follows: "55".repeat(32) }),
    broken: "NOTE_INVALID",
  },
  { name: "the first is withheld", notes: () => [secondShown], broken: "NOTE_INVALID" },
  {
    name: "the same twice",
    notes: () => [firstShown, firstShown],
    broken: "NOTE_INVALID",
    where: "note 2",
  },
  {
    name: "a correction that the MDMS signed itself",
    notes: async () => ofCorrection(await correctionOf(cheaper, 1, {}, bill.mdms)),
    broken: "NOTE_UNFOUNDED",
  },
  {
    name: "another correction is shown",
    notes: () => [{ ...firstShown, correction: secondCorrection }],
    broken: "NOTE_UNFOUNDED",
  },
  {
    name: "a correction of other windows",
    notes: async () => ofCorrection(await correctionOf(cheaper, 1, { until: "2018-10-26" })),
    broken: "NOTE_UNFOUNDED",
  },
  {
    name: "a correction of another tariff",
    notes: async () => ofCorrection(await correctionOf({ ...cheaper, tariff: "other" }, 1)),
    broken: "NOTE_UNFOUNDED",
  },
  {
    name: "a correction for other hours",
    notes: async () => {
      const calendar = { ...tariffDocument.calendar, rules: [] };
      return ofCorrection(await correctionOf({ ...cheaper, calendar }, 1));
    },
    broken: "NOTE_UNFOUNDED",
  },
  {
    name: "another reason than the signer's",
    notes: () => changed({ reason: "Because." }),
    broken: "NOTE_UNFOUNDED",
  },
  {
    name: "less is credited",
    notes: () => changed({ amount: "-0.01" }),
    broken: "NOTE_DIFFERS",
  },
  {
    name: "another corrected total",
    notes: () => changed({ corrected: "0.00" }),
    broken: "NOTE_DIFFERS",
  },
  {
    name: "a line off by 10⁻¹⁶",
    notes: () => {
      const [line, ...rest] = first.note.lines;
      const dueE16 = String(BigInt(must(line).dueE16) + 1n);
      return changed({ lines: [{ ...must(line), dueE16 }, ...rest] });
    },
    broken: "NOTE_DIFFERS",
  },
  {
    name: "a line is left out",
    notes: () => changed({ lines: first.note.lines.slice(1) }),
    broken: "NOTE_DIFFERS",
  },
  {
    name: "a bill whose own price does not follow: the note waits",
    notes: () => [firstShown],
    statement: { ...bill.honestStatement, amount: "99.99" },
    broken: "PRICE_DIFFERS",
    where: "tariff day-night, version 1",
  },
];

test("every lie about a credit note is named once, at its link", async () => {
  for (const { name, notes, broken, where = "note 1", statement } of lies) {
    const base = statement === undefined ? {} : { statement: await bill.sign(statement) };
    const report = await verifyBill({ ...evidence, ...base, notes: await notes() });
    assert.equal(codesOf(report), broken, name);
    assert.equal(must(report.links.find(({ code }) => code !== "")).where, where, name);
    assert.equal(report.verdict.explanation, "broken-link", name);
  }
});
