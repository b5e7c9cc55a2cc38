// Bills with tiers, charges, taxes, credits and prices that change inside a window; credit notes.
// Vectors by hand, laws, and each mWh and each day by itself as the slow reference.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  addLocalDays,
  dayStartOf,
  describeLine,
  describeTariff,
  localDate,
  parseTariff,
  priceBill,
  reRate,
  tariffFaults,
  type Bill,
  type BillPart,
  type Tariff,
  type TariffVersion,
} from "../src/index.ts";

const zone = "Europe/Zurich";
const kWh = 1_000_000n;
const twoBands = {
  id: "high-low",
  bands: ["high", "low"],
  rules: [{ weekdays: [1, 2, 3, 4, 5], from: "07:00", to: "20:00", band: "high" }],
  defaultBand: "low",
};
const plain = {
  version: 1,
  validFrom: "2026-01-01",
  pricesMicroPerKilowattHour: { high: 200_000, low: 200_000 },
  feedInMicroPerKilowattHour: 80_000,
  standingChargeMicroPerDay: 0,
  taxBasisPoints: 0,
};
const free = { high: 0, low: 0 };
const tariffOf = (...versions: object[]): Tariff =>
  parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "rich",
    currency: "CHF",
    minorDigits: 2,
    calendar: twoBands,
    versions: versions.map((change, index) => ({ ...plain, version: index + 1, ...change })),
  });
const partOf = (from: string, to: string, registers: bigint[], exported = 0n): BillPart => ({
  fromSeconds: dayStartOf(from, zone),
  toSeconds: dayStartOf(to, zone),
  registersMilliwattHours: registers,
  exportMilliwattHours: exported,
});
const april = (high: bigint, low = 0n, exported = 0n): BillPart =>
  partOf("2026-04-01", "2026-05-01", [high * kWh, low * kWh], exported * kWh);
const billOf = (tariff: Tariff, ...parts: BillPart[]): Bill => priceBill({ tariff, zone, parts });
const exactOf = ({ lines }: Pick<Bill, "lines">): bigint =>
  lines.reduce((sum, { amountE16 }) => sum + amountE16, 0n);

const monthly = {
  thresholdDays: 30,
  steps: [
    { upTo_mWh: 100_000_000, priceMicroPerKilowattHour: 100_000 },
    { upTo_mWh: 300_000_000, priceMicroPerKilowattHour: 200_000 },
    { priceMicroPerKilowattHour: 300_000 },
  ],
};
const daily = {
  thresholdDays: 1,
  steps: [
    { upTo_mWh: 10_000_000, priceMicroPerKilowattHour: 150_000 },
    { priceMicroPerKilowattHour: 250_000 },
  ],
};
const two = (below: number, above: number) => ({
  thresholdDays: 30,
  steps: [
    { upTo_mWh: 100_000_000, priceMicroPerKilowattHour: below },
    { priceMicroPerKilowattHour: above },
  ],
});
const vat = { name: "VAT", basisPoints: 2000, on: ["energy", "standing", "levies"] };
const levy = { name: "Grid levy", microPerKilowattHour: 20_500 };
const tiered = { pricesMicroPerKilowattHour: free, tiers: monthly };
const standing = { standingChargeMicroPerDay: 100_000 };
const bandPrices = { high: 200_000, low: 100_000 };
const aprilHalves = (first: bigint, second: bigint): BillPart[] => [
  partOf("2026-04-01", "2026-04-16", [first * kWh, 0n]),
  partOf("2026-04-16", "2026-05-01", [0n, second * kWh]),
];

