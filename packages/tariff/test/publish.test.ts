// What speaks against publishing a version, and prices of the day-ahead market with what a register
// of cost would count: vectors by hand, laws, and the attacks that the rule for such registers meets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPolicy, judgeBands, judgeCost } from "@smarter-metering/policy";
import * as fc from "fast-check";
import {
  addLocalMonths,
  arePricesKnown,
  costAmountE16,
  costFactsOf,
  costOf,
  dayStartOf,
  localDate,
  parseDynamicPrices,
  sameCostTerms,
  wrapCost,
  parseTariff,
  publishFaults,
  secondsOfBands,
  type BillGrid,
  type DynamicPrices,
  type Tariff,
} from "../src/index.ts";

const zone = "Europe/Zurich";
const calendars = {
  flat: { id: "flat", bands: ["all"], rules: [], defaultBand: "all" },
  two: {
    id: "two",
    bands: ["high", "low"],
    rules: [{ weekdays: [1, 2, 3, 4, 5], from: "07:00", to: "20:00", band: "high" }],
    defaultBand: "low",
  },
  four: {
    id: "four",
    bands: ["a", "b", "c", "d"],
    rules: [
      { weekdays: [1, 2, 3, 4, 5, 6, 7], from: "00:00", to: "06:00", band: "a" },
      { weekdays: [1, 2, 3, 4, 5, 6, 7], from: "06:00", to: "12:00", band: "b" },
      { weekdays: [1, 2, 3, 4, 5, 6, 7], from: "12:00", to: "18:00", band: "c" },
    ],
    defaultBand: "d",
  },
};
const calendarNames = ["flat", "two", "four"] as const;

function tariffOf(
  calendar: keyof typeof calendars,
  starts: string[],
  feedIn: number[] = [],
): Tariff {
  const { bands } = calendars[calendar];
  return parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "published",
    currency: "CHF",
    minorDigits: 2,
    calendar: calendars[calendar],
    versions: starts.map((validFrom, index) => ({
      version: index + 1,
      validFrom,
      pricesMicroPerKilowattHour: Object.fromEntries(bands.map((band) => [band, 200_000 + index])),
      feedInMicroPerKilowattHour: feedIn[index] ?? feedIn.at(-1) ?? 0,
      standingChargeMicroPerDay: 0,
      taxBasisPoints: 0,
    })),
  });
}

const terms = {
  nowSeconds: dayStartOf("2026-01-20", zone),
  billGrid: { unit: "month" } as BillGrid,
  windowDaysMin: 28,
  bandIntervalsMin: 60,
  contracts: [
    { zone, contractStartSeconds: dayStartOf("2025-06-01", zone), intervalSeconds: 900 },
    { zone, contractStartSeconds: dayStartOf("2025-06-01", zone), intervalSeconds: 900 },
  ],
};
const year = "2025-01-01";

