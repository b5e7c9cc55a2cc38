// Tariff documents, calendars and bills: vectors, laws, and fractions of BigInts as the reference.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  addLocalDays,
  bandAt,
  bandsOf,
  dayStartOf,
  describeTariff,
  formatMicro,
  formatMinor,
  localParts,
  parseCalendar,
  parseTariff,
  priceBill,
  roundHalfEven,
  type Calendar,
} from "../src/index.ts";

const workdays = [1, 2, 3, 4, 5];
const calendar = {
  id: "workdays",
  bands: ["high", "low"],
  rules: [{ weekdays: workdays, from: "07:00", to: "20:00", band: "high" }],
  defaultBand: "low",
};
const version = {
  version: 1,
  validFrom: "2026-01-01",
  pricesMicroPerKilowattHour: { high: 321_500, low: 210_000 },
  feedInMicroPerKilowattHour: 80_000,
  standingChargeMicroPerDay: 350_000,
  taxBasisPoints: 2000,
};
const document = {
  kind: "smarter-metering/tariff",
  tariff: "day-night",
  currency: "EUR",
  minorDigits: 2,
  calendar,
  versions: [version, { ...version, version: 2, validFrom: "2026-03-15" }],
};
const flat = { id: "flat", bands: ["all"], rules: [], defaultBand: "all" };

test("parseTariff returns what it was given", () => {
  assert.deepEqual(parseTariff(document), document);
  const prices = { all: 1_000_000_000_000 };
  const flatTariff = {
    ...document,
    calendar: flat,
    minorDigits: 0,
    currency: "JPY",
    versions: [{ ...version, pricesMicroPerKilowattHour: prices, taxBasisPoints: 0 }],
  };
  assert.deepEqual(parseTariff(JSON.parse(JSON.stringify(flatTariff))), flatTariff);
});