test("priceBill: bills by hand", () => {
  const rows: [string, Tariff, BillPart[], string][] = [
    ["tiers: 100 × 0.10 + 200 × 0.20 + 50 × 0.30", tariffOf(tiered), [april(300n, 50n)], "65.00"],
    ["the first tier alone", tariffOf(tiered), [april(0n, 100n)], "10.00"],
    [
      "31 days: 103.333333 × 0.10 + 206.666667 × 0.20 + 40 × 0.30",
      tariffOf(tiered),
      [partOf("2026-05-01", "2026-06-01", [350n * kWh, 0n])],
      "63.67",
    ],
    [
      "daily tiers beside bands: 40 + 15, and 300 × 0.15 + 50 × 0.25",
      tariffOf({ pricesMicroPerKilowattHour: bandPrices, tiers: daily }),
      [april(200n, 150n)],
      "112.50",
    ],
    ["a whole month", tariffOf({ standingChargeMicroPerMonth: 9_990_000 }), [april(0n)], "9.99"],
    [
      "20 days of 30",
      tariffOf({ standingChargeMicroPerMonth: 9_990_000 }),
      [partOf("2026-04-11", "2026-05-01", [0n, 0n])],
      "6.66",
    ],
    [
      "half a month and one: 14.985, half to even",
      tariffOf({ standingChargeMicroPerMonth: 9_990_000 }),
      [partOf("2026-04-16", "2026-06-01", [0n, 0n])],
      "14.98",
    ],
    [
      "10 days of 28: 3.571428571428",
      tariffOf({ standingChargeMicroPerMonth: 10_000_000 }),
      [partOf("2026-02-01", "2026-02-11", [0n, 0n])],
      "3.57",
    ],
    [
      "10 days of 29",
      tariffOf({ standingChargeMicroPerMonth: 10_000_000 }),
      [partOf("2028-02-20", "2028-03-01", [0n, 0n])],
      "3.45",
    ],
    [
      "minimum: 2 + 3, 10 lack, 10 % of 15",
      tariffOf({ ...standing, minimumChargeMicroPerDay: 500_000, taxBasisPoints: 1000 }),
      [april(10n)],
      "16.50",
    ],
    [
      "minimum reached: 20 + 3",
      tariffOf({ ...standing, minimumChargeMicroPerDay: 500_000 }),
      [april(100n)],
      "23.00",
    ],
    [
      "feed-in does not count towards a minimum: 15 − 8",
      tariffOf({ minimumChargeMicroPerDay: 500_000 }),
      [april(10n, 0n, 100n)],
      "7.00",
    ],
    [
      "levy and tax on it: 20 + 3 + 2.05, 20 %",
      tariffOf({ ...standing, taxes: [levy, vat] }),
      [april(100n)],
      "30.06",
    ],
    [
      "5.5 % on the standing charge alone: 23.165, half to even",
      tariffOf({ ...standing, taxes: [{ name: "Reduced", basisPoints: 550, on: ["standing"] }] }),
      [april(100n)],
      "23.16",
    ],
    [
      "both kinds of tax: 20 + 10 % + 5 % of energy",
      tariffOf({
        taxBasisPoints: 1000,
        taxes: [{ name: "City", basisPoints: 500, on: ["energy"] }],
      }),
      [april(100n)],
      "23.00",
    ],
    ["no tax on feed-in: 24 − 8", tariffOf({ taxes: [vat] }), [april(100n, 0n, 100n)], "16.00"],
    [
      "credits: 20 − 3 − 50",
      tariffOf({
        credits: [
          { name: "Green day", microPerDay: 100_000 },
          { name: "Welcome", microPerBill: 50_000_000 },
        ],
      }),
      [april(100n)],
      "-33.00",
    ],
    [
      "prices change: 60 × 0.20 + 15 × 0.10 + 40 × 0.30 + 15 × 0.20",
      tariffOf(standing, {
        validFrom: "2026-04-16",
        pricesMicroPerKilowattHour: { high: 300_000, low: 300_000 },
        standingChargeMicroPerDay: 200_000,
      }),
      aprilHalves(60n, 40n),
      "28.50",
    ],
    [
      "the same in one part: the version of its first day",
      tariffOf(standing, { validFrom: "2026-04-16", standingChargeMicroPerDay: 200_000 }),
      [april(60n, 40n)],
      "23.00",
    ],
    [
      "tiers fill on: 80 × 0.10, then 20 × 0.20 + 50 × 0.40",
      tariffOf(
        { pricesMicroPerKilowattHour: free, tiers: two(100_000, 300_000) },
        {
          validFrom: "2026-04-16",
          pricesMicroPerKilowattHour: free,
          tiers: two(200_000, 400_000),
        },
      ),
      aprilHalves(80n, 70n),
      "32.00",
    ],
    [
      "minimum of both: 45 − 20 lack, two thirds of it and 8 taxed with 10 %",
      tariffOf(
        { minimumChargeMicroPerDay: 1_000_000 },
        { validFrom: "2026-04-16", minimumChargeMicroPerDay: 2_000_000, taxBasisPoints: 1000 },
      ),
      aprilHalves(60n, 40n),
      "47.47",
    ],
    [
      "a minimum is the window's: 200 and 0 are enough for both halves",
      tariffOf(
        { minimumChargeMicroPerDay: 1_000_000 },
        { validFrom: "2026-04-16", minimumChargeMicroPerDay: 1_000_000 },
      ),
      aprilHalves(1000n, 0n),
      "200.00",
    ],
    [
      "once a bill: the credit of the first part's version",
      tariffOf(
        { credits: [{ name: "Welcome", microPerBill: 1_000_000 }] },
        { validFrom: "2026-04-16", credits: [{ name: "Welcome", microPerBill: 7_000_000 }] },
      ),
      aprilHalves(60n, 40n),
      "19.00",
    ],
  ];
  for (const [name, tariff, parts, amount] of rows) {
    assert.equal(billOf(tariff, ...parts).amount, amount, name);
  }
});

