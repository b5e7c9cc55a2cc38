// What speaks against publishing a version, and prices of the day-ahead market with what a register
// of cost would count: vectors by hand, laws, and the attacks that the rule for such registers meets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPolicy, judgeBands, judgeCost } from "@smarter-metering/policy";
import * as fc from "fast-check";
import {
  addLocalDays,
  addLocalMonths,
  arePricesKnown,
  costAmountE16,
  costFactsOf,
  costOf,
  dayStartOf,
  isCountedInMeter,
  parseCalendar,
  parseDynamicPrices,
  sameCostTerms,
  wrapCost,
  parseTariff,
  publishFaults,
  publishNotes,
  secondsOfBands,
  stepSecondsOf,
  type BillGrid,
  type Calendar,
  type DynamicPrices,
  type Tariff,
} from "../src/index.ts";

const zone = "Europe/Zurich";
const workdays = [1, 2, 3, 4, 5];
const days = { monthDays: { from: 1, to: 15 } };
const later = { monthDays: { from: 16, to: 31 } };
const first = { monthDays: { from: 1, to: 2 } };
const calendars = {
  flat: { id: "flat", bands: ["all"], rules: [], defaultBand: "all" },
  two: {
    id: "two",
    bands: ["high", "low"],
    rules: [{ weekdays: workdays, from: "07:00", to: "20:00", band: "high" }],
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
  /** Two bands to the 15th, and two from the 16th on. */
  halves: {
    id: "halves",
    bands: ["high-1", "low-1", "high-2", "low-2"],
    rules: [
      { ...days, weekdays: workdays, from: "00:00", to: "07:00", band: "low-1" },
      { ...days, weekdays: workdays, from: "07:00", to: "20:00", band: "high-1" },
      { ...days, weekdays: workdays, from: "20:00", to: "24:00", band: "low-1" },
      { ...days, weekdays: [6, 7], from: "00:00", to: "24:00", band: "low-1" },
      { ...later, weekdays: workdays, from: "07:00", to: "20:00", band: "high-2" },
    ],
    defaultBand: "low-2",
  },
  /** The first two days of a month by bands of their own, one of them on working days. */
  start: {
    id: "start",
    bands: ["first-high", "first-low", "rest"],
    rules: [
      { ...first, weekdays: workdays, from: "00:00", to: "07:00", band: "first-low" },
      { ...first, weekdays: workdays, from: "07:00", to: "20:00", band: "first-high" },
      { ...first, weekdays: workdays, from: "20:00", to: "24:00", band: "first-low" },
      { ...first, weekdays: [6, 7], from: "00:00", to: "24:00", band: "first-low" },
    ],
    defaultBand: "rest",
  },
};
const calendarNames = ["flat", "two", "four", "halves", "start"] as const;

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

const weekly = { ...terms, billGrid: { unit: "day", days: 7 } as BillGrid };
const faultsOf = (next: Tariff, asked = terms): string[] =>
  publishFaults({ ...next, versions: next.versions.slice(0, 1) }, next, asked).map(
    ({ code, path }) => `${code} ${path}`,
  );
const notesOf = (next: Tariff, asked = terms): string[] =>
  publishNotes({ ...next, versions: next.versions.slice(0, 1) }, next, asked);

test("publishFaults: by hand", () => {
  const near = "TARIFF_VERSION_TOO_NEAR versions[1].validFrom";
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
    ["yesterday", tariffOf("two", [year, "2026-01-19"]), terms, [near]],
    ["today", tariffOf("two", [year, "2026-01-20"]), terms, [near]],
    ["at a border that is past", tariffOf("two", [year, "2026-01-01"]), terms, [near]],
    ["begins earlier in the east", tariffOf("flat", [year, "2026-01-20"]), eastern, [near]],
    ["tomorrow", tariffOf("flat", [year, "2026-01-21"]), terms, []],
    // With the next window: no more registers than a window has anyway, nor shorter ones.
    ["two bands, export, in mid-month", tariffOf("two", [year, "2026-03-15"], [1]), terms, []],
    ["four bands and export", tariffOf("four", [year, "2026-03-15"], [1]), terms, []],
    ["high for a Monday", tariffOf("two", [year, "2026-03-03"]), terms, []],
    ["high for the last Tuesday", tariffOf("two", [year, "2026-03-31"]), terms, []],
    [
      "many versions",
      tariffOf("two", [year, "2026-03-08", "2026-03-16", "2026-03-24"], [1, 2, 3, 4]),
      terms,
      [],
    ],
    ["weeks: a day after a border", tariffOf("two", [year, "2026-03-10"]), weekly, []],
    // In the window.
    ["on the 16th", tariffOf("halves", [year, "2026-03-16"]), terms, []],
    ["on the 3rd, after two working days", tariffOf("start", [year, "2026-04-03"]), terms, []],
    // Sunday 1 March has no hour of first-high; Monday has 13, of 15 h that 60 quarters are.
    ["on the 3rd, after a Monday", tariffOf("start", [year, "2026-03-03"]), terms, [near]],
    ["after two days of a weekend", tariffOf("start", [year, "2026-08-03"]), terms, []],
    [
      "26 hours, of 60 that meters of an hour need",
      tariffOf("start", [year, "2026-04-03"]),
      hourly,
      [near],
    ],
    [
      "the second of two",
      tariffOf("start", [year, "2026-04-03", "2026-11-03"]),
      terms,
      ["TARIFF_VERSION_TOO_NEAR versions[2].validFrom"],
    ],
    // The same hours, but the version waits for the next window, for export changes its price.
    ["another price for export", tariffOf("start", [year, "2026-03-03"], [1, 2]), terms, []],
  ];
  for (const [name, next, asked, expected] of rows) {
    assert.deepEqual(faultsOf(next, asked), expected, name);
    assert.deepEqual(publishFaults(next, next, asked), [], "what is published is not asked about");
  }
  const narrow = tariffOf("start", [year, "2026-03-03"]);
  const [fault] = publishFaults(tariffOf("start", [year]), narrow, terms);
  const said =
    /2026-03-01 to 2026-04-01 \(Europe\/Zurich\) band first-high holds for 13 h, .* 15 h are/;
  assert.match(fault?.message ?? "", said);
  assert.deepEqual(publishFaults(undefined, tariffOf("two", [year]), terms), [], "nobody has it");
  const fresh = publishFaults(undefined, narrow, terms).map(({ code }) => code);
  assert.deepEqual(fresh, ["TARIFF_VERSION_TOO_NEAR"]);
});