test("parseTariff refuses, with code and path", () => {
  const withCalendar = (change: object): unknown => ({
    ...document,
    calendar: { ...calendar, ...change },
  });
  const withVersion = (change: object): unknown => ({
    ...document,
    versions: [{ ...version, ...change }],
  });
  const rule = calendar.rules[0];
  const withRules = (...changes: object[]): unknown =>
    withCalendar({ rules: changes.map((change) => ({ ...rule, ...change })) });
  const eight = ["a", "b", "c", "d", "e", "f", "g", "h"];
  const eightPrices = Object.fromEntries(eight.map((band) => [band, 1]));
  const eightBands = { id: "8", bands: eight, rules: [], defaultBand: "a" };
  const eightVersion = { ...version, pricesMicroPerKilowattHour: eightPrices };
  const second = "versions[1]";
  const prices = "versions[0].pricesMicroPerKilowattHour";
  const rows: [string, string, unknown][] = [
    ["TARIFF_MALFORMED", "", null],
    ["TARIFF_MALFORMED", "", [document]],
    ["TARIFF_MALFORMED", "", "{}"],
    ["TARIFF_MALFORMED", "kind", { ...document, kind: "smarter-metering/policy" }],
    ["TARIFF_MALFORMED", "currency", { ...document, currency: "eur" }],
    ["TARIFF_MALFORMED", "tariff", { ...document, tariff: "a b" }],
    ["TARIFF_MALFORMED", "minorDigits", { ...document, minorDigits: "2" }],
    ["TARIFF_OUT_OF_RANGE", "minorDigits", { ...document, minorDigits: 5 }],
    ["TARIFF_UNKNOWN_KEY", "", { ...document, discount: 1 }],
    ["TARIFF_OUT_OF_RANGE", "versions", { ...document, versions: [] }],
    ["TARIFF_MALFORMED", "versions", { ...document, versions: { 0: version } }],
    ["TARIFF_UNKNOWN_KEY", "calendar", withCalendar({ feasts: [] })],
    ["TARIFF_OUT_OF_RANGE", "calendar.bands", withCalendar({ bands: [] })],
    ["TARIFF_OUT_OF_RANGE", "calendar.bands", withCalendar({ bands: [...eight, "i"] })],
    ["TARIFF_DUPLICATE", "calendar.bands", withCalendar({ bands: ["high", "low", "low"] })],
    ["TARIFF_MALFORMED", "calendar.bands[1]", withCalendar({ bands: ["high", "__proto__"] })],
    ["TARIFF_BAND_UNKNOWN", "calendar.defaultBand", withCalendar({ defaultBand: "mid" })],
    ["TARIFF_BAND_UNKNOWN", "calendar.rules[0].band", withRules({ band: "mid" })],
    ["TARIFF_MALFORMED", "calendar.rules[0].from", withRules({ from: "7:00" })],
    ["TARIFF_MALFORMED", "calendar.rules[0].from", withRules({ from: "24:00" })],
    ["TARIFF_MALFORMED", "calendar.rules[0].to", withRules({ to: "24:01" })],
    ["TARIFF_OUT_OF_RANGE", "calendar.rules[0]", withRules({ from: "22:00", to: "06:00" })],
    ["TARIFF_OUT_OF_RANGE", "calendar.rules[0]", withRules({ from: "07:00", to: "07:00" })],
    ["TARIFF_OUT_OF_RANGE", "calendar.rules[0].weekdays[1]", withRules({ weekdays: [1, 8] })],
    ["TARIFF_OUT_OF_RANGE", "calendar.rules[0].weekdays", withRules({ weekdays: [] })],
    ["TARIFF_DUPLICATE", "calendar.rules[0].weekdays", withRules({ weekdays: [1, 1] })],
    ["TARIFF_RULES_OVERLAP", "calendar.rules[1]", withRules({}, { from: "19:59", to: "24:00" })],
    ["TARIFF_RULES_OVERLAP", "calendar.rules[1]", withRules({}, { weekdays: [5, 6] })],
    ["TARIFF_UNKNOWN_KEY", "versions[0]", withVersion({ validTo: "2027-01-01" })],
    ["DATE_INVALID", "versions[0].validFrom", withVersion({ validFrom: "2026-02-30" })],
    ["TARIFF_MALFORMED", "versions[0].validFrom", withVersion({ validFrom: 2026 })],
    ["TARIFF_OUT_OF_RANGE", "versions[0].version", withVersion({ version: 0 })],
    ["TARIFF_OUT_OF_RANGE", "versions[0].taxBasisPoints", withVersion({ taxBasisPoints: 10_001 })],
    ["TARIFF_MALFORMED", "versions[0].taxBasisPoints", withVersion({ taxBasisPoints: 0.2 })],
    ["TARIFF_MALFORMED", prices, withVersion({ pricesMicroPerKilowattHour: { high: 1 } })],
    [
      "TARIFF_UNKNOWN_KEY",
      prices,
      withVersion({ pricesMicroPerKilowattHour: { high: 1, low: 1, mid: 1 } }),
    ],
    [
      "TARIFF_OUT_OF_RANGE",
      `${prices}.low`,
      withVersion({ pricesMicroPerKilowattHour: { high: 1, low: -1 } }),
    ],
    ["TARIFF_VERSIONS_UNORDERED", second, { ...document, versions: [version, version] }],
    [
      "TARIFF_VERSIONS_UNORDERED",
      second,
      { ...document, versions: [version, { ...version, version: 2 }] },
    ],
    [
      "TARIFF_TOO_MANY_REGISTERS",
      "calendar.bands",
      { ...document, calendar: eightBands, versions: [eightVersion] },
    ],
  ];
  for (const [code, path, value] of rows) {
    assert.throws(() => parseTariff(value), { name: "TariffError", code, path }, `${code} ${path}`);
  }
  const unpaid = { ...eightVersion, feedInMicroPerKilowattHour: 0 };
  assert.ok(parseTariff({ ...document, calendar: eightBands, versions: [unpaid] }));
});

test("describeTariff", () => {
  const [title, high, low, first, second, ...rest] = describeTariff(parseTariff(document));
  assert.equal(title, "Tariff day-night in EUR, calendar workdays.");
  assert.equal(high, "Band high: Mon, Tue, Wed, Thu, Fri from 07:00 to 20:00, local time.");
  assert.equal(low, "Band low: at all other times.");
  const terms = `high 0.3215 EUR/kWh; low 0.21 EUR/kWh; feed-in pays 0.08 EUR/kWh; \
standing charge 0.35 EUR a day; tax 20.00 % on energy and standing charge.`;
  assert.equal(first, `Version 1, from 2026-01-01: ${terms}`);
  assert.match(second ?? "", /^Version 2, from 2026-03-15/);
  assert.deepEqual(rest, []);
});