test("describeLine: a bill in words, its lines in order", () => {
  const rich = {
    ...standing,
    pricesMicroPerKilowattHour: { high: 250_000, low: 0 },
    tiers: monthly,
    standingChargeMicroPerMonth: 5_000_000,
    minimumChargeMicroPerDay: 10_000_000,
    taxBasisPoints: 810,
    taxes: [levy, vat],
    credits: [
      { name: "Green day", microPerDay: 100_000 },
      { name: "Welcome", microPerBill: 50_000_000 },
    ],
  };
  const tariff = tariffOf(rich, { ...rich, validFrom: "2026-04-16" });
  const whole = billOf(tariff, april(120n, 0n, 5n));
  const words = whole.lines.map((line) => Object.values(describeLine(whole, line)).join(" | "));
  assert.deepEqual(words, [
    "Energy, high | 120.000000 kWh | 0.25 CHF/kWh",
    "Energy, up to 100 kWh | 100.000000 kWh | 0.10 CHF/kWh",
    "Energy, 100 to 300 kWh | 20.000000 kWh | 0.20 CHF/kWh",
    "Standing charge | 30 days | 0.10 CHF/day",
    "Standing charge by the month | 1 month | 5.00 CHF/month",
    "Up to the minimum charge | 30 days | 10.00 CHF/day",
    "Feed-in, credited | 5.000000 kWh | 0.08 CHF/kWh",
    "Grid levy | 120.000000 kWh | 0.0205 CHF/kWh",
    "Tax on energy and standing charge |  | 8.10 %",
    "VAT on energy, standing charge and levies |  | 20.00 %",
    "Green day, credited | 30 days | 0.10 CHF/day",
    "Welcome, credited |  | 50.00 CHF",
  ]);
  const halves = billOf(tariff, ...aprilHalves(400n, 10n));
  assert.deepEqual(
    halves.parts.map(({ version, fromDate, days }) => [version, fromDate, days]),
    [
      [1, "2026-04-01", 15],
      [2, "2026-04-16", 15],
    ],
  );
  const texts = halves.lines.map((line) => describeLine(halves, line).text);
  assert.ok(texts.includes("Energy, over 300 kWh (from 2026-04-01)"));
  assert.ok(texts.includes("Energy, over 300 kWh (from 2026-04-16)"));
  const enough = tariffOf({ ...standing, minimumChargeMicroPerDay: 500_000 });
  const kinds = ({ lines }: Bill): string[] => lines.map(({ kind }) => kind);
  assert.ok(!kinds(billOf(enough, april(60n))).includes("minimum-charge"), "15 are not below 15");
  const monthOnly = { standingChargeMicroPerMonth: 1, taxes: [levy] };
  const short = billOf(tariffOf(monthOnly), april(1n));
  assert.deepEqual(kinds(short), ["energy", "energy", "monthly-charge", "feed-in", "levy"]);
  const shortTerms = describeTariff(tariffOf(monthOnly)).at(-1) ?? "";
  assert.doesNotMatch(shortTerms, / a day|tax 0/, "a simple price of zero goes without saying");
  const version = describeTariff(tariffOf(rich)).at(-1);
  const terms = `high 0.25 CHF/kWh; low 0.00 CHF/kWh; on the total in 30 days: up to 100 kWh 0.10 \
CHF/kWh, 100 to 300 kWh 0.20 CHF/kWh, over 300 kWh 0.30 CHF/kWh; feed-in pays 0.08 CHF/kWh; \
standing charge 0.10 CHF a day; standing charge 5.00 CHF a month, of parts of one by their days; \
energy and standing charge at least 10.00 CHF a day, over the whole window; tax 8.10 % on energy \
and standing charge; Grid levy 0.0205 CHF/kWh; VAT 20.00 % on energy, standing charge and levies; \
Green day credits 0.10 CHF a day; Welcome credits 50.00 CHF a bill.`;
  assert.equal(version, `Version 1, from 2026-01-01: ${terms}`);
});

