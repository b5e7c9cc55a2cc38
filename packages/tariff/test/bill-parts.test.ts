// A change of prices inside a billing window: bills by hand, what is not cut, and each interval at the
// prices of its own day, in fractions, as the slow reference.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  addLocalDays,
  bandsOf,
  dayStartOf,
  describeLine,
  localDate,
  parseTariff,
  priceBill,
  reRate,
  roundHalfEven,
  secondsOfBands,
  type Bill,
  type BillInput,
  type Tariff,
} from "../src/index.ts";

const zone = "Europe/Zurich";
const every = [1, 2, 3, 4, 5, 6, 7];
const until = (to: number) => ({ monthDays: { from: 1, to } });
/** High and low until the 15th, and from the 16th on. */
const halves = {
  id: "halves",
  bands: ["high-1", "low-1", "high-2", "low-2"],
  rules: [
    { weekdays: every, from: "00:00", to: "07:00", band: "low-1", ...until(15) },
    { weekdays: every, from: "07:00", to: "24:00", band: "high-1", ...until(15) },
    {
      weekdays: every,
      from: "07:00",
      to: "24:00",
      band: "high-2",
      monthDays: { from: 16, to: 31 },
    },
  ],
  defaultBand: "low-2",
};
/** A band for each ten days. */
const thirds = {
  id: "thirds",
  bands: ["early", "middle", "late"],
  rules: [
    { weekdays: every, from: "00:00", to: "24:00", band: "early", ...until(10) },
    {
      weekdays: every,
      from: "00:00",
      to: "24:00",
      band: "middle",
      monthDays: { from: 11, to: 20 },
    },
  ],
  defaultBand: "late",
};
const twoBands = {
  id: "two",
  bands: ["high", "low"],
  rules: [{ weekdays: every, from: "07:00", to: "24:00", band: "high" }],
  defaultBand: "low",
};
const plain = {
  validFrom: "2026-01-01",
  feedInMicroPerKilowattHour: 80_000,
  standingChargeMicroPerDay: 0,
  taxBasisPoints: 0,
};
const halfPrices = { "high-1": 200_000, "low-1": 100_000, "high-2": 300_000, "low-2": 150_000 };
const flatPrices = (price: number) =>
  Object.fromEntries(Object.keys(halfPrices).map((band) => [band, price]));
const tariffOf = (calendar: { bands: readonly string[] }, ...versions: object[]): Tariff =>
  parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "changing",
    currency: "CHF",
    minorDigits: 2,
    calendar,
    versions: versions.map((change, index) => ({
      ...plain,
      pricesMicroPerKilowattHour: Object.fromEntries(
        calendar.bands.map((band, place) => [band, 100_000 * (place + 1) + 10_000 * index]),
      ),
      version: index + 1,
      ...change,
    })),
  });
const july = {
  fromSeconds: dayStartOf("2026-07-01", zone),
  toSeconds: dayStartOf("2026-08-01", zone),
};
const kWh = 1_000_000n;
const windowOf = (
  tariff: Tariff,
  registers: readonly bigint[],
  change: object = {},
): BillInput => ({
  tariff,
  zone,
  ...july,
  registersMilliwattHours: registers,
  exportMilliwattHours: 0n,
  ...change,
});
const linesOf = (bill: Bill): string[][] =>
  bill.lines.map((line) => {
    const { text, quantity, price } = describeLine(bill, line);
    return [text, quantity, price];
  });
const partsOf = ({ parts }: Bill): [string, number][] =>
  parts.map(({ fromDate, version }) => [fromDate, version]);
const exactOf = ({ lines }: Pick<Bill, "lines">): bigint =>
  lines.reduce((sum, { amountE16 }) => sum + amountE16, 0n);
const registers = [100n * kWh, 50n * kWh, 80n * kWh, 40n * kWh];