test("bandsOf: a day of quarters, and boundaries that no interval may contain", () => {
  const parsed = parseCalendar(calendar);
  const monday = dayStartOf("2026-06-01", "Europe/Paris");
  const quarters = bandsOf(parsed, monday, 900, 96, "Europe/Paris");
  assert.deepEqual([quarters.indexOf(0), quarters.lastIndexOf(0)], [28, 79]);
  const sunday = dayStartOf("2026-03-29", "Europe/Paris"); // 92 quarters, all low
  assert.ok(bandsOf(parsed, sunday, 900, 92, "Europe/Paris").every((band) => band === 1));
  assert.equal(bandsOf(parsed, sunday, 900, 0, "Europe/Paris").length, 0);

  const half = parseCalendar({ ...calendar, rules: [{ ...calendar.rules[0], from: "07:30" }] });
  const refused: [string, Calendar, string, string, number, number][] = [
    ["07:30 in an hour", half, "Europe/Paris", "2026-06-01", 3600, 24],
    ["07:00 in 2 h from midnight", parsed, "Europe/Paris", "2026-06-01", 7200, 12],
    ["a whole day", parsed, "Europe/Paris", "2026-06-01", 86_400, 1],
    ["a week", parsed, "Europe/Paris", "2026-06-06", 7 * 86_400, 1],
  ];
  for (const [name, rules, zone, date, intervalSeconds, count] of refused) {
    const start = dayStartOf(date, zone);
    assert.throws(
      () => bandsOf(rules, start, intervalSeconds, count, zone),
      { code: "TARIFF_BOUNDARY_INSIDE_INTERVAL" },
      name,
    );
  }
  // Hours of UTC: right in Lord Howe's summer (+11:00), half an hour off in its winter (+10:30).
  const hours = (iso: string): Uint8Array =>
    bandsOf(parsed, Date.parse(iso) / 1000, 3600, 48, "Australia/Lord_Howe");
  assert.equal(hours("2026-01-05T00:00Z").length, 48);
  assert.throws(() => hours("2026-06-01T00:00Z"), { code: "TARIFF_BOUNDARY_INSIDE_INTERVAL" });
  const weekend = dayStartOf("2026-06-06", "Europe/Paris");
  assert.deepEqual([...bandsOf(parsed, weekend, 2 * 86_400, 1, "Europe/Paris")], [1]);
  const flatDays = bandsOf(parseCalendar(flat), monday, 86_400, 400, "Europe/Paris");
  assert.ok(flatDays.every((band) => band === 0));
});

const anyZone = fc.constantFrom(
  "Europe/Paris",
  "Australia/Lord_Howe",
  "America/Santiago",
  "Asia/Beirut",
  "Asia/Kathmandu",
);
const quarter = fc.integer({ min: 1, max: 95 }).map((index) => index * 15);
const clock = (minutes: number): string => {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
};
/** Each weekday set once, with two rules at random quarters. */
const anyCalendar = fc
  .tuple(fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }), quarter, quarter)
  .map(([weekdays, a, b]) => {
    const middle = Math.min(a, b);
    const end = Math.max(a, b) + 15;
    const rules = [
      { weekdays, from: "00:00", to: clock(middle), band: "b" },
      { weekdays, from: clock(middle), to: clock(end), band: "c" },
    ];
    return parseCalendar({ id: "any", bands: ["a", "b", "c"], rules, defaultBand: "a" });
  });

/** The rules read one by one at the wall clock. */
function bandByRules(rules: Calendar, epochSeconds: number, zone: string): number {
  const { weekday, hour, minute } = localParts(epochSeconds, zone);
  const time = clock(hour * 60 + minute);
  const rule = rules.rules.find(
    ({ weekdays, from, to }) => weekdays.includes(weekday) && from <= time && time < to,
  );
  return rules.bands.indexOf(rule?.band ?? rules.defaultBand);
}