test("versions are refused, with code and path; a document says all of its faults", () => {
  const step = { priceMicroPerKilowattHour: 1 };
  const steps = (...list: object[]): object => ({ tiers: { thresholdDays: 30, steps: list } });
  const name = "T";
  const rows: [string, string, object][] = [
    ["TARIFF_OUT_OF_RANGE", "standingChargeMicroPerMonth", { standingChargeMicroPerMonth: -1 }],
    ["TARIFF_MALFORMED", "minimumChargeMicroPerDay", { minimumChargeMicroPerDay: "1" }],
    ["TARIFF_MALFORMED", "tiers", { tiers: [] }],
    ["TARIFF_OUT_OF_RANGE", "tiers.thresholdDays", { tiers: { ...monthly, thresholdDays: 31 } }],
    ["TARIFF_OUT_OF_RANGE", "tiers.steps", steps()],
    ["TARIFF_UNKNOWN_KEY", "tiers.steps[0]", steps({ ...step, upTo_mWh: 5 })],
    ["TARIFF_MALFORMED", "tiers.steps[0].upTo_mWh", steps(step, step)],
    ["TARIFF_OUT_OF_RANGE", "tiers.steps[0].upTo_mWh", steps({ ...step, upTo_mWh: 0 }, step)],
    [
      "TARIFF_OUT_OF_RANGE",
      "tiers.steps[1].upTo_mWh",
      steps({ ...step, upTo_mWh: 5 }, { ...step, upTo_mWh: 5 }, step),
    ],
    ["TARIFF_OUT_OF_RANGE", "taxes", { taxes: [] }],
    ["TARIFF_DUPLICATE", "taxes", { taxes: [levy, { ...vat, name: levy.name }] }],
    ["TARIFF_MALFORMED", "taxes[0]", { taxes: [{ name }] }],
    ["TARIFF_UNKNOWN_KEY", "taxes[0]", { taxes: [{ ...levy, on: ["energy"] }] }],
    ["TARIFF_MALFORMED", "taxes[0].name", { taxes: [{ ...levy, name: "a\u0007b" }] }],
    ["TARIFF_MALFORMED", "taxes[0].on[0]", { taxes: [{ ...vat, on: ["feed-in"] }] }],
    ["TARIFF_DUPLICATE", "taxes[0].on", { taxes: [{ ...vat, on: ["energy", "energy"] }] }],
    ["TARIFF_OUT_OF_RANGE", "taxes[0].on", { taxes: [{ ...vat, on: [] }] }],
    ["TARIFF_OUT_OF_RANGE", "taxes[0].basisPoints", { taxes: [{ ...vat, basisPoints: 10_001 }] }],
    ["TARIFF_UNKNOWN_KEY", "credits[0]", { credits: [{ name, microPerDay: 1, microPerBill: 1 }] }],
    ["TARIFF_OUT_OF_RANGE", "credits[0].microPerDay", { credits: [{ name, microPerDay: -1 }] }],
    ["TARIFF_MALFORMED", "credits[0].name", { credits: [{ name: "", microPerBill: 1 }] }],
  ];
  for (const [code, path, change] of rows) {
    const expected = { name: "TariffError", code, path: `versions[0].${path}` };
    assert.throws(() => tariffOf(change), expected, `${code} ${path}`);
  }
  const document = JSON.parse(JSON.stringify(tariffOf({}, { validFrom: "2026-02-01" }))) as object;
  assert.deepEqual(tariffFaults(document), []);
  const faulty = {
    ...document,
    currency: "franc",
    calendar: twoBands,
    versions: [
      { ...plain, taxes: [] },
      { ...plain, version: 2 },
      { ...plain, credits: 1 },
    ],
  };
  assert.deepEqual(
    tariffFaults(faulty).map(({ code, path }) => `${code} ${path}`),
    [
      "TARIFF_MALFORMED currency",
      "TARIFF_OUT_OF_RANGE versions[0].taxes",
      "TARIFF_MALFORMED versions[2].credits",
    ],
  );
});