test("publishFaults: by hand", () => {
  const near = "TARIFF_VERSION_TOO_NEAR versions[1].validFrom";
  const many = "TARIFF_TOO_MANY_REGISTERS versions[1].validFrom";
  const weekly = { ...terms, billGrid: { unit: "day", days: 7 } as BillGrid };
  const hourly = {
    ...terms,
    contracts: terms.contracts.map((each) => ({ ...each, intervalSeconds: 3600 })),
  };
  const eastern = {
    ...terms,
    contracts: [
      { ...terms.contracts[0], zone: "Australia/Lord_Howe" } as (typeof terms.contracts)[0],
    ],
  };
  const rows: [string, Tariff, typeof terms, string[]][] = [
    ["at a border", tariffOf("four", [year, "2026-03-01"], [1]), terms, []],
    [
      "at a border, and then near the next",
      tariffOf("two", [year, "2026-03-01", "2026-03-31"]),
      terms,
      ["TARIFF_VERSION_TOO_NEAR versions[2].validFrom"],
    ],
    ["yesterday", tariffOf("two", [year, "2026-01-19"]), terms, [near]],
    ["today", tariffOf("two", [year, "2026-01-20"]), terms, [near]],
    ["at a border that is past", tariffOf("two", [year, "2026-01-01"]), terms, [near]],
    ["in mid-month", tariffOf("two", [year, "2026-03-15"], [1]), terms, []],
    ["tomorrow", tariffOf("flat", [year, "2026-01-21"]), terms, []],
    ["four bands twice", tariffOf("four", [year, "2026-03-15"]), terms, []],
    ["and export", tariffOf("four", [year, "2026-03-15"], [1]), terms, [many]],
    [
      "two bands thrice, export",
      tariffOf("two", [year, "2026-03-10", "2026-03-20"], [1]),
      terms,
      [],
    ],
    [
      "two bands four times, export",
      tariffOf("two", [year, "2026-03-08", "2026-03-16", "2026-03-24"], [1]),
      terms,
      [
        many,
        "TARIFF_TOO_MANY_REGISTERS versions[2].validFrom",
        "TARIFF_TOO_MANY_REGISTERS versions[3].validFrom",
      ],
    ],
    [
      "two bands thrice, export at three prices",
      tariffOf("two", [year, "2026-03-10", "2026-03-20"], [1, 2, 3]),
      terms,
      [many, "TARIFF_TOO_MANY_REGISTERS versions[2].validFrom"],
    ],
    // Sunday 1 March has 24 h of low; Monday has the first 13 of high, of 15 h that 60 quarters are.
    ["high for a Monday", tariffOf("two", [year, "2026-03-03"]), terms, [near]],
    ["high for two days", tariffOf("two", [year, "2026-03-04"]), terms, []],
    ["low for a Sunday, high never", tariffOf("two", [year, "2026-03-02"]), terms, []],
    ["high for the last Tuesday", tariffOf("two", [year, "2026-03-31"]), terms, [near]],
    ["a flat day", tariffOf("flat", [year, "2026-03-31"]), terms, []],
    [
      "48 hours, of 60 that meters of an hour need",
      tariffOf("flat", [year, "2026-03-30"]),
      hourly,
      [near],
    ],
    ["of 71, for clocks change", tariffOf("flat", [year, "2026-03-29"]), hourly, []],
    // Windows of four weeks from Sunday 1 June 2025: one from 8 March 2026 on.
    ["weeks: at a border", tariffOf("two", [year, "2026-03-08"]), weekly, []],
    ["weeks: a day after it", tariffOf("two", [year, "2026-03-10"]), weekly, [near]],
    ["begins earlier in the east", tariffOf("flat", [year, "2026-01-20"]), eastern, [near]],
  ];
  for (const [name, next, asked, expected] of rows) {
    const [first] = next.versions;
    assert.ok(first);
    const faults = publishFaults({ ...next, versions: [first] }, next, asked);
    assert.deepEqual(
      faults.map(({ code, path }) => `${code} ${path}`),
      expected,
      name,
    );
    assert.deepEqual(publishFaults(next, next, asked), [], "what is published is not asked about");
  }
  const [fault] = publishFaults(
    tariffOf("two", [year]),
    tariffOf("two", [year, "2026-03-31"]),
    terms,
  );
  assert.match(fault?.message ?? "", /band high would hold for 13 h under version 2, 15 h needed/);
  assert.deepEqual(
    publishFaults(undefined, tariffOf("two", [year]), terms),
    [],
    "nobody has it yet",
  );
  const fresh = publishFaults(undefined, tariffOf("two", [year, "2026-03-31"]), terms);
  assert.deepEqual(
    fresh.map(({ code }) => code),
    ["TARIFF_VERSION_TOO_NEAR"],
  );
});

test("law: a version that may be published leaves no register that R9 refuses", () => {
  const policy = defaultPolicy();
  const anyDate = fc
    .integer({ min: 1, max: 300 })
    .map((day) => localDate(terms.nowSeconds + day * 86_400 + 7200, zone));
  fc.assert(
    fc.property(fc.constantFrom(...calendarNames), anyDate, (name, date) => {
      const next = tariffOf(name, [year, date]);
      const faults = publishFaults(tariffOf(name, [year]), next, terms);
      const start = dayStartOf(date, zone);
      const month = dayStartOf(`${date.slice(0, 7)}-01`, zone);
      const parts = [
        [month, start],
        [start, addLocalMonths(month, 1, zone)],
      ] as const;
      const refused = parts.some(([fromSeconds, toSeconds]) => {
        const bandSeconds = secondsOfBands(next.calendar, { fromSeconds, toSeconds }, zone);
        const facts = { bandSeconds, intervalSeconds: 900, powerMaxWatts: 54_000 };
        return judgeBands(facts, policy).some(({ code }) => code === "R9_BAND_TOO_NARROW");
      });
      assert.equal(
        faults.some(({ code }) => code === "TARIFF_VERSION_TOO_NEAR"),
        refused,
        date,
      );
    }),
    { numRuns: 150 },
  );
});

