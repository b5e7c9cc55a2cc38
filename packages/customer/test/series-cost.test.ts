/**
 * What hours and days cost: over a window they add up to the bill, by the code that bills, and rows of exported files add up to them
 * (docs/protocol.md §11).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  billedPlans,
  calendarSpans,
  csvOf,
  greenButtonXml,
  importPriceE16,
  listReadings,
  planCosts,
  runningBill,
  spanCost,
  type BillingTerms,
  type Quality,
  type Reading,
  type ReadingRun,
  type ReadingSeries,
  type SpanCost,
} from "@smarter-metering/customer";
import { QUALITIES } from "@smarter-metering/readings";
import {
  addLocalDays,
  bandAt,
  costOf,
  dayStartOf,
  parseDynamicPrices,
  parseTariff,
  priceBill,
  roundExact,
  wrapCost,
  type Bill,
  type Tariff,
} from "@smarter-metering/tariff";
import { costTerms, hourlyTariff, priceAt } from "./hourly.ts";
import { tariffDocument, zone } from "./tariff.ts";

/** 31 days, of which one has 23 hours. */
const window = { from: dayStartOf("2026-03-01", zone), to: dayStartOf("2026-04-01", zone) };

/** Night and weekend, and the 1st to the 15th apart, so that a version can take effect on the 16th. */
const calendar = {
  id: "halves",
  bands: ["early-day", "early-night", "late-day", "late-night"],
  rules: [
    ...["early", "late"].map((half, late) => ({
      weekdays: [1, 2, 3, 4, 5],
      from: "06:00",
      to: "22:00",
      band: `${half}-day`,
      monthDays: late === 0 ? { from: 1, to: 15 } : { from: 16, to: 31 },
    })),
    ...["06:00 22:00 6", "00:00 06:00 1", "22:00 24:00 1"].map((text) => {
      const [from = "", to = "", first] = text.split(" ");
      const weekdays = first === "6" ? [6, 7] : [1, 2, 3, 4, 5, 6, 7];
      return { weekdays, from, to, band: "late-night", monthDays: { from: 16, to: 31 } };
    }),
  ],
  defaultBand: "early-night",
};

const micro = fc.integer({ min: 0, max: 900_000 });

const version = fc.record(
  {
    prices: fc.tuple(micro, micro, micro, micro),
    feedInMicroPerKilowattHour: fc.constant(81_234),
    standingChargeMicroPerDay: micro,
    taxBasisPoints: fc.integer({ min: 0, max: 2500 }),
    standingChargeMicroPerMonth: micro,
    minimumChargeMicroPerDay: fc.integer({ min: 1, max: 9_000_000 }),
    tiers: fc.constant({
      thresholdDays: 30,
      steps: [
        { upTo_mWh: 50_000_000, priceMicroPerKilowattHour: 10_000 },
        { priceMicroPerKilowattHour: 30_000 },
      ],
    }),
    taxes: fc.constant([
      { name: "levy", microPerKilowattHour: 20_501 },
      { name: "on all", basisPoints: 333, on: ["energy", "standing", "levies"] },
    ]),
    credits: fc.constantFrom(
      [{ name: "daily", microPerDay: 5_000 }],
      [{ name: "once", microPerBill: 3_000_000 }],
    ),
  },
  {
    requiredKeys: [
      "prices",
      "feedInMicroPerKilowattHour",
      "standingChargeMicroPerDay",
      "taxBasisPoints",
    ],
  },
);

/** Every other one without what is not attributable. */
const tariffs = fc
  .tuple(version, version, fc.constantFrom("2026-03-16", "2026-03-10", "2026-05-01"), fc.boolean())
  .map(([first, second, validFrom, isSimple]): Tariff => {
    const tariff = parseTariff({
      kind: "smarter-metering/tariff",
      tariff: "any",
      currency: "EUR",
      minorDigits: 2,
      calendar,
      versions: [first, second].map(({ prices, ...rest }, index) => ({
        version: index + 1,
        validFrom: index === 0 ? "2025-01-01" : validFrom,
        pricesMicroPerKilowattHour: Object.fromEntries(
          calendar.bands.map((band, place) => [band, prices[place]]),
        ),
        ...rest,
      })),
    });
    return isSimple ? stripped(tariff) : tariff;
  });

