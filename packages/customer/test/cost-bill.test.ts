/** A bill by prices that change by the hour (docs/protocol.md §6.6, §11.2): the customer counts its cost again, and each lie is named once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compareStatement,
  openReadings,
  verifyBill,
  type BillEvidence,
  type BillReport,
} from "@smarter-metering/customer";
import {
  decodeFrame,
  fromHex,
  registerBankOf,
  signDocument,
  signStatement,
  toHex,
  type ContributionContext,
  type FrameHeader,
  type Signer,
  type Statement,
} from "@smarter-metering/protocol";
import { priceBill, TariffError, wrapCost } from "@smarter-metering/tariff";
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

const terms = { ...costTerms, prices: "day-ahead" };
const tariff = hourlyTariff(terms);
const bank = await registerBankOf(tariff.calendar);

// Prices: a document a local day, in 0.001 EUR/kWh, at night often negative; the fourth day has 25 hours.

const documentOf = (day: number) => pricesOf(terms, [day, day + 1]);
const signPrices = (document: unknown, signer: Signer | undefined = bill.root) =>
  signDocument("smarter-metering/prices", document, must(signer));
const documents = Array.from({ length: bill.DAYS }, (_, day) => documentOf(day));
const prices = await Promise.all(documents.map((document) => signPrices(document)));

// The meter: a frame a day; its cost register passes 2^48 inside the window and goes on from 0.

const registers = [5_000_000n, 70n, 2n ** 48n - 5_000_000_000n, 0n, 0n, 0n, 0n, 0n];
interface Made {
  readonly header: FrameHeader;
  readonly bytes: Uint8Array;
  readonly registers: readonly bigint[];
}
const made: Made[] = [];

/** `miscounted` is added to the cost register of this frame alone. */
async function frameOf(day: number, values: readonly number[], miscounted = 0n): Promise<Made> {
  const counted = registers.map((value, index) => (index === 2 ? value + miscounted : value));
  const exportMilliwattHours = values.map((_, slot) => slot % 2);
  const measured = { day, importMilliwattHours: values, exportMilliwattHours };
  const previous = made[day - 1]?.bytes;
  const bytes = await sealDay({ ...measured, bank, registers: counted, previous });
  return { header: decodeFrame(bytes).header, bytes, registers: counted };
}

/** What the register must count, and the money that the bill must come to, by the simplest sums there are. */
const reference = { energy: 0n, exported: 0n, counted: 0n, moneyE12: 0n };
for (let day = 0; day < bill.DAYS; day++) {
  for (const [slot, value] of valuesOf(day).entries()) {
    const price = priceAt(midnight(day) + 900 * slot);
    const cost = BigInt(value) * BigInt((price - terms.floorMicroPerKilowattHour) / 1000);
    registers[0] = must(registers[0]) + BigInt(value);
    registers[1] = must(registers[1]) + BigInt(slot % 2);
    registers[2] = wrapCost(must(registers[2]) + cost);
    if (day < 1 || day > 7) continue;
    reference.energy += BigInt(value);
    reference.exported += BigInt(slot % 2);
    reference.counted += cost;
    reference.moneyE12 += BigInt(value) * BigInt(price);
  }
  made.push(await frameOf(day, valuesOf(day)));
}
const frames = made.map(({ bytes }) => bytes);

// Contributions of the frames at the borders, the request over them, the statement.

const { publicKey } = await loadTestKey2048();
const { encrypt } = bill.evidence.contributions;
const borderDays = [0, 7];
const contextOf = ({ blockStart }: FrameHeader): Promise<ContributionContext | undefined> => {
  const day = borderDays.find((one) => midnight(one) === blockStart);
  if (day === undefined) return Promise.resolve(undefined);
  return Promise.resolve({
    paillierKeyId: fromHex(publicKey.id, 32),
    modulusBits: publicKey.bits,
    blockSeconds: midnight(day + 1) - midnight(day),
    bandCount: 1,
    hasCost: true,
    load: undefined,
  });
};

const contributed = (
  await Promise.all(borderDays.map((day) => contributionsOf(must(made[day]).bytes, contextOf)))
).flat();
const [billFrom, costFrom, billTo, costTo] = contributed.map(must);
const borders = [billFrom, billTo, costFrom, costTo].map(must);
const costProduct = filled(512, 1);
const asked = await bill.requestOf(borders, { registerBank: bank, costProduct });
const withoutCost = await bill.requestOf(borders.slice(0, 2), { registerBank: bank });