test("law: the band vector is bandAt of each interval, is the rules read one by one", () => {
  const changes = [
    "2026-03-29T01:00Z",
    "2026-10-25T01:00Z",
    "2026-10-03T15:30Z",
    "2026-09-06T04:00Z",
  ];
  const anyQuarter = fc.oneof(
    fc.integer({ min: 1_000_000, max: 2_300_000 }).map((index) => index * 900),
    // Clocks change within the next two days.
    fc
      .tuple(fc.constantFrom(...changes), fc.integer({ min: 1, max: 190 }))
      .map(([change, before]) => Date.parse(change) / 1000 - before * 900),
  );
  fc.assert(
    fc.property(anyCalendar, anyZone, anyQuarter, (rules, zone, start) => {
      const bands = bandsOf(rules, start, 900, 200, zone);
      bands.forEach((band, index) => {
        assert.equal(band, bandAt(rules, start + index * 900, zone));
        assert.equal(band, bandByRules(rules, start + index * 900 + 899, zone));
      });
    }),
    { numRuns: 100 },
  );
});

test("roundHalfEven and decimal strings", () => {
  const rounded = [
    [5n, 10n, 0n],
    [15n, 10n, 2n],
    [25n, 10n, 2n],
    [14n, 10n, 1n],
    [-5n, 10n, 0n],
    [-25n, 10n, -2n],
    [-26n, 10n, -3n],
    [2n, 3n, 1n],
  ] as const;
  for (const [numerator, divisor, expected] of rounded) {
    assert.equal(roundHalfEven(numerator, divisor), expected, `${numerator}/${divisor}`);
  }
  assert.throws(() => roundHalfEven(1n, 0n), /assertion failed/);
  const minors = [formatMinor(12_345n, 2), formatMinor(-5n, 2), formatMinor(0n, 2)];
  assert.deepEqual(minors, ["123.45", "-0.05", "0.00"]);
  assert.deepEqual([formatMinor(-31n, 0), formatMinor(1n, 3)], ["-31", "0.001"]);
  const prices = [250_000, 321_500, 1, 0, 2_000_000, -1_500_000].map(formatMicro);
  assert.deepEqual(prices, ["0.25", "0.3215", "0.000001", "0.00", "2.00", "-1.50"]);
});

const tariff = parseTariff(document);
const zone = "Europe/Paris";
const input = {
  tariff,
  zone,
  fromSeconds: dayStartOf("2026-03-01", zone),
  toSeconds: dayStartOf("2026-04-01", zone),
  registersMilliwattHours: [120_000_000n, 80_000_001n],
  exportMilliwattHours: 30_000_000n,
};

test("priceBill: a month by hand", () => {
  const bill = priceBill(input);
  assert.equal(bill.version, 1, "version 2 starts inside the window and waits for the next");
  assert.equal(bill.days, 31);
  const amounts = bill.lines.map((line) => [line.kind, line.amountE16]);
  assert.deepEqual(amounts, [
    ["energy", 385_800_000_000_000_000n], // 120 kWh × 0.3215
    ["energy", 168_000_002_100_000_000n], // 80.000001 kWh × 0.21
    ["standing-charge", 108_500_000_000_000_000n], // 31 × 0.35
    ["feed-in", -24_000_000_000_000_000n], // 30 kWh × 0.08
    ["tax", 132_460_000_420_000_000n], // 20 % of 66.23000021
  ]);
  assert.deepEqual([bill.amountMinor, bill.amount, bill.currency], [7708n, "77.08", "EUR"]);
  const end = addLocalDays(input.toSeconds, 30, zone);
  assert.equal(priceBill({ ...input, fromSeconds: input.toSeconds, toSeconds: end }).version, 2);
  const onTheDay = dayStartOf("2026-03-15", zone);
  assert.equal(priceBill({ ...input, fromSeconds: onTheDay }).version, 2);
  assert.equal(priceBill({ ...input, fromSeconds: addLocalDays(onTheDay, -1, zone) }).version, 1);
  const credit = priceBill({ ...input, exportMilliwattHours: 1_000_000_000n });
  assert.equal(credit.amount, "-0.52");
});