test("priceBill refuses parts that make no window", () => {
  const tariff = tariffOf({});
  const [first, second] = aprilHalves(1n, 1n) as [BillPart, BillPart];
  const rows: [string, BillPart[]][] = [
    ["TARIFF_WINDOW_INVALID", []],
    ["TARIFF_WINDOW_INVALID", [second, first]],
    ["TARIFF_WINDOW_INVALID", [first, first]],
    ["TARIFF_WINDOW_INVALID", [first, { ...second, fromSeconds: second.fromSeconds + 86_400 }]],
    ["TARIFF_WINDOW_INVALID", [{ ...first, toSeconds: first.toSeconds - 3600 }, second]],
    [
      "TARIFF_WINDOW_INVALID",
      Array.from({ length: 9 }, (_, day) =>
        partOf(`2026-04-0${day + 1}`, day < 8 ? `2026-04-0${day + 2}` : "2026-04-10", [0n, 0n]),
      ),
    ],
    ["TARIFF_REGISTERS_MISMATCH", [first, { ...second, registersMilliwattHours: [1n] }]],
    ["TARIFF_REGISTERS_MISMATCH", [first, { ...second, exportMilliwattHours: -1n }]],
  ];
  for (const [code, parts] of rows) assert.throws(() => billOf(tariff, ...parts), { code }, code);
});

const micro = fc.integer({ min: 0, max: 5_000_000 });
const anyTiers = fc
  .record({
    thresholdDays: fc.constantFrom(1, 30),
    ends: fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { maxLength: 3 }),
    prices: fc.tuple(micro, micro, micro, micro),
  })
  .map(({ thresholdDays, ends, prices }) => ({
    thresholdDays,
    steps: [...ends.toSorted((a, b) => a - b), undefined].map((end, index) => ({
      ...(end !== undefined && { upTo_mWh: end }),
      priceMicroPerKilowattHour: prices[index] ?? 0,
    })),
  }));
const anyTax = fc.oneof(
  fc.record({ name: fc.constant("Levy"), microPerKilowattHour: micro }),
  fc.record({
    name: fc.constantFrom("Tax", "Other tax"),
    basisPoints: fc.integer({ min: 0, max: 10_000 }),
    on: fc.subarray(["energy", "standing", "levies"], { minLength: 1 }),
  }),
);
const anyCredit = fc.oneof(
  fc.record({ name: fc.constant("Daily"), microPerDay: micro }),
  fc.record({ name: fc.constant("Once"), microPerBill: micro }),
);
const named = { selector: ({ name }: { name: string }) => name, minLength: 1, maxLength: 3 };
const anyPrices = fc.record(
  {
    pricesMicroPerKilowattHour: fc.record({ high: micro, low: micro }),
    feedInMicroPerKilowattHour: micro,
    standingChargeMicroPerDay: micro,
    taxBasisPoints: fc.integer({ min: 0, max: 10_000 }),
    standingChargeMicroPerMonth: micro,
    minimumChargeMicroPerDay: micro,
    tiers: anyTiers,
    taxes: fc.uniqueArray(anyTax, named),
    credits: fc.uniqueArray(anyCredit, named),
  },
  {
    requiredKeys: [
      "pricesMicroPerKilowattHour",
      "feedInMicroPerKilowattHour",
      "standingChargeMicroPerDay",
      "taxBasisPoints",
    ],
  },
);
/** Few mWh, so that each can be counted; tiers of a month end among them. */
const anyRegisters = fc
  .tuple(fc.nat(200), fc.nat(200), fc.nat(200))
  .map((each) => each.map(BigInt));