const stripped = (tariff: Tariff): Tariff => ({
  ...tariff,
  versions: tariff.versions.map(({ tiers: _, minimumChargeMicroPerDay: _minimum, ...rest }) => ({
    ...rest,
    credits: (rest.credits ?? []).filter((credit) => "microPerDay" in credit),
  })),
});

/** A reading each hour, or each quarter, with a gap. */
const seriesIn = fc
  .record({
    seed: fc.integer({ min: 1, max: 99_999 }),
    intervalSeconds: fc.constantFrom(900, 3600),
    gap: fc.nat(500),
  })
  .map(({ seed, intervalSeconds, gap }): ReadingRun[] => {
    const from = window.from - 86_400;
    const count = (window.to - from + 86_400) / intervalSeconds;
    const run = (first: number, end: number): ReadingRun => ({
      startSeconds: from + first * intervalSeconds,
      intervalSeconds,
      importMilliwattHours: Uint32Array.from(
        { length: end - first },
        (_, index) => ((first + index) * seed) % 700_001,
      ),
      exportMilliwattHours: Uint32Array.from(
        { length: end - first },
        (_, index) => (index * seed) % 7_001,
      ),
      quality: new Uint8Array(end - first),
    });
    return [run(0, 100), run(100 + gap, count)];
  });

const exact = ({ lines }: Bill): bigint => lines.reduce((sum, line) => sum + line.amountE16, 0n);

const total = ({ importE16, exportE16, standingE16 = 0n }: SpanCost): bigint =>
  importE16 + exportE16 + standingE16;

/** By single readings. */
function billOf(
  { tariff, zone: place, window: { from, to } }: BillingTerms,
  series: ReadingSeries,
): Bill {
  const registers = tariff.calendar.bands.map(() => 0n);
  let exported = 0n;
  for (const reading of listReadings(series)) {
    const { startSeconds, importMilliwattHours, exportMilliwattHours } = reading;
    if (startSeconds < from || startSeconds >= to) continue;
    const band = bandAt(tariff.calendar, startSeconds, place);
    registers[band] = (registers[band] ?? 0n) + BigInt(importMilliwattHours);
    exported += BigInt(exportMilliwattHours);
  }
  return priceBill({
    tariff,
    zone: place,
    fromSeconds: from,
    toSeconds: to,
    registersMilliwattHours: registers,
    exportMilliwattHours: exported,
  });
}

test("days add up to the bill, to the last 10⁻¹⁶, less what no day can be given", () => {
  let [cut, whole] = [0, 0];
  const law = fc.property(tariffs, seriesIn, (tariff, series) => {
    const terms = { tariff, zone, window };
    const plan = planCosts(terms);
    const bill = billOf(terms, series);
    const days = calendarSpans("day", window, zone).map((day) => spanCost(plan, series, day));
    const sum = days.reduce((all, day) => all + total(day), 0n);
    assert.equal(sum, exact(billOf({ ...terms, tariff: stripped(tariff) }, series)));
    assert.equal(sum, total(spanCost(plan, series, window)));
    const hours = calendarSpans("hour", window, zone).map((hour) => spanCost(plan, series, hour));
    for (const key of ["importE16", "exportE16"] as const) {
      assert.equal(
        hours.reduce((all, hour) => all + hour[key], 0n),
        days.reduce((all, day) => all + day[key], 0n),
      );
    }
    if (bill.parts.length > 1) cut += 1;
    if (plan.notAttributable.length > 0) return;
    whole += 1;
    assert.equal(sum, exact(bill));
  });
  fc.assert(law, { numRuns: 30 });
  assert(cut > 0 && whole > 0, `seen: ${cut} cut windows, ${whole} whole bills`);
});