test("priceBill refuses", () => {
  const rows: [string, object][] = [
    ["TARIFF_WINDOW_INVALID", { toSeconds: input.fromSeconds }],
    ["TARIFF_WINDOW_INVALID", { fromSeconds: input.toSeconds, toSeconds: input.fromSeconds }],
    ["TARIFF_WINDOW_INVALID", { fromSeconds: input.fromSeconds + 3600 }],
    ["TARIFF_WINDOW_INVALID", { toSeconds: input.toSeconds - 1 }],
    ["TARIFF_WINDOW_INVALID", { zone: "Asia/Kathmandu" }],
    ["TARIFF_REGISTERS_MISMATCH", { registersMilliwattHours: [1n] }],
    ["TARIFF_REGISTERS_MISMATCH", { registersMilliwattHours: [1n, 2n, 3n] }],
    ["TARIFF_REGISTERS_MISMATCH", { registersMilliwattHours: [1n, -1n] }],
    ["TARIFF_REGISTERS_MISMATCH", { exportMilliwattHours: -1n }],
    ["TARIFF_NOT_IN_FORCE", { fromSeconds: dayStartOf("2025-12-31", zone) }],
    ["ZONE_UNKNOWN", { zone: "Nowhere" }],
  ];
  for (const [code, change] of rows) {
    assert.throws(() => priceBill({ ...input, ...change }), { code }, code);
  }
});

/** Fractions that never divide: the reference for every amount. */
type Fraction = readonly [bigint, bigint];
const plus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * d + c * b, b * d];
const times = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * c, b * d];

const register = fc.bigInt({ min: 0n, max: 2n ** 48n - 1n });
const price = fc.integer({ min: 0, max: 5_000_000 });
const anyPriced = fc.record({
  high: price,
  low: price,
  feedInMicroPerKilowattHour: price,
  standingChargeMicroPerDay: price,
  taxBasisPoints: fc.integer({ min: 0, max: 10_000 }),
  minorDigits: fc.integer({ min: 0, max: 4 }),
});

type Priced = typeof anyPriced extends fc.Arbitrary<infer T> ? T : never;
function tariffOf({ high, low, minorDigits, ...prices }: Priced) {
  const pricesMicroPerKilowattHour = { high, low };
  const versions = [{ ...version, ...prices, pricesMicroPerKilowattHour }];
  return parseTariff({ ...document, minorDigits, versions });
}

test("law: a bill is the reference in fractions, rounded once", () => {
  fc.assert(
    fc.property(anyPriced, register, register, register, (prices, high, low, exported) => {
      const bill = priceBill({
        ...input,
        tariff: tariffOf(prices),
        registersMilliwattHours: [high, low],
        exportMilliwattHours: exported,
      });
      const energy = (milliwattHours: bigint, micro: number): Fraction =>
        times([milliwattHours, 1_000_000n], [BigInt(micro), 1_000_000n]);
      const taxed = [
        energy(high, prices.high),
        energy(low, prices.low),
        times([31n, 1n], [BigInt(prices.standingChargeMicroPerDay), 1_000_000n]),
      ].reduce(plus);
      const withTax = times(taxed, [10_000n + BigInt(prices.taxBasisPoints), 10_000n]);
      const credit = energy(-exported, prices.feedInMicroPerKilowattHour);
      const [over, under] = plus(withTax, credit);
      // amountMinor is the integer nearest to over/under in minor units; on a tie the even one.
      const scaled = over * 10n ** BigInt(prices.minorDigits);
      const twiceError = 2n * (bill.amountMinor * under - scaled);
      assert.ok(twiceError <= under && twiceError >= -under);
      if (twiceError === under || twiceError === -under) assert.equal(bill.amountMinor % 2n, 0n);
      const sum = bill.lines.reduce((total, line) => total + line.amountE16, 0n);
      assert.equal(sum * under, over * 10n ** 16n, "the lines add up exactly");
    }),
    { numRuns: 200 },
  );
});

test("law: before rounding, bills of adjacent windows add up to the bill of both", () => {
  const exact = (from: number, to: number, registers: bigint[], exported: bigint, priced: Priced) =>
    priceBill({
      tariff: tariffOf(priced),
      zone,
      fromSeconds: from,
      toSeconds: to,
      registersMilliwattHours: registers,
      exportMilliwattHours: exported,
    }).lines.reduce((total, line) => total + line.amountE16, 0n);
  const four = fc.tuple(register, register, register, register);
  fc.assert(
    fc.property(anyPriced, four, fc.integer({ min: 1, max: 90 }), (priced, [a, b, c, d], days) => {
      const from = input.fromSeconds;
      const middle = addLocalDays(from, days, zone);
      const to = addLocalDays(middle, 30, zone);
      const parts = exact(from, middle, [a, b], c, priced) + exact(middle, to, [c, d], a, priced);
      assert.equal(parts, exact(from, to, [a + c, b + d], c + a, priced));
    }),
    { numRuns: 100 },
  );
});