const anySplit = fc
  .tuple(
    fc.integer({ min: 0, max: 400 }),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
  )
  .map(([start, days]) => {
    let from = addLocalDays(dayStartOf("2026-01-01", zone), start, zone);
    return days.map((count) => {
      const fromSeconds = from;
      from = addLocalDays(from, count, zone);
      return { fromSeconds, toSeconds: from };
    });
  });
type Registers = [bigint, bigint, bigint];
const partsWith = (
  spans: readonly { fromSeconds: number; toSeconds: number }[],
  registers: readonly bigint[][],
): BillPart[] =>
  spans.map((span, index) => {
    const [high, low, exported] = (registers[index] ?? [0n, 0n, 0n]) as Registers;
    return { ...span, registersMilliwattHours: [high, low], exportMilliwattHours: exported };
  });
const fourRegisters = fc.tuple(anyRegisters, anyRegisters, anyRegisters, anyRegisters);

test("law: a window split into parts with equal prices costs what it costs in one", () => {
  fc.assert(
    fc.property(anyPrices, anySplit, fourRegisters, (prices, spans, registers) => {
      const parts = partsWith(spans, registers);
      const [first] = parts;
      assert.ok(first);
      const starts = spans.slice(1).map(({ fromSeconds }) => localDate(fromSeconds, zone));
      const split = tariffOf(prices, ...starts.map((validFrom) => ({ ...prices, validFrom })));
      const total = (at: number): bigint =>
        parts.reduce((sum, part) => sum + (part.registersMilliwattHours[at] ?? 0n), 0n);
      const whole = {
        ...first,
        toSeconds: parts.at(-1)?.toSeconds ?? 0,
        registersMilliwattHours: [total(0), total(1)],
        exportMilliwattHours: parts.reduce((sum, part) => sum + part.exportMilliwattHours, 0n),
      };
      const bill = billOf(split, ...parts);
      assert.equal(exactOf(bill), exactOf(billOf(tariffOf(prices), whole)));
      assert.equal(
        bill.lines.every(({ part }) => part < parts.length),
        true,
      );
    }),
    { numRuns: 150 },
  );
});