test("the import of a span is each reading at the price of its moment", () => {
  const law = fc.property(tariffs, seriesIn, (tariff, series) => {
    const plan = planCosts({ tariff, zone, window });
    const span = { from: window.from + 10 * 86_400, to: window.from + 20 * 86_400 + 1 };
    const inside = listReadings(series).filter(
      ({ startSeconds }) => startSeconds >= span.from && startSeconds < span.to,
    );
    const expected = inside.reduce(
      (sum, { startSeconds, importMilliwattHours }) =>
        sum + BigInt(importMilliwattHours) * (importPriceE16(plan, startSeconds) ?? -1n),
      0n,
    );
    const found = spanCost(plan, series, span);
    assert.equal(found.importE16, expected);
    assert.equal(found.standingE16, undefined); // Not of whole days.
  });
  fc.assert(law, { numRuns: 10 });
});

test("what is not attributable has a name; what is outside the window costs nothing", () => {
  const [tariff] = fc.sample(tariffs, { numRuns: 1, seed: 7 });
  assert(tariff !== undefined);
  const versions = stripped(tariff).versions.slice(0, 1);
  const plan = planCosts({ tariff: { ...tariff, versions }, zone, window });
  assert.deepEqual(plan.notAttributable, []);
  const named = versions.map((each) => ({
    ...each,
    minimumChargeMicroPerDay: 1,
    tiers: { thresholdDays: 30, steps: [{ priceMicroPerKilowattHour: 1 }] } as const,
    credits: [{ name: "once", microPerBill: 1 }],
  }));
  assert.deepEqual(
    planCosts({ tariff: { ...tariff, versions: named }, zone, window }).notAttributable,
    ["tiers", "minimum-charge", "credit-per-bill"],
  );
  const [series] = fc.sample(seriesIn, { numRuns: 1, seed: 7 });
  assert(series !== undefined);
  const before = spanCost(plan, series, { from: window.from - 86_400, to: window.from });
  assert.equal(total(before), 0n);
  assert.equal(importPriceE16(plan, window.to), undefined);
  const noon = { from: window.from + 1, to: window.to };
  assert.throws(() => planCosts({ tariff, zone, window: noon }), { code: "TARIFF_WINDOW_INVALID" });
  const early = { from: dayStartOf("2024-01-01", zone), to: dayStartOf("2024-02-01", zone) };
  assert.throws(() => planCosts({ tariff, zone, window: early }), { code: "TARIFF_NOT_IN_FORCE" });
  const odd: ReadingRun = {
    startSeconds: window.from + 1800,
    intervalSeconds: 3600,
    importMilliwattHours: new Uint32Array(40),
    exportMilliwattHours: new Uint32Array(40),
    quality: new Uint8Array(40),
  };
  const code = "TARIFF_BOUNDARY_INSIDE_INTERVAL";
  assert.throws(() => spanCost(plan, [odd], window), { code });
  const hourly = planCosts({ tariff: hourlyTariff(costTerms), zone, window, prices: [] });
  assert.throws(() => spanCost(hourly, [odd], window), { code });
});

// Prices that change by the hour.

const hourly = hourlyTariff(costTerms);
const priceDocument = (hours: number) =>
  parseDynamicPrices({
    kind: "smarter-metering/prices",
    ...costTerms,
    currency: "EUR",
    startSeconds: window.from,
    pricesMicroPerKilowattHour: Array.from({ length: hours }, (_, hour) =>
      priceAt(window.from + 3600 * hour),
    ),
  });
const HOURS = (window.to - window.from) / 3600;