test("priceBill: a month with a change on its 16th, by hand", () => {
  const tariff = tariffOf(
    halves,
    { pricesMicroPerKilowattHour: halfPrices, standingChargeMicroPerDay: 100_000 },
    {
      validFrom: "2026-07-16",
      pricesMicroPerKilowattHour: flatPrices(400_000),
      standingChargeMicroPerDay: 200_000,
      taxBasisPoints: 1000,
    },
  );
  const bill = priceBill(windowOf(tariff, registers, { exportMilliwattHours: 10n * kWh }));
  assert.deepEqual(linesOf(bill), [
    ["Energy, high-1 (from 2026-07-01)", "100.000000 kWh", "0.20 CHF/kWh"],
    ["Energy, low-1 (from 2026-07-01)", "50.000000 kWh", "0.10 CHF/kWh"],
    ["Standing charge (from 2026-07-01)", "15 days", "0.10 CHF/day"],
    ["Feed-in, credited (from 2026-07-01)", "10.000000 kWh", "0.08 CHF/kWh"],
    ["Tax on energy and standing charge (from 2026-07-01)", "", "0.00 %"],
    ["Energy, high-2 (from 2026-07-16)", "80.000000 kWh", "0.40 CHF/kWh"],
    ["Energy, low-2 (from 2026-07-16)", "40.000000 kWh", "0.40 CHF/kWh"],
    ["Standing charge (from 2026-07-16)", "16 days", "0.20 CHF/day"],
    ["Tax on energy and standing charge (from 2026-07-16)", "", "10.00 %"],
  ]);
  // 20 + 5 + 1.50 − 0.80, and (32 + 16 + 3.20) with a tenth.
  assert.deepEqual([bill.amount, bill.version, bill.days], ["82.02", 1, 31]);
  assert.deepEqual(bill.counted, [
    { ...july, registersMilliwattHours: registers, exportMilliwattHours: 10n * kWh },
  ]);
});

test("where a window is cut, and where a version takes effect with the next", () => {
  const on = (validFrom: string, change: object = {}) => ({ validFrom, ...change });
  const cost = {
    prices: "spot",
    stepSeconds: 3600,
    priceStepMicro: 1,
    floorMicroPerKilowattHour: 0,
  };
  const spot = { id: "spot", bands: ["all"], rules: [], defaultBand: "all", cost };
  const fallback = { costFallbackMicroPerKilowattHour: 1 };
  const whole: [string, number][] = [["2026-07-01", 1]];
  const fed = { feedInMicroPerKilowattHour: 90_000 };
  const special = { ...halves, specialDays: [{ date: "2026-07-20", rules: [day("low-1")] }] };
  const rows: [string, Tariff, object, [string, number][]][] = [
    ["the 16th", tariffOf(halves, {}, on("2026-07-16")), {}, [...whole, ["2026-07-16", 2]]],
    ["the 15th", tariffOf(halves, {}, on("2026-07-15")), {}, whole],
    ["the 17th", tariffOf(halves, {}, on("2026-07-17")), {}, whole],
    ["the window's first day", tariffOf(halves, {}, on("2026-07-01")), {}, [["2026-07-01", 2]]],
    ["the day after it", tariffOf(halves, {}, on("2026-08-01")), {}, whole],
    ["two bands", tariffOf(twoBands, {}, on("2026-07-16")), {}, whole],
    ["export at another price", tariffOf(halves, {}, on("2026-07-16", fed)), {}, whole],
    ["a special day in an early band", tariffOf(special, {}, on("2026-07-16")), {}, whole],
    ["a cost", tariffOf(spot, fallback, on("2026-07-16", fallback)), { cost: 1n }, whole],
    ["no cost shown", tariffOf(spot, fallback, on("2026-07-16", fallback)), {}, whole],
    [
      "two months",
      tariffOf(halves, {}, on("2026-07-16")),
      { toSeconds: dayStartOf("2026-09-01", zone) },
      whole,
    ],
    [
      "a month from the 16th on: bands turn at its middle, too",
      tariffOf(halves, {}, on("2026-08-01")),
      { fromSeconds: dayStartOf("2026-07-16", zone), toSeconds: dayStartOf("2026-08-16", zone) },
      [
        ["2026-07-16", 1],
        ["2026-08-01", 2],
      ],
    ],
    [
      "two changes",
      tariffOf(thirds, {}, on("2026-07-11"), on("2026-07-21")),
      {},
      [...whole, ["2026-07-11", 2], ["2026-07-21", 3]],
    ],
    [
      "two changes, the first between the days of a band",
      tariffOf(thirds, {}, on("2026-07-10"), on("2026-07-21")),
      {},
      [...whole, ["2026-07-21", 3]],
    ],
    [
      "two changes, the second at another price for export",
      tariffOf(thirds, {}, on("2026-07-11"), on("2026-07-21", fed)),
      {},
      [...whole, ["2026-07-11", 2]],
    ],
    [
      "and back at the old one",
      tariffOf(thirds, {}, on("2026-07-11", fed), on("2026-07-21")),
      {},
      [...whole, ["2026-07-21", 3]],
    ],
  ];
  for (const [name, tariff, change, expected] of rows) {
    const counts = tariff.calendar.bands.map((_, band) => BigInt(7 + band) * kWh);
    const input = windowOf(tariff, counts, change);
    const bill = priceBill(input);
    assert.deepEqual(partsOf(bill), expected, name);
    // Not cut: as if the later versions did not exist.
    if (expected.length === 1) {
      const versions = tariff.versions.filter(({ version }) => version === expected[0]?.[1]);
      assert.deepEqual(priceBill({ ...input, tariff: { ...tariff, versions } }), bill, name);
    }
    const sums = tariff.calendar.bands.map((_, band) =>
      bill.parts.reduce((sum, part) => sum + (part.registersMilliwattHours[band] ?? 0n), 0n),
    );
    assert.deepEqual(sums, counts, name);
    assert.equal(
      bill.days,
      bill.parts.reduce((sum, { days }) => sum + days, 0),
    );
  }
  const first = tariffOf(halves, on("2026-07-16"));
  assert.throws(() => priceBill(windowOf(first, registers)), { code: "TARIFF_NOT_IN_FORCE" });
});