const month = dayStartOf("2026-10-01", zone);
const monthEnd = dayStartOf("2026-11-01", zone);
const hours = (monthEnd - month) / 3600;
const market: DynamicPrices = {
  kind: "smarter-metering/prices",
  prices: "day-ahead",
  currency: "EUR",
  startSeconds: month,
  stepSeconds: 3600,
  priceStepMicro: 1000,
  floorMicroPerKilowattHour: -500_000,
  pricesMicroPerKilowattHour: Array.from(
    { length: hours },
    (_, hour) => 1000 * (((hour * 37) % 24) * 9 - 20 + (Math.floor(hour / 24) % 7)),
  ),
};

/** What a register counts over whole steps of one document. */
const costIn = (
  energiesMilliwattHours: readonly number[],
  document: DynamicPrices,
  fromSeconds = document.startSeconds,
): bigint => {
  const { stepSeconds: intervalSeconds } = document;
  return costOf([document], { energiesMilliwattHours, fromSeconds, intervalSeconds });
};

test("parseDynamicPrices", () => {
  assert.deepEqual(parseDynamicPrices(JSON.parse(JSON.stringify(market))), market);
  const rows: [string, string, object][] = [
    ["TARIFF_MALFORMED", "kind", { kind: "smarter-metering/tariff" }],
    ["TARIFF_UNKNOWN_KEY", "", { unit: "micro/kWh" }],
    ["TARIFF_MALFORMED", "prices", { prices: "" }],
    ["TARIFF_MALFORMED", "currency", { currency: "€" }],
    ["TARIFF_OUT_OF_RANGE", "stepSeconds", { stepSeconds: 60 }],
    ["TARIFF_OUT_OF_RANGE", "startSeconds", { startSeconds: month + 900 }],
    ["TARIFF_OUT_OF_RANGE", "priceStepMicro", { priceStepMicro: 500 }],
    ["TARIFF_OUT_OF_RANGE", "priceStepMicro", { priceStepMicro: 0 }],
    ["TARIFF_OUT_OF_RANGE", "floorMicroPerKilowattHour", { floorMicroPerKilowattHour: -1 }],
    ["TARIFF_OUT_OF_RANGE", "pricesMicroPerKilowattHour", { pricesMicroPerKilowattHour: [] }],
    [
      "TARIFF_OUT_OF_RANGE",
      "pricesMicroPerKilowattHour[1]",
      { pricesMicroPerKilowattHour: [0, 1] },
    ],
    [
      "TARIFF_OUT_OF_RANGE",
      "pricesMicroPerKilowattHour[1]",
      { pricesMicroPerKilowattHour: [0, -501_000] },
    ],
    ["TARIFF_MALFORMED", "pricesMicroPerKilowattHour[0]", { pricesMicroPerKilowattHour: ["1"] }],
    [
      "TARIFF_OUT_OF_RANGE",
      "pricesMicroPerKilowattHour[2]",
      { priceStepMicro: 1, pricesMicroPerKilowattHour: [1, 2 ** 20, 2 ** 40] },
    ],
  ];
  for (const [code, path, change] of rows) {
    assert.throws(() => parseDynamicPrices({ ...market, ...change }), { code, path }, path);
  }
});