test("with a price for each hour the days add up to the bill as well, negative prices and all", () => {
  const prices = [priceDocument(HOURS)];
  const plan = planCosts({ tariff: hourly, zone, window, prices });
  const law = fc.property(seriesIn, (series) => {
    const inside = listReadings(series).filter(
      ({ startSeconds }) => startSeconds >= window.from && startSeconds < window.to,
    );
    const sum = (of: "importMilliwattHours" | "exportMilliwattHours"): bigint =>
      inside.reduce((all, reading) => all + BigInt(reading[of]), 0n);
    const cost = inside.reduce((all, reading) => {
      const energiesMilliwattHours = [reading.importMilliwattHours];
      const { startSeconds: fromSeconds, intervalSeconds } = reading;
      return all + costOf(prices, { energiesMilliwattHours, fromSeconds, intervalSeconds });
    }, 0n);
    const bill = priceBill({
      tariff: hourly,
      zone,
      fromSeconds: window.from,
      toSeconds: window.to,
      registersMilliwattHours: [sum("importMilliwattHours")],
      exportMilliwattHours: sum("exportMilliwattHours"),
      cost: wrapCost(cost),
    });
    const days = calendarSpans("day", window, zone).map((day) => spanCost(plan, series, day));
    assert.equal(
      days.reduce((all, day) => all + total(day), 0n),
      exact(bill),
    );
    assert.deepEqual(
      runningBill({ tariff: hourly, zone, window, prices }, series, window.to).bill,
      bill,
    );
  });
  fc.assert(law, { numRuns: 4 });
});

test("import whose price is not known is counted, not priced; the running bill falls back and says so", () => {
  const prices = [priceDocument(24)];
  const terms = { tariff: hourly, zone, window, prices };
  const plan = planCosts(terms);
  const run: ReadingRun = {
    startSeconds: window.from,
    intervalSeconds: 3600,
    importMilliwattHours: new Uint32Array(30).fill(1000),
    exportMilliwattHours: new Uint32Array(30),
    quality: new Uint8Array(30),
  };
  const cost = spanCost(plan, [run], window);
  assert.equal(cost.unpricedMilliwattHours, 6000);
  assert.equal(
    cost.importE16,
    spanCost(plan, [run], { from: window.from, to: window.from + 86_400 }).importE16,
  );
  const kinds = (until: number) =>
    runningBill(terms, [run], until)
      .bill.lines.map(({ kind }) => kind)
      .filter((kind) => kind.startsWith("cost"));
  assert.deepEqual(kinds(dayStartOf("2026-03-02", zone)), ["cost"]);
  assert.deepEqual(kinds(dayStartOf("2026-03-03", zone)), ["cost-fallback"]);
});

test("the bill so far is the bill of the elapsed days, under the versions that the whole window has", () => {
  const law = fc.property(
    tariffs,
    seriesIn,
    fc.integer({ min: 1, max: 31 }),
    (tariff, series, days) => {
      const until = calendarSpans("day", window, zone)[days - 1]?.to ?? window.to;
      const terms = { tariff, zone, window };
      const { bill, coverage } = runningBill(terms, series, until);
      const versions = new Set(billOf(terms, series).parts.map((part) => part.version));
      assert(bill.parts.every(({ version: used }) => versions.has(used)));
      assert.equal(bill.days, days);
      const { measuredSeconds, missingSeconds } = coverage;
      assert.equal(measuredSeconds + missingSeconds, until - window.from);
      if (until === window.to) assert.deepEqual(bill, billOf(terms, series));
    },
  );
  fc.assert(law, { numRuns: 30 });
  const [tariff] = fc.sample(tariffs, { numRuns: 1, seed: 7 });
  assert(tariff !== undefined);
  assert.throws(() => runningBill({ tariff, zone, window }, [], window.from + 1), {
    code: "TARIFF_WINDOW_INVALID",
  });
});