function day(band: string): object {
  return { from: "00:00", to: "24:00", band };
}

test("time after a window's end counts where its band holds, or in the last part", () => {
  const summer = { name: "august", from: "08-01", to: "08-31" };
  const seasonal = {
    ...thirds,
    bands: [...thirds.bands, "august"],
    rules: [
      ...thirds.rules.map((rule) => ({ ...rule, seasons: ["july"] })),
      { weekdays: every, from: "00:00", to: "24:00", band: "august", seasons: ["august"] },
    ],
    seasons: [summer, { name: "july", from: "07-01", to: "07-31" }],
  };
  const tariff = tariffOf(seasonal, {}, { validFrom: "2026-07-11" });
  const { parts } = priceBill(windowOf(tariff, [1n, 2n, 3n, 4n]));
  assert.deepEqual(
    parts.map((part) => part.registersMilliwattHours),
    [
      [1n, 0n, 0n, 0n],
      [0n, 2n, 3n, 4n],
    ],
  );
});

test("reRate: a change that was published late cuts the window, and its notes add up", () => {
  const old = { pricesMicroPerKilowattHour: halfPrices, standingChargeMicroPerDay: 100_000 };
  const issued = priceBill(windowOf(tariffOf(halves, old), registers));
  const late = tariffOf(halves, old, {
    ...old,
    validFrom: "2026-07-16",
    pricesMicroPerKilowattHour: { ...halfPrices, "high-2": 250_000 },
  });
  const note = reRate(issued, late);
  assert.ok(note);
  assert.deepEqual(
    note.lines.map(({ text, quantity, price, issuedE16, dueE16 }) => [
      text,
      quantity,
      price,
      (dueE16 - issuedE16) / 10n ** 14n,
    ]),
    [
      [
        "Energy, high-2 (from 2026-07-16)",
        "80.000000 kWh",
        "0.25 CHF/kWh instead of 0.30 CHF/kWh",
        -400n,
      ],
      ["Standing charge (from 2026-07-01)", "15 days", "0.10 CHF/day", -160n],
      ["Standing charge (from 2026-07-16)", "16 days", "0.10 CHF/day", 160n],
    ],
  );
  assert.deepEqual([note.amount, note.corrected.version], ["-4.00", 1]);
  const due = priceBill(windowOf(late, registers));
  assert.deepEqual(note.corrected, due);
  assert.equal(reRate(due, late), undefined, "once");
  const back = reRate(due, tariffOf(halves, old));
  assert.deepEqual(back?.corrected, issued, "a change that never was");
});

/** Prices in fractions of 10^-6 a kWh: mWh × price × 10^4 is 10^-16 of the unit. */
function slowMinor(tariff: Tariff, energies: readonly bigint[], step: number): bigint {
  const versionAt = (seconds: number) => {
    const date = localDate(seconds, zone);
    return tariff.versions.findLast(({ validFrom }) => validFrom <= date) ?? assert.fail();
  };
  const bands = bandsOf(tariff.calendar, july.fromSeconds, step, energies.length, zone);
  let e20 = 0n;
  energies.forEach((energy, index) => {
    const version = versionAt(july.fromSeconds + index * step);
    const band = tariff.calendar.bands[bands[index] ?? 0] ?? "";
    const price = version.pricesMicroPerKilowattHour[band] ?? assert.fail();
    const taxed = BigInt(10_000 + version.taxBasisPoints);
    e20 += energy * BigInt(price) * 10_000n * taxed;
  });
  for (let at = july.fromSeconds; at < july.toSeconds; at = addLocalDays(at, 1, zone)) {
    const version = versionAt(at);
    const taxed = BigInt(10_000 + version.taxBasisPoints);
    e20 += BigInt(version.standingChargeMicroPerDay) * 10n ** 10n * taxed;
  }
  return roundHalfEven(e20, 10n ** 18n);
}