test("publishNotes: from when a version that starts inside a window prices it, and why", () => {
  const flat = tariffOf("flat", [year, "2026-03-16"]);
  const march = "inside windows 2026-03-01 to 2026-04-01 (Europe/Zurich)";
  const rows: [string, Tariff, string[]][] = [
    ["at a border", tariffOf("two", [year, "2026-03-01"]), []],
    [
      "bands on both sides",
      tariffOf("two", [year, "2026-03-16"]),
      [
        `version 2 starts on 2026-03-16, ${march}: it takes effect on 2026-04-01, because band high \
holds before and after it`,
      ],
    ],
    [
      "bands on one side each",
      tariffOf("halves", [year, "2026-03-16"], [1]),
      [`version 2 starts on 2026-03-16, ${march}: it takes effect on that day`],
    ],
    [
      "a day earlier",
      tariffOf("halves", [year, "2026-03-15"]),
      [
        `version 2 starts on 2026-03-15, ${march}: it takes effect on 2026-04-01, because band low-1 \
holds before and after it`,
      ],
    ],
    [
      "export",
      tariffOf("halves", [year, "2026-03-16"], [1, 2]),
      [
        `version 2 starts on 2026-03-16, ${march}: it takes effect on 2026-04-01, because export, \
which it pays at another price, is one register for the whole window`,
      ],
    ],
    [
      "a cost",
      { ...flat, calendar: { ...flat.calendar, cost: market } },
      [
        `version 2 starts on 2026-03-16, ${march}: it takes effect on 2026-04-01, because a cost is \
one register for the whole window`,
      ],
    ],
    [
      "followed by another",
      tariffOf("halves", [year, "2026-03-10", "2026-03-16", "2026-04-01"]),
      [
        `version 2 starts on 2026-03-10, ${march}: it never takes effect there, because band high-1 \
holds before and after it, and on 2026-04-01 version 4 is in force`,
        `version 3 starts on 2026-03-16, ${march}: it takes effect on that day`,
      ],
    ],
  ];
  for (const [name, next, expected] of rows) {
    assert.deepEqual(notesOf(next), expected, name);
    assert.deepEqual(publishNotes(next, next, terms), [], "it is known");
  }
  assert.equal(publishNotes(undefined, tariffOf("two", [year, "2026-03-16"]), terms).length, 1);
  const contracts = Array.from({ length: 27 }, (_, day) => {
    const contractStartSeconds = addLocalDays(dayStartOf("2025-06-01", zone), day, zone);
    return { zone, contractStartSeconds, intervalSeconds: 900 };
  });
  const many = notesOf(tariffOf("two", [year, "2026-03-16"]), { ...weekly, contracts });
  assert.equal(many.length, 9);
  assert.match(many.at(-1) ?? "", /^version 2 starts inside 18 other windows as well$/);
});

