/**
 * A bill by prices that were published afterwards (docs/protocol.md §6.6, §11.2): no register has its cost; the customer counts it from his
 * readings, and finds every hour's ciphertext in what was released.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  recomputeContributions,
  verifyBill,
  type BillEvidence,
  type BillReport,
} from "@smarter-metering/customer";
import {
  decodeContribution,
  decodeFrame,
  encodeContribution,
  encodeFrame,
  frameHash,
  fromHex,
  keyCommitment,
  registerBankOf,
  sealFrame,
  signContribution,
  signDocument,
  signStatement,
  toHex,
  type ContributionContext,
  type FrameHeader,
  type Statement,
} from "@smarter-metering/protocol";
import { parseTariff, priceBill } from "@smarter-metering/tariff";
import { loadTestKey2048 } from "../../paillier/test/fixed-keys.ts";
import * as bill from "./bill.ts";
import { filled, midnight, must, slotsOf, window, zone } from "./bill.ts";

const terms = {
  prices: "balancing",
  stepSeconds: 3600,
  priceStepMicro: 1000,
  floorMicroPerKilowattHour: -200_000,
  known: "afterwards",
};
const tariff = parseTariff({
  kind: "smarter-metering/tariff",
  tariff: "by-the-hour",
  currency: "EUR",
  minorDigits: 2,
  calendar: { id: "by-the-hour", bands: ["all"], rules: [], defaultBand: "all", cost: terms },
  versions: [
    {
      version: 1,
      validFrom: "2018-01-01",
      pricesMicroPerKilowattHour: { all: 60_000 },
      costFallbackMicroPerKilowattHour: 250_000,
      feedInMicroPerKilowattHour: 80_000,
      standingChargeMicroPerDay: 120_000,
      taxBasisPoints: 810,
    },
  ],
});
const bank = await registerBankOf(tariff.calendar);

/** By the hour of the epoch, from −0.187 to 0.412 EUR. */
const priceAt = (seconds: number): number =>
  1000 * (((Math.floor(seconds / 3600) * 7919) % 600) - 187);
const signedPrices = (priceOf = priceAt): Promise<string> => {
  const hours = (midnight(bill.DAYS) - midnight(0)) / 3600;
  const at = (hour: number): number => priceOf(midnight(0) + 3600 * hour);
  const document = {
    kind: "smarter-metering/prices",
    ...terms,
    currency: "EUR",
    startSeconds: midnight(0),
    pricesMicroPerKilowattHour: Array.from({ length: hours }, (_, hour) => at(hour)),
  };
  return signDocument("smarter-metering/prices", document, must(bill.root));
};

// The meter: a frame a day, and no register but those of energy.

const dataKey = filled(32, 0xc3);
const keyEpoch = 1_540_000_000;
const registers = [5_000_000n, 70n, 0n, 0n, 0n, 0n, 0n, 0n];
const frames: Uint8Array[] = [];
const headers: FrameHeader[] = [];
const reference = { energy: 0n, counted: 0n };
for (let day = 0; day < bill.DAYS; day++) {
  const values = Array.from({ length: slotsOf(day) }, (_, slot) => 90_000 + 1013 * slot + 37 * day);
  const previous = frames[day - 1];
  for (const [slot, value] of values.entries()) {
    registers[0] = must(registers[0]) + BigInt(value);
    if (day < 1 || day > 7) continue;
    const weight = (priceAt(midnight(day) + 900 * slot) - terms.floorMicroPerKilowattHour) / 1000;
    reference.energy += BigInt(value);
    reference.counted += BigInt(value) * BigInt(weight);
  }
  const header = {
    profile: "pes-encrypts",
    kind: "BLOCK",
    networkPseudonym: bill.networkPseudonym,
    meterId: bill.meterId,
    keyEpoch,
    keyCommitment: await keyCommitment(bill.meterId, keyEpoch, dataKey),
    counter: day,
    blockStart: midnight(day),
    firstSlot: 0,
    count: values.length,
    intervalSeconds: 900,
    registerBank: bank,
    previousFrameHash: previous ? await frameHash(decodeFrame(previous)) : filled(32, 0),
  } as const;
  const body = {
    importMilliwattHours: Uint32Array.from(values),
    exportMilliwattHours: new Uint32Array(values.length),
    quality: new Uint8Array(values.length),
    registersMilliwattHours: [...registers],
  };
  const frame = await sealFrame(header, body, dataKey, must(bill.meter));
  headers.push(frame.header);
  frames.push(encodeFrame(frame));
}

const { publicKey } = await loadTestKey2048();
const { encrypt } = bill.evidence.contributions;
const contextOf = ({ blockStart }: FrameHeader): Promise<ContributionContext | undefined> => {
  const day = headers.findIndex((header) => header.blockStart === blockStart);
  if (day > 7) return Promise.resolve(undefined);
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
for (const [day, bytes] of frames.slice(0, 8).entries()) {
  const context = must(await contextOf(must(headers[day])));
  for (const own of await recomputeContributions(decodeFrame(bytes), dataKey, context, encrypt)) {
    const { header, headerBytes, ciphertext } = own;
    const signed = await signContribution(headerBytes, header, ciphertext, must(bill.opener));
    contributed.push(encodeContribution(signed));
  }
}
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
