/**
 * A bill by prices that were published afterwards (docs/protocol.md §6.6, §11.2): no register has its cost; the customer counts it from his
 * readings, and finds every hour's ciphertext in what was released.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyBill, type BillEvidence, type BillReport } from "@smarter-metering/customer";
import {
  decodeContribution,
  fromHex,
  registerBankOf,
  signDocument,
  signStatement,
  toHex,
  type ContributionContext,
  type FrameHeader,
  type Statement,
} from "@smarter-metering/protocol";
import { priceBill } from "@smarter-metering/tariff";
import { loadTestKey2048 } from "../../paillier/test/fixed-keys.ts";
import * as bill from "./bill.ts";
import { filled, midnight, must, window, zone } from "./bill.ts";
import {
  contributionsOf,
  costTerms,
  hourlyTariff,
  priceAt,
  pricesOf,
  sealDay,
  valuesOf,
} from "./hourly.ts";

const terms = { ...costTerms, prices: "balancing", known: "afterwards" } as const;
const tariff = hourlyTariff(terms);
const bank = await registerBankOf(tariff.calendar);

const signedPrices = (priceOf = priceAt): Promise<string> =>
  signDocument(
    "smarter-metering/prices",
    pricesOf(terms, [0, bill.DAYS], priceOf),
    must(bill.root),
  );

// The meter: a frame a day, and no register but those of energy.

const registers = [5_000_000n, 70n, 0n, 0n, 0n, 0n, 0n, 0n];
const frames: Uint8Array[] = [];
const reference = { energy: 0n, counted: 0n };
for (let day = 0; day < bill.DAYS; day++) {
  const values = valuesOf(day);
  for (const [slot, value] of values.entries()) {
    registers[0] = must(registers[0]) + BigInt(value);
    if (day < 1 || day > 7) continue;
    const weight = (priceAt(midnight(day) + 900 * slot) - terms.floorMicroPerKilowattHour) / 1000;
    reference.energy += BigInt(value);
    reference.counted += BigInt(value) * BigInt(weight);
  }
  const measured = { importMilliwattHours: values, exportMilliwattHours: values.map(() => 0) };
  const previous = frames.at(-1);
  frames.push(await sealDay({ day, ...measured, bank, registers: [...registers], previous }));
}
const days = Array.from({ length: bill.DAYS }, (_, day) => day);

const { publicKey } = await loadTestKey2048();
const { encrypt } = bill.evidence.contributions;
const contextOf = ({ blockStart }: FrameHeader): Promise<ContributionContext | undefined> => {
  const day = days.find((one) => midnight(one) === blockStart);
  if (day === undefined || day > 7) return Promise.resolve(undefined);
  return Promise.resolve({
    paillierKeyId: fromHex(publicKey.id, 32),
    modulusBits: publicKey.bits,
    blockSeconds: midnight(day + 1) - midnight(day),
    bandCount: 1,
    stepSeconds: 3600,
    load: undefined,
  });
};
const contributed: Uint8Array[] = [];
for (const frame of frames.slice(0, 8))
  contributed.push(...(await contributionsOf(frame, contextOf)));
const ofStream = (stream: string): Uint8Array[] =>
  contributed.filter((bytes) => decodeContribution(bytes).header.stream === stream);
const bills = ofStream("BILL");
const steps = ofStream("STEPS").slice(1);
const costProduct = filled(512, 1);
const requestOf = (own: readonly Uint8Array[]) =>
  bill.requestOf([must(bills[0]), must(bills[7]), ...own], { registerBank: bank, costProduct });
const asked = await requestOf(steps);

function statementOf(counted: bigint, request = asked): Statement {
  const priced = priceBill({
    tariff,
    zone,
    fromSeconds: window.from,
    toSeconds: window.to,
    registersMilliwattHours: [reference.energy],
    exportMilliwattHours: 0n,
    cost: counted,
  });
  return {
    servicePoint: bill.servicePoint,
    ...window,
    zone,
    registers_mWh: { all: String(reference.energy) },
    export_mWh: "0",
    energy_mWh: String(reference.energy),
    cost: { prices: terms.prices, counted: String(counted) },
    tariff: tariff.tariff,
    tariffVersion: priced.version,
    lines: priced.lines.map(({ kind, amountE16 }) => {
      return { text: kind, quantity: "", price: "", amountE16: String(amountE16) };
    }),
    amount: priced.amount,
    currency: priced.currency,
    estimated: false,
    requestDigest: toHex(request.digest),
  };
}
const sign = (statement: Statement) => signStatement(statement, must(bill.mdms));

async function released(request: typeof asked) {
  const { shown, request: inLog } = await bill.logged(contributed, request.terms);
  const answers = { release: await bill.releaseTo(request.digest) };
  return { release: { ...inLog, answers }, contributions: { shown, contextOf, encrypt } };
}

const evidence: typeof bill.evidence & Pick<BillEvidence, "prices"> = {
  ...bill.evidence,
  envelopes: bill.envelopes.slice(0, 1),
  frames,
  statement: await sign(statementOf(reference.counted)),
  tariff: await bill.signTariff(tariff),
  prices: [await signedPrices()],
  ...(await released(asked)),
};
const brokenOf = ({ links }: BillReport): (string | undefined)[] =>
  links.filter(({ status }) => status === "broken").map(({ code }) => code);

test("exact, from readings and prices alone; every hour is in what was released", async () => {
  assert.equal(steps.length, 7);
  const report = await verifyBill(evidence);
  assert.deepEqual(report.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.ok(report.links.every(({ status }) => status === "ok"));
  const { prices: _, ...unpriced } = evidence;
  const unknown = await verifyBill(unpriced);
  assert.equal(unknown.verdict.differenceMinor, undefined, "no register has the cost");
  const link = unknown.links.find((one) => one.link === "prices");
  assert.match(link?.what ?? "", /the cost is not checked/);
});

test("a cost that is not that of the readings, and a release of other hours, are named", async () => {
  const off = await verifyBill({
    ...evidence,
    statement: await sign(statementOf(reference.counted + 1n)),
  });
  assert.deepEqual(brokenOf(off), ["COST_DIFFERS"]);
  const dearer = await signedPrices((at) => priceAt(at) + 1000);
  assert.deepEqual(brokenOf(await verifyBill({ ...evidence, prices: [dearer] })), ["COST_DIFFERS"]);
  for (const own of [steps.slice(1), [...steps, must(steps[6])], steps.toReversed(), []]) {
    const request = await requestOf(own);
    const statement = await sign(statementOf(reference.counted, request));
    const report = await verifyBill({ ...evidence, statement, ...(await released(request)) });
    assert.deepEqual(brokenOf(report), ["RELEASE_DIFFERS"], String(own.length));
  }
});