test("law: a version that may be published leaves no register that R9 refuses", () => {
  const policy = defaultPolicy();
  const seen = { refused: 0, inside: 0, later: 0 };
  const pairs = Array.from({ length: 11 * 8 }, (_, index) => {
    const day = [1, 2, 3, 4, 15, 16, 17, 28][index % 8] ?? 1;
    return [2 + Math.floor(index / 8), day].map((each) => String(each).padStart(2, "0")).join("-");
  });
  for (const name of calendarNames) {
    for (const monthDay of pairs) {
      const next = tariffOf(name, [year, `2026-${monthDay}`]);
      const fromSeconds = dayStartOf(`2026-${monthDay.slice(0, 2)}-01`, zone);
      const toSeconds = addLocalMonths(fromSeconds, 1, zone);
      const bandSeconds = secondsOfBands(next.calendar, { fromSeconds, toSeconds }, zone);
      const facts = { bandSeconds, intervalSeconds: 900, powerMaxWatts: 54_000 };
      const codes = judgeBands(facts, policy).map(({ code }) => code);
      const isRefusable = codes.includes("R9_BAND_TOO_NARROW");
      const [note] = notesOf(next);
      const isInside = note?.endsWith("it takes effect on that day") === true;
      assert.equal(faultsOf(next).length === 1, isRefusable && isInside, monthDay);
      assert.equal(note === undefined, monthDay.endsWith("01"));
      seen[isInside ? (isRefusable ? "refused" : "inside") : "later"] += 1;
    }
  }
  assert.ok(Math.min(...Object.values(seen)) > 0, JSON.stringify(seen));
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

test("prices that are known afterwards: of the hour, above the floor, and no others' terms", () => {
  const later = { ...market, known: "afterwards" };
  const parsed = parseDynamicPrices(JSON.parse(JSON.stringify(later)));
  assert.deepEqual(parsed, later);
  assert.equal(sameCostTerms(parsed, market), false);
  const atFloor = { pricesMicroPerKilowattHour: [0, -500_000] };
  assert.equal(parseDynamicPrices({ ...market, ...atFloor }).known, undefined);
  const rows: [string, string, object][] = [
    ["TARIFF_MALFORMED", "known", { known: "before" }],
    ["TARIFF_OUT_OF_RANGE", "stepSeconds", { stepSeconds: 900 }],
    ["TARIFF_OUT_OF_RANGE", "pricesMicroPerKilowattHour[1]", atFloor],
  ];
  for (const [code, path, change] of rows) {
    assert.throws(() => parseDynamicPrices({ ...later, ...change }), { code, path }, path);
  }
  const { prices, stepSeconds, priceStepMicro, floorMicroPerKilowattHour } = market;
  const cost = { prices, stepSeconds, priceStepMicro, floorMicroPerKilowattHour };
  const calendarBy = (terms: object): Calendar =>
    parseCalendar({ id: "all", bands: ["all"], rules: [], defaultBand: "all", cost: terms });
  const [before, afterwards] = [calendarBy(cost), calendarBy({ ...cost, known: "afterwards" })];
  // A calendar's hash names its register bank: what was not written is not there.
  assert.deepEqual(Object.keys(before.cost ?? {}), Object.keys(cost));
  assert.equal(afterwards.cost?.known, "afterwards");
  assert.deepEqual([isCountedInMeter(before), stepSecondsOf(before)], [true, undefined]);
  assert.deepEqual([isCountedInMeter(afterwards), stepSecondsOf(afterwards)], [false, 3600]);
  assert.deepEqual([isCountedInMeter({}), stepSecondsOf({})], [false, undefined]);
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