const anyVersion = (bands: readonly string[]) =>
  fc.record({
    pricesMicroPerKilowattHour: fc
      .array(fc.nat(900_000), { minLength: bands.length, maxLength: bands.length })
      .map((prices) => Object.fromEntries(bands.map((band, index) => [band, prices[index] ?? 0]))),
    standingChargeMicroPerDay: fc.nat(500_000),
    taxBasisPoints: fc.nat(2500),
  });
const anyChange = fc
  .constantFrom(
    { calendar: halves, dates: ["2026-07-16"] },
    { calendar: thirds, dates: ["2026-07-11"] },
    { calendar: thirds, dates: ["2026-07-21"] },
    { calendar: thirds, dates: ["2026-07-11", "2026-07-21"] },
  )
  .chain(({ calendar, dates }) =>
    fc
      .tuple(anyVersion(calendar.bands), anyVersion(calendar.bands), anyVersion(calendar.bands))
      .map((versions) =>
        tariffOf(
          calendar,
          ...["2026-01-01", ...dates].map((validFrom, index) => ({
            validFrom,
            ...versions[index],
          })),
        ),
      ),
  );

test("law: a window cut where prices change costs each interval at the prices of its day", () => {
  const hours = (july.toSeconds - july.fromSeconds) / 3600;
  const anyHours = fc.array(fc.bigInt({ min: 0n, max: 9_000_000n }), {
    minLength: hours,
    maxLength: hours,
  });
  fc.assert(
    fc.property(anyChange, anyHours, (tariff, energies) => {
      const counts = tariff.calendar.bands.map(() => 0n);
      const bands = bandsOf(tariff.calendar, july.fromSeconds, 3600, hours, zone);
      energies.forEach((energy, hour) => {
        counts[bands[hour] ?? 0] = (counts[bands[hour] ?? 0] ?? 0n) + energy;
      });
      const bill = priceBill(windowOf(tariff, counts));
      assert.equal(bill.parts.length, tariff.versions.length);
      assert.equal(bill.amountMinor, slowMinor(tariff, energies, 3600));
    }),
    { numRuns: 40 },
  );
});

test("law: parts add up, each band is in one alone, and a bill and its note are the bill as due", () => {
  const anyDate = fc
    .integer({ min: -5, max: 35 })
    .map((at) => localDate(addLocalDays(july.fromSeconds, at, zone), zone));
  const anyDates = fc.uniqueArray(fc.oneof(fc.constantFrom("2026-07-11", "2026-07-16"), anyDate), {
    minLength: 1,
    maxLength: 3,
  });
  const anyCounts = fc.array(fc.bigInt({ min: 0n, max: 900n * kWh }), {
    minLength: 4,
    maxLength: 4,
  });
  const anyCalendar = fc.constantFrom(halves, thirds, twoBands);
  let cut = 0;
  fc.assert(
    fc.property(
      anyCalendar,
      anyDates,
      anyCounts,
      fc.nat(100),
      (calendar, dates, counts, exported) => {
        const versions = dates.toSorted().map((validFrom) => ({ validFrom }));
        const tariff = tariffOf(calendar, {}, ...versions);
        const own = counts.slice(0, calendar.bands.length);
        const bill = priceBill(windowOf(tariff, own, { exportMilliwattHours: BigInt(exported) }));
        const { parts } = bill;
        assert.equal(parts[0]?.fromSeconds, july.fromSeconds);
        assert.equal(parts.at(-1)?.toSeconds, july.toSeconds);
        parts.slice(1).forEach(({ fromSeconds }, index) => {
          assert.equal(fromSeconds, parts[index]?.toSeconds);
        });
        assert.equal(
          parts.reduce((sum, part) => sum + part.exportMilliwattHours, 0n),
          BigInt(exported),
        );
        own.forEach((count, band) => {
          const holds = parts.map((part) => {
            const seconds = secondsOfBands(tariff.calendar, part, zone)[band] ?? 0;
            const counted = part.registersMilliwattHours[band] ?? 0n;
            assert.equal(counted, seconds > 0 ? count : 0n);
            return seconds > 0;
          });
          assert.equal(holds.filter(Boolean).length, 1);
        });
        if (parts.length > 1) cut += 1;
        const [version] = tariff.versions;
        assert.ok(version);
        const before = priceBill({
          ...windowOf(tariff, own),
          tariff: { ...tariff, versions: [version] },
        });
        const note = reRate(before, tariff);
        const due = priceBill(windowOf(tariff, own));
        if (note === undefined) return assert.equal(exactOf(before), exactOf(due));
        assert.deepEqual(note.corrected, due);
        const differences = note.lines.reduce((sum, { amountE16 }) => sum + amountE16, 0n);
        assert.equal(exactOf(before) + differences, exactOf(due));
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(cut > 10, `${cut} windows cut`);
});