/** One version's charges, each mWh and each day by itself; amounts in 10^-16, months not exact. */
function slowExact(tariff: Tariff, parts: readonly BillPart[]): { sum: number; slack: number } {
  const versionAt = (seconds: number): TariffVersion => {
    const date = localDate(seconds, zone);
    return tariff.versions.filter(({ validFrom }) => validFrom <= date).at(-1) ?? assert.fail();
  };
  const daysIn = ({ fromSeconds, toSeconds }: BillPart): string[] => {
    const dates: string[] = [];
    for (let at = fromSeconds; at < toSeconds; at = addLocalDays(at, 1, zone)) {
      dates.push(localDate(at, zone));
    }
    return dates;
  };
  const windowDays = parts.flatMap(daysIn).length;
  const charged = { energy: parts.map(() => 0), standing: parts.map(() => 0) };
  let used = 0n;
  let minimum = 0;
  const minimums = parts.map((part) => {
    const own = (versionAt(part.fromSeconds).minimumChargeMicroPerDay ?? 0) * daysIn(part).length;
    minimum += own;
    return own;
  });
  parts.forEach((part, index) => {
    const version = versionAt(part.fromSeconds);
    const [high = 0n, low = 0n] = part.registersMilliwattHours;
    let energy = 0;
    for (let each = 0n; each < high + low; each++) {
      energy += version.pricesMicroPerKilowattHour[each < high ? "high" : "low"] ?? 0;
      used += 1n;
      const tier = version.tiers?.steps.find(
        ({ upTo_mWh: upTo }) =>
          upTo === undefined ||
          // The mWh belongs to a tier that has it whole.
          used * BigInt(version.tiers?.thresholdDays ?? 1) <= BigInt(upTo) * BigInt(windowDays),
      );
      energy += tier?.priceMicroPerKilowattHour ?? 0;
    }
    charged.energy[index] = energy * 1e-6;
    const perDay = daysIn(part).map((date) => {
      const days = new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0));
      const monthly = (version.standingChargeMicroPerMonth ?? 0) / days.getUTCDate();
      return version.standingChargeMicroPerDay + monthly;
    });
    charged.standing[index] = perDay.reduce((sum, each) => sum + each, 0);
  });
  const all = [...charged.energy, ...charged.standing].reduce((sum, each) => sum + each, 0);
  const lack = Math.max(0, minimum - all);
  const sum = parts.reduce((before, part, index) => {
    const version = versionAt(part.fromSeconds);
    const [high = 0n, low = 0n] = part.registersMilliwattHours;
    const share = minimum === 0 ? 0 : (lack * (minimums[index] ?? 0)) / minimum;
    const taxes = version.taxes ?? [];
    const kilowattHours = Number(high + low) * 1e-6;
    const levies = taxes.reduce(
      (levied, tax) => levied + ("on" in tax ? 0 : tax.microPerKilowattHour * kilowattHours),
      0,
    );
    const energy = charged.energy[index] ?? 0;
    const standingAndLack = (charged.standing[index] ?? 0) + share;
    const base = { energy, standing: standingAndLack, levies };
    const taxed = taxes.reduce(
      (due, tax) => {
        if (!("on" in tax)) return due;
        return due + (tax.on.reduce((of, name) => of + base[name], 0) * tax.basisPoints) / 10_000;
      },
      ((energy + standingAndLack) * version.taxBasisPoints) / 10_000,
    );
    const credits = (version.credits ?? []).reduce((credited, credit) => {
      if ("microPerDay" in credit) return credited + credit.microPerDay * daysIn(part).length;
      return credited + (index === 0 ? credit.microPerBill : 0);
    }, 0);
    const feedIn = Number(part.exportMilliwattHours) * 1e-6 * version.feedInMicroPerKilowattHour;
    return before + energy + standingAndLack + levies + taxed - credits - feedIn;
  }, 0);
  // 10^-5 of a micro-unit: floating point here, 10^-6 at most of each month and share there.
  return { sum, slack: 1e-5 + Math.abs(sum) * 1e-12 };
}

test("law: a bill is each mWh and each day by itself, whatever changes inside its window", () => {
  const four = fc.tuple(anyPrices, anyPrices, anyPrices, anyPrices);
  fc.assert(
    fc.property(four, anySplit, fourRegisters, (prices, spans, registers) => {
      const parts = partsWith(spans, registers);
      const versions = parts.map(({ fromSeconds }, index) => ({
        ...prices[index],
        validFrom: localDate(fromSeconds, zone),
      }));
      const tariff = tariffOf(...versions);
      const bill = billOf(tariff, ...parts);
      const { sum, slack } = slowExact(tariff, parts);
      const micros = Number(exactOf(bill)) / 1e10;
      assert.ok(Math.abs(micros - sum) <= slack, `${micros} and ${sum}`);
      assert.ok(
        bill.lines.every((line) => line.kind !== "tier" || line.quantityMilliwattHours > 0n),
      );
      for (const { kind, amountE16 } of bill.lines) {
        assert.equal(
          kind === "credit" || kind === "feed-in" ? amountE16 <= 0n : amountE16 >= 0n,
          true,
        );
      }
      const energy = bill.lines.reduce(
        (all, line) => (line.kind === "tier" ? all + line.quantityMilliwattHours : all),
        0n,
      );
      const inTiers = parts.reduce((all, part, index) => {
        const [high = 0n, low = 0n] = part.registersMilliwattHours;
        return prices[index]?.tiers === undefined ? all : all + high + low;
      }, 0n);
      assert.equal(energy, inTiers, "tiers have every mWh, once");
    }),
    { numRuns: 200 },
  );
});