test("costOf: by hand, exact, and in a register for a month at full power", () => {
  const prices = [300_000, -100_000, 0];
  const three = { ...market, pricesMicroPerKilowattHour: prices };
  // 2 kWh × 800, 1 kWh × 400, 0.000001 kWh × 500, in steps of 0.001 a kWh above the floor of −0.50.
  const cost = costIn([2_000_000, 1_000_000, 1], three);
  assert.equal(cost, 2_000_000_500n * 1n);
  const amount = costAmountE16(three, { cost, totalMilliwattHours: 3_000_001n });
  assert.equal(amount, 5_000_000_000_000_000n, "2 × 0.30 − 1 × 0.10 + 0, not a millionth off");
  assert.equal(costIn([], three), 0n);
  assert.equal(costIn([1_000_000], three, month + 3600), 400_000_000n);
  assert.throws(() => costIn([1, 1], three, month + 7200), { code: "TARIFF_PRICES_MISSING" });
  assert.throws(() => costIn([1], three, month - 3600), { code: "TARIFF_PRICES_MISSING" });
  assert.throws(() => costIn([1], three, month + 900), { code: "TARIFF_BOUNDARY_INSIDE_INTERVAL" });
  assert.throws(() => costIn([-1], three), /assertion failed/);

  // 3×63 A at 230 V and a quarter over, at 5 a kWh in each of the 745 hours of this month.
  const powerMaxWatts = 3 * 63 * 230 * 1.25;
  const highest = {
    ...market,
    pricesMicroPerKilowattHour: market.pricesMicroPerKilowattHour.map(() => 5_000_000),
  };
  const span = { fromSeconds: month, toSeconds: monthEnd };
  const circumstances = { isLogged: true, classSize: 100, bandCount: 1, powerMaxWatts };
  const codes = (document: DynamicPrices): string[] =>
    judgeCost(costFactsOf([document], span, circumstances), defaultPolicy()).map(
      ({ code }) => code,
    );
  assert.equal(hours, 745);
  const full = Array.from(
    { length: hours },
    () => costFactsOf([market], span, circumstances).valueMax,
  );
  assert.ok(costIn(full, highest) < 2n ** 48n);
  assert.equal(
    costFactsOf([market], span, { ...circumstances, powerMaxWatts: 36 }).valueMax,
    36_000,
  );
  const quarters: DynamicPrices = { ...market, stepSeconds: 900 };
  const hour = { fromSeconds: month, toSeconds: month + 3600 };
  const facts = costFactsOf([quarters], hour, { ...circumstances, powerMaxWatts: 36 });
  assert.deepEqual([facts.valueMax, facts.prices.length], [9000, 4]);
  assert.deepEqual(codes(highest), []);
  assert.deepEqual(codes(market), [], "an ordinary month");
  assert.deepEqual(codes({ ...highest, priceStepMicro: 100 }), ["R9_VALUE_TOO_LARGE"]);
});

test("costOf: documents that follow one another, and intervals shorter than their steps", () => {
  const next = { ...market, startSeconds: monthEnd, pricesMicroPerKilowattHour: [10_000, 20_000] };
  const series = [next, market];
  const quarters = { energiesMilliwattHours: [1, 2, 3, 4, 5, 6], intervalSeconds: 900 };
  const last = market.pricesMicroPerKilowattHour.at(-1) ?? 0;
  const counted = (price: number): bigint => BigInt((price + 500_000) / 1000);
  const fromSeconds = monthEnd - 1800;
  const sum = 3n * counted(last) + (3n + 4n + 5n + 6n) * counted(10_000);
  assert.equal(costOf(series, { ...quarters, fromSeconds }), sum);
  const span = { fromSeconds, toSeconds: monthEnd + 7200 };
  assert.ok(arePricesKnown(series, span));
  assert.ok(!arePricesKnown(series, { ...span, toSeconds: monthEnd + 7201 }));
  assert.ok(!arePricesKnown([next], span));
  assert.ok(!arePricesKnown([market, { ...next, startSeconds: monthEnd + 3600 }], span));
  const apart = [market, { ...next, startSeconds: monthEnd + 3600 }];
  const missing = { code: "TARIFF_PRICES_MISSING" };
  assert.throws(() => costOf(apart, { ...quarters, fromSeconds }), missing);
  assert.throws(() => costOf([], { ...quarters, fromSeconds }), missing);
  const tooLong = { energiesMilliwattHours: [1], fromSeconds: month, intervalSeconds: 7200 };
  assert.throws(() => costOf([market], tooLong), { code: "TARIFF_BOUNDARY_INSIDE_INTERVAL" });
  assert.ok(sameCostTerms(market, next) && !sameCostTerms(market, { ...next, stepSeconds: 900 }));
});

test("wrapCost: a register goes on from 0, and a difference over the turn is what was counted", () => {
  const before = 2n ** 48n - 5n;
  const after = wrapCost(before + 12n);
  assert.equal(after, 7n);
  assert.equal(wrapCost(after - before), 12n);
});