test("a version that the whole window delays is not in force on its first day, though until then nothing speaks against it", () => {
  const prices = { pricesMicroPerKilowattHour: { week: 200_000, weekend: 100_000 } };
  const rest = { feedInMicroPerKilowattHour: 0, standingChargeMicroPerDay: 0, taxBasisPoints: 0 };
  const tariff = parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "weekends",
    currency: "EUR",
    minorDigits: 2,
    calendar: {
      id: "weekends",
      bands: ["week", "weekend"],
      rules: [{ weekdays: [6, 7], from: "00:00", to: "24:00", band: "weekend" }],
      defaultBand: "week",
    },
    versions: [
      { version: 1, validFrom: "2026-01-01", ...prices, ...rest },
      { version: 2, validFrom: "2026-06-06", ...prices, ...rest },
    ],
  });
  const [monday, sunday] = [dayStartOf("2026-06-01", zone), dayStartOf("2026-06-07", zone)];
  const versionsOf = (to: string): number[] => {
    const terms = { tariff, zone, window: { from: monday, to: dayStartOf(to, zone) } };
    return runningBill(terms, [], sunday).bill.parts.map((part) => part.version);
  };
  assert.deepEqual(versionsOf("2026-07-01"), [1]);
  assert.deepEqual(versionsOf("2026-06-08"), [1, 2]);
});

// Ranges of several windows, and the files that a customer takes along.

const spanOfDays = (first: string, end: string) => {
  return { from: dayStartOf(first, zone), to: dayStartOf(end, zone) };
};

/** Dearer from the 11th of November on: no band tells its days apart, so it takes effect with the next window. */
const dearer: Tariff = parseTariff({
  ...tariffDocument,
  versions: tariffDocument.versions.flatMap((version) => [
    { ...version, taxes: [{ name: "levy", microPerKilowattHour: 20_501 }] },
    {
      ...version,
      version: 2,
      validFrom: "2018-11-11",
      pricesMicroPerKilowattHour: { day: 333_333, night: 222_222 },
      taxBasisPoints: 1234,
    },
  ]),
});
/** Of two bills, with a week between them that nobody has billed. */
const billed = [spanOfDays("2018-10-22", "2018-11-19"), spanOfDays("2018-11-26", "2018-12-03")].map(
  (window) => ({ tariff: dearer, zone, window }),
);
/** The same windows, by prices that are below zero in some hours. */
const hourPrices = parseDynamicPrices({
  kind: "smarter-metering/prices",
  ...costTerms,
  currency: "EUR",
  startSeconds: dayStartOf("2018-10-01", zone),
  pricesMicroPerKilowattHour: Array.from({ length: 24 * 92 }, (_, hour) => priceAt(3600 * hour)),
});
const billedByHour = billed.map((terms) => ({ ...terms, tariff: hourly, prices: [hourPrices] }));

test("a range has the plan of each of its windows, and the same ones whatever the range", () => {
  const windowsOf = (first: string, end: string) =>
    billedPlans(billed, spanOfDays(first, end)).map(({ window }) => window);
  const all = [
    spanOfDays("2018-10-01", "2018-10-22"),
    spanOfDays("2018-10-22", "2018-11-19"),
    spanOfDays("2018-11-19", "2018-11-26"),
    spanOfDays("2018-11-26", "2018-12-03"),
    spanOfDays("2018-12-03", "2019-01-01"),
    spanOfDays("2019-01-01", "2019-02-01"),
  ];
  assert.deepEqual(windowsOf("2018-10-05", "2019-01-02"), all);
  assert.deepEqual(windowsOf("2018-11-20", "2018-11-21"), all.slice(2, 3));
  assert.deepEqual(windowsOf("2018-12-24", "2018-12-25"), all.slice(4, 5));
  // A statement's window inside another's is left out; before its first version a tariff has no price.
  const span = spanOfDays("2018-10-22", "2018-11-19");
  const doubled = [...billed.slice(0, 1), ...billed];
  assert.deepEqual(billedPlans(doubled, span), billedPlans(billed, span));
  assert.deepEqual(windowsOf("2017-06-01", "2017-07-01"), []);
  assert.deepEqual(billedPlans([], span), []);
});