interface Billed {
  readonly energy: bigint;
  readonly exported: bigint;
  /** Null: not released. */
  readonly counted: bigint | null;
}

/** As the MDMS makes it. */
function statementOf(
  { energy, exported, counted }: Billed,
  request: { readonly digest: Uint8Array } = asked,
  span: typeof window = window,
): Statement {
  const priced = priceBill({
    tariff,
    zone,
    fromSeconds: span.from,
    toSeconds: span.to,
    registersMilliwattHours: [energy],
    exportMilliwattHours: exported,
    ...(counted !== null && { cost: counted }),
  });
  return {
    servicePoint: bill.servicePoint,
    ...span,
    zone,
    registers_mWh: { all: String(energy) },
    export_mWh: String(exported),
    energy_mWh: String(energy),
    cost: { prices: terms.prices, counted: counted?.toString() ?? null },
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
/** What the registers of days 1 to 8 give, a day more than the window has. */
function longer(last: Made): Billed {
  const first = must(made[0]).registers;
  const [energy, exported, cost] = [0, 1, 2].map(
    (at) => must(last.registers[at]) - must(first[at]),
  );
  return { energy: must(energy), exported: must(exported), counted: wrapCost(must(cost)) };
}
const honest = statementOf(reference);
const fallback = statementOf({ ...reference, counted: null }, withoutCost);

/** Contributions and this request in a log, and the trustee's answer to it. */
async function released(request: typeof asked) {
  const { shown, request: inLog } = await bill.logged(contributed, request.terms);
  const answers = { release: await bill.releaseTo(request.digest) };
  return { release: { ...inLog, answers }, contributions: { shown, contextOf, encrypt } };
}

const evidence: typeof bill.evidence & Pick<BillEvidence, "prices"> = {
  ...bill.evidence,
  envelopes: bill.envelopes.slice(0, 1),
  frames,
  statement: await sign(honest),
  tariff: await bill.signTariff(tariff),
  prices,
  ...(await released(asked)),
};

/** Readings, registers and prices; nothing of what was released. */
const { contributions: _, release: __, ...alone } = evidence;

const brokenOf = ({ links }: BillReport) => links.filter(({ status }) => status === "broken");
const linkOf = ({ links }: BillReport, name: string) =>
  must(links.find(({ link }) => link === name));

test("a bill by the hour: exact to the last 10⁻¹⁶, by registers and by readings, over 25 hours and past 2⁴⁸", async () => {
  const [energyLine] = honest.lines;
  assert.deepEqual(
    [energyLine?.text, energyLine?.amountE16],
    ["cost", String(reference.moneyE12 * 10_000n)],
  );
  const [first, last] = [made[0], made[7]].map((frame) => must(must(frame).registers[2]));
  assert.ok(must(last) < must(first), "the register began again inside the window");
  const negative = documents.flatMap((one) => one.pricesMicroPerKilowattHour).filter((p) => p < 0);
  assert.ok(negative.length > 20);
  const report = await verifyBill(evidence);
  assert.deepEqual(report.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.ok(report.links.every(({ status }) => status === "ok"));
  assert.equal(linkOf(report, "prices").what, "9 documents of prices day-ahead");
  // In any order, and each of them twice.
  const doubled = await verifyBill({ ...evidence, prices: [...prices.toReversed(), ...prices] });
  assert.deepEqual(doubled.verdict, report.verdict);
  // Without the border frame the readings alone give it; without prices the registers alone.
  const borderless = await verifyBill({ ...evidence, frames: frames.slice(1) });
  assert.equal(borderless.verdict.differenceMinor, 0n);
  const { prices: ___, ...unpriced } = evidence;
  const byRegisters = await verifyBill(unpriced);
  assert.deepEqual(byRegisters.verdict, report.verdict);
  assert.equal(linkOf(byRegisters, "prices").status, "not-checked");
  const neither = await verifyBill({ ...unpriced, frames: frames.slice(1) });
  assert.equal(neither.verdict.differenceMinor, undefined, "the cost is not known at all");
});

test("a cost that was not released: billed at the fallback price, and nothing is broken", async () => {
  const [line] = fallback.lines;
  assert.deepEqual(
    [line?.text, line?.amountE16],
    ["cost-fallback", String(reference.energy * 250_000n * 10_000n)],
  );
  const changed = { statement: await sign(fallback), ...(await released(withoutCost)) };
  const report = await verifyBill({ ...evidence, ...changed });
  assert.deepEqual(report.verdict, { differenceMinor: 0n, explanation: "exact" });
  assert.ok(report.links.every(({ status }) => status === "ok"));
});

test("a late border explains a cost as it explains energy", async () => {
  const late = longer(must(made[8]));
  const extended = await verifyBill({ ...alone, statement: await sign(statementOf(late)) });
  assert.equal(extended.verdict.explanation, "window-extended");
  const more = { ...late, counted: (late.counted ?? 0n) + 1n };
  const wrong = await verifyBill({ ...alone, statement: await sign(statementOf(more)) });
  assert.deepEqual(
    brokenOf(wrong).map(({ code }) => code),
    ["COST_DIFFERS"],
  );
});

const replaced = (position: number, jws: string): string[] =>
  prices.map((entry, index) => (index === position ? jws : entry));
const flippedAt = (text: string, at: number): string =>
  text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);

interface Lie {
  readonly name: string;
  readonly change: () => Partial<BillEvidence> | Promise<Partial<BillEvidence>>;
  readonly broken: string;
  readonly where: RegExp;
  readonly differenceMinor?: bigint;
  /** What is checked; by default everything. */
  readonly base?: BillEvidence;
}

const lies: readonly Lie[] = [
  {
    name: "a price is changed in a signed document",
    change: () => ({ prices: replaced(3, flippedAt(must(prices[3]), 300)) }),
    broken: "PRICES_INVALID",
    where: /^prices 4$/,
    differenceMinor: 0n,
  },
  {
    name: "prices signed by the supplier and not by the registry",
    change: async () => ({
      prices: replaced(3, await signPrices(documentOf(3), bill.tariffSigner)),
    }),
    broken: "PRICES_INVALID",
    where: /^prices 4$/,
    differenceMinor: 0n,
  },
  {
    name: "prices of another series",
    change: async () => ({
      prices: replaced(3, await signPrices({ ...documentOf(3), prices: "other" })),
    }),
    broken: "PRICES_INVALID",
    where: /^prices 4$/,
  },
  {
    name: "prices below another floor, of the same name",
    change: async () => ({
      prices: replaced(3, await signPrices({ ...documentOf(3), floorMicroPerKilowattHour: -1e6 })),
    }),
    broken: "PRICES_INVALID",
    where: /^prices 4$/,
  },
  {
    name: "a document is missing",
    change: () => ({ prices: prices.toSpliced(3, 1) }),
    broken: "PRICES_MISSING",
    where: /^window 2018-10-25T22:00:00Z to/,
    differenceMinor: 0n,
  },
  {
    name: "none is there",
    change: () => ({ prices: [] }),
    broken: "PRICES_MISSING",
    where: /^window/,
  },
  {
    name: "the registry signs another price for one hour than the meter was given",
    change: async () => {
      const { pricesMicroPerKilowattHour: list, ...rest } = documentOf(3);
      const pricesMicroPerKilowattHour = list.with(5, must(list[5]) + 1000);
      return { prices: replaced(3, await signPrices({ ...rest, pricesMicroPerKilowattHour })) };
    },
    broken: "COST_DISAGREES",
    where: /^prices day-ahead$/,
    differenceMinor: 0n,
  },
  {
    name: "the meter's cost register is not its readings at these prices",
    change: async () => {
      const last = await frameOf(8, valuesOf(8), 1n);
      const span = { from: window.from, to: midnight(9) };
      return {
        frames: [...frames.slice(0, 8), last.bytes],
        window: span,
        statement: await sign(statementOf(longer(last), asked, span)),
      };
    },
    broken: "COST_DISAGREES",
    where: /^prices day-ahead$/,
    base: alone,
  },
  {
    name: "the cost is off by one unit",
    change: async () => ({
      statement: await sign(statementOf({ ...reference, counted: reference.counted + 1n })),
    }),
    broken: "COST_DIFFERS",
    where: /^prices day-ahead$/,
    differenceMinor: 0n,
  },
  {
    name: "a cost that no register holds",
    change: async () => ({
      statement: await sign(statementOf({ ...reference, counted: reference.counted + 2n ** 48n })),
    }),
    broken: "COST_DIFFERS",
    where: /^prices day-ahead$/,
  },
  {
    name: "the cost's line does not follow from the cost",
    change: async () => {
      const [line, ...rest] = honest.lines;
      const amountE16 = String(reference.moneyE12 * 10_000n + 1n);
      const lines = [{ ...must(line), amountE16 }, ...rest];
      return { statement: await sign({ ...honest, lines }) };
    },
    broken: "PRICE_DIFFERS",
    where: /version 1$/,
    differenceMinor: 0n,
  },
  {
    name: "the cost is said to be by other prices",
    change: async () => ({
      statement: await sign({ ...honest, cost: { ...must(honest.cost), prices: "other" } }),
    }),
    broken: "PRICE_DIFFERS",
    where: /version 1$/,
  },
  {
    name: "a cost was released, and the fallback price is billed",
    change: async () => ({
      statement: await sign({ ...fallback, requestDigest: toHex(asked.digest) }),
    }),
    broken: "RELEASE_COST",
    where: /^request/,
    differenceMinor: 0n,
  },
  {
    name: "a cost is billed that was never released",
    change: async () => ({
      statement: await sign({ ...honest, requestDigest: toHex(withoutCost.digest) }),
      ...(await released(withoutCost)),
    }),
    broken: "RELEASE_COST",
    where: /^request/,
    differenceMinor: 0n,
  },
  {
    name: "the request has the cost's borders in another order",
    change: async () => {
      const swapped = [billFrom, billTo, costTo, costFrom].map(must);
      const request = await bill.requestOf(swapped, { registerBank: bank, costProduct });
      return {
        statement: await sign({ ...honest, requestDigest: toHex(request.digest) }),
        ...(await released(request)),
      };
    },
    broken: "RELEASE_DIFFERS",
    where: /^request/,
  },
  {
    name: "the request has no borders of the cost",
    change: async () => {
      const request = await bill.requestOf(borders.slice(0, 2), {
        registerBank: bank,
        costProduct,
      });
      return {
        statement: await sign({ ...honest, requestDigest: toHex(request.digest) }),
        ...(await released(request)),
      };
    },
    broken: "RELEASE_DIFFERS",
    where: /^request/,
  },
];

test("every lie about a cost is named once, at its link", async () => {
  for (const lie of lies) {
    const report = await verifyBill({ ...(lie.base ?? evidence), ...(await lie.change()) });
    const broken = brokenOf(report);
    assert.equal(broken.map(({ code }) => code).join(" "), lie.broken, lie.name);
    assert.match(must(broken[0]).where, lie.where, lie.name);
    assert.equal(report.verdict.explanation, "broken-link", lie.name);
    if ("differenceMinor" in lie) {
      assert.equal(report.verdict.differenceMinor, lie.differenceMinor, lie.name);
    }
  }
});

test("a cost for a tariff without one, and none for a tariff with one", async () => {
  const { contributions: ___, release: ____, ...plain } = bill.evidence;
  const cost = { prices: terms.prices, counted: "5" };
  const [added, dropped] = [{ ...bill.honestStatement, cost }, structuredClone(honest)];
  delete dropped.cost;
  for (const [statement, base] of [
    [added, plain],
    [dropped, alone],
  ] as const) {
    const report = await verifyBill({ ...base, statement: await sign(statement) });
    assert.deepEqual(
      brokenOf(report).map(({ code }) => code),
      ["PRICE_DIFFERS"],
    );
  }
});

test("statement and readings compared alone: the cost as well", async () => {
  const { meters, secret, envelopes } = evidence;
  const { readings } = await openReadings(meters, secret, { envelopes, frames });
  const parsed = documents as unknown as Parameters<typeof compareStatement>[3];
  assert.equal(compareStatement(honest, readings, tariff, parsed).explanation, "exact");
  assert.equal(compareStatement(fallback, readings, tariff).explanation, "exact");
  const off = statementOf({ ...reference, counted: reference.counted + 1n });
  const { explanation, isSameCost } = compareStatement(off, readings, tariff, parsed);
  assert.deepEqual([explanation, isSameCost], ["unexplained", false]);
  assert.throws(
    () => compareStatement(honest, readings, tariff),
    (error) => error instanceof TariffError && error.code === "TARIFF_PRICES_MISSING",
  );
});