test("law: cost and floor are Σ energy · price, in whole or in parts", () => {
  const anyEnergies = fc.array(fc.nat(50_000_000), { minLength: 1, maxLength: hours });
  fc.assert(
    fc.property(anyEnergies, fc.nat(), (energies, cut) => {
      const middle = cut % (energies.length + 1);
      const cost = costIn(energies, market);
      const later = costIn(energies.slice(middle), market, month + middle * 3600);
      assert.equal(cost, costIn(energies.slice(0, middle), market) + later);
      const total = energies.reduce((sum, energy) => sum + BigInt(energy), 0n);
      const exact = energies.reduce(
        (sum, energy, hour) =>
          sum + BigInt(energy) * BigInt(market.pricesMicroPerKilowattHour[hour] ?? 0),
        0n,
      );
      const amount = costAmountE16(market, { cost, totalMilliwattHours: total });
      assert.equal(amount, exact * 10_000n);
    }),
    { numRuns: 50 },
  );
});

test("prices that write readings into the cost are refused, whatever unit and floor they come in", () => {
  const readings = Array.from({ length: hours }, (_, hour) => 50 + ((hour * 7919) % 1000));
  const total = readings.reduce((sum, each) => sum + each, 0);
  const wanted = 333;
  const residue = 2 ** 20;
  const priced = (price: (hour: number) => number, step = 1, floor = 0): DynamicPrices => ({
    ...market,
    priceStepMicro: step,
    floorMicroPerKilowattHour: floor,
    pricesMicroPerKilowattHour: readings.map((_, hour) => price(hour) * step + floor),
  });
  const one = priced((hour) => (hour === wanted ? 30_001 : 30_000));
  assert.equal(Number(costIn(readings, one)) - 30_000 * total, readings[wanted], "it would work");
  const apart = priced((hour) => residue * (1 + (hour % 40)) + (hour === wanted ? 1 : 0));
  assert.equal(
    Number(costIn(readings, apart) % BigInt(residue)),
    readings[wanted],
    "it would work",
  );
  const digits = priced((hour) => (hour < 3 ? 2 ** (20 * hour) : 0));
  const written = [0, 1, 2].map((hour) =>
    Number((costIn(readings, digits) >> BigInt(20 * hour)) & 0xfffffn),
  );
  assert.deepEqual(written, readings.slice(0, 3), "it would work");
  const rows: [string, DynamicPrices, string[]][] = [
    ["2^(20t)", digits, ["SHAPE_INCONSISTENT"]],
    [
      "2^(10t)",
      priced((hour) => (hour < 3 ? 2 ** (10 * hour) : 0)),
      ["R9_COST_LEVERAGE", "R9_COST_RESIDUE"],
    ],
    ["30000 with one 30001", one, ["R9_COST_LEVERAGE", "R9_COST_RESIDUE"]],
    [
      "the same in steps, below zero",
      priced((hour) => (hour === wanted ? 30_001 : 30_000), 10, -200_000),
      ["R9_COST_LEVERAGE", "R9_COST_RESIDUE"],
    ],
    ["one off a common residue", apart, ["R9_COST_RESIDUE"]],
    [
      "the same above a floor",
      priced((hour) => 2000 * (1 + (hour % 11)) + (hour === wanted ? 1 : 0), 100, -700_000),
      ["R9_COST_RESIDUE"],
    ],
  ];
  const span = { fromSeconds: month, toSeconds: monthEnd };
  // A flat's power, in watt-hours an hour, so that none is refused as too large a number alone.
  const circumstances = { isLogged: true, classSize: 100, bandCount: 1, powerMaxWatts: 1 };
  const judge = (document: DynamicPrices, change: object = {}): string[] =>
    judgeCost(costFactsOf([document], span, { ...circumstances, ...change }), defaultPolicy()).map(
      ({ code }) => code,
    );
  for (const [name, document, expected] of rows) assert.deepEqual(judge(document), expected, name);
  assert.deepEqual(judge(market), []);
  assert.deepEqual(judge(market, { isLogged: false }), ["R9_COST_NOT_LOGGED"]);
  assert.deepEqual(judge(market, { classSize: 1 }), ["R9_COST_CLASS_TOO_SMALL"]);
  assert.deepEqual(judge(market, { bandCount: 2 }), ["R9_COST_BESIDE_BANDS"]);
});