test("law: what intervals cost adds up to the cost of their span, in a table exactly, in a feed to half a unit a day", async () => {
  const slot = fc.record({
    importMilliwattHours: fc.nat(400_000),
    exportMilliwattHours: fc.nat(3_000),
    quality: fc.constantFrom<Quality>("valid", "valid", "estimated", "missing"),
  });
  const days = fc.record({
    terms: fc.constantFrom(billed, billedByHour),
    // Before, at and between borders of windows, and where the clocks change.
    date: fc.constantFrom("2018-10-20", "2018-10-27", "2018-11-10", "2018-11-17", "2018-11-24"),
    slots: fc.array(slot, { minLength: 90, maxLength: 400, size: "max" }),
    gap: fc.nat(80),
  });
  let [windows, blocks] = [0, 0];
  const law = fc.asyncProperty(days, async ({ terms, date, slots, gap }) => {
    const from = dayStartOf(date, zone);
    const readings = slots.flatMap(({ quality, ...energies }, index): Reading[] => {
      const known = quality === "missing" ? {} : energies;
      const nothing = { importMilliwattHours: 0, exportMilliwattHours: 0 };
      const startSeconds = from + 900 * index;
      const reading = { startSeconds, intervalSeconds: 900, ...nothing, ...known, quality };
      return index >= 5 && index < 5 + gap ? [] : [reading];
    });
    const to = addLocalDays(from + 900 * slots.length, 1, zone);
    const ranged = billedPlans(terms, { from, to });
    if (ranged.length > 1) windows += 1;
    const costOf = (span: { from: number; to: number }) => {
      const costs = ranged.map((plan) => spanCost(plan, readings.map(runOf), span));
      return {
        importE16: costs.reduce((sum, { importE16 }) => sum + importE16, 0n),
        exportE16: costs.reduce((sum, { exportE16 }) => sum + exportE16, 0n),
      };
    };
    const rows = [...csvOf({ readings, zone, plans: ranged })].join("").trimEnd().split("\n");
    const sum = rows.slice(1).reduce((all, row) => all + exactOf(row.split(",").at(-1)), 0n);
    const { importE16, exportE16 } = costOf({ from, to });
    assert.equal(sum, importE16 + exportE16);
    if (readings.every(({ quality }) => quality === "missing")) return;
    let feed = "";
    for await (const chunk of greenButtonXml({ readings, zone, plans: ranged })) feed += chunk;
    const channels = feed.split("<MeterReading ").slice(1);
    for (const [at, direction] of (["importE16", "exportE16"] as const).entries()) {
      for (const block of (channels[at] ?? "").split("<IntervalBlock ").slice(1)) {
        const [, seconds = "", start = ""] =
          /<interval><duration>(\d+)<\/duration><start>(\d+)/.exec(block) ?? [];
        const exact = costOf({ from: Number(start), to: Number(start) + Number(seconds) });
        const costs = [...block.matchAll(/<cost>(-?\d+)</g)].map(([, cost]) => BigInt(cost ?? ""));
        const told = costs.reduce((total, cost) => total + cost, 0n);
        assert.equal(told, roundExact(exact[direction], 5));
        if (costs.length > 1) blocks += 1;
      }
    }
  });
  await fc.assert(law, { numRuns: 40 });
  assert(windows > 0 && blocks > 100, `seen: ${windows} ranges, ${blocks} blocks`);
});

const runOf = ({ quality, ...reading }: Reading): ReadingRun => ({
  ...reading,
  importMilliwattHours: Uint32Array.of(reading.importMilliwattHours),
  exportMilliwattHours: Uint32Array.of(reading.exportMilliwattHours),
  quality: Uint8Array.of(QUALITIES.indexOf(quality)),
});

/** "-0.05" in 10⁻¹⁶. */
function exactOf(text = ""): bigint {
  const [whole = "", fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(16, "0")) * (text === "" ? 0n : 1n);
}