test("law: more energy never costs less, and the next kWh less never where tiers ascend", () => {
  const days = anySplit.map((spans) => spans.slice(0, 1));
  // A tax on standing charges alone falls as energy makes up for a minimum: no law with such.
  const pricesTaxedAlike = anyPrices.map(({ taxes: _, ...prices }) => prices);
  fc.assert(
    fc.property(pricesTaxedAlike, days, fc.nat(400), fc.nat(100), (prices, spans, low, more) => {
      const cost = (energy: number): bigint => {
        const ascending = prices.tiers?.steps.toSorted(
          (a, b) => a.priceMicroPerKilowattHour - b.priceMicroPerKilowattHour,
        );
        const steps = prices.tiers?.steps.map((step, index) => ({
          ...step,
          priceMicroPerKilowattHour: ascending?.[index]?.priceMicroPerKilowattHour,
        }));
        const tiers = prices.tiers && { ...prices.tiers, steps };
        const tariff = tariffOf({ ...prices, ...(tiers && { tiers }) });
        return exactOf(billOf(tariff, ...partsWith(spans, [[0n, BigInt(energy), 0n]])));
      };
      const [least, middle, most] = [cost(low), cost(low + more), cost(low + 2 * more)];
      assert.ok(least <= middle && middle <= most);
      // A minimum is a floor under an ascending curve: what lies above it ascends as before.
      assert.ok(most - middle >= middle - least);
    }),
    { numRuns: 150 },
  );
});

test("reRate: a credit note by hand", () => {
  const issued = billOf(tariffOf(standing), april(100n, 50n));
  assert.equal(issued.amount, "33.00");
  const late = tariffOf(standing, {
    ...standing,
    validFrom: "2026-04-01",
    pricesMicroPerKilowattHour: { high: 180_000, low: 200_000 },
    taxes: [levy],
  });
  const note = reRate(issued, late);
  assert.ok(note);
  assert.deepEqual(
    note.lines.map(({ text, quantity, price, amountE16 }) => [text, quantity, price, amountE16]),
    [
      [
        "Energy, high",
        "100.000000 kWh",
        "0.18 CHF/kWh instead of 0.20 CHF/kWh",
        -20_000_000_000_000_000n,
      ],
      ["Grid levy", "150.000000 kWh", "0.0205 CHF/kWh", 30_750_000_000_000_000n],
    ],
  );
  assert.deepEqual(
    [note.amount, note.corrected.amount, note.corrected.version],
    ["1.08", "34.08", 2],
  );
  assert.equal(reRate(note.corrected, late), undefined, "once");
  const inside = tariffOf(standing, { validFrom: "2026-04-02" });
  assert.equal(reRate(issued, inside), undefined, "its registers cannot be split");
  assert.throws(() => reRate(issued, { ...late, currency: "EUR" }), /another tariff/);
  const oneBand = { id: "flat", bands: ["all"], rules: [], defaultBand: "all" };
  assert.throws(() => reRate(issued, { ...late, calendar: oneBand }), {
    code: "TARIFF_REGISTERS_MISMATCH",
  });
});

test("law: a bill and its credit note are the bill as it should be; re-rating twice is once", () => {
  fc.assert(
    fc.property(anyPrices, anyPrices, anySplit, fourRegisters, (old, due, spans, registers) => {
      const parts = partsWith(spans, registers);
      const issued = billOf(tariffOf(old), ...parts);
      const corrected = billOf(tariffOf(due), ...parts);
      const note = reRate(issued, tariffOf(due));
      if (note === undefined) {
        assert.equal(exactOf(issued), exactOf(corrected));
        return;
      }
      assert.equal(issued.amountMinor + note.amountMinor, corrected.amountMinor);
      assert.equal(exactOf(issued) + exactOf({ lines: note.lines as never }), exactOf(corrected));
      assert.deepEqual(note.corrected, corrected);
      assert.equal(reRate(note.corrected, tariffOf(due)), undefined);
      assert.equal(reRate(issued, tariffOf(old)), undefined);
    }),
    { numRuns: 100 },
  );
});
