// Laws of exactness: intervals add up to the register, and what is written is read back
// identically.
import { strict as assert } from "node:assert";
import { createReadStream, existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createGunzip, gzipSync } from "node:zlib";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { writeXlsx } from "hucre/xlsx";
import type { Series, Unit } from "../src/index.ts";
import { QUALITIES, readSource, syntheticHousehold, writeSeries } from "../src/index.ts";
import { Register } from "../src/register.ts";
import { milliwattHoursPer } from "../src/unit.ts";

const folder = await mkdtemp(join(tmpdir(), "readings-"));
after(() => rm(folder, { recursive: true }));
const shared = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));

const total = (series: Series): bigint =>
  series.importMilliwattHours.reduce((sum, value) => sum + BigInt(value), 0n);

/**
 * 10^18 times a decimal of at most eighteen places, by string alone: slow, and unlike the code
 * under test.
 */
function atto(decimal: string): bigint {
  const [whole = "0", fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(18, "0"));
}

test("law: registers are rounded down, and intervals are their differences", () => {
  const value = fc.record({
    mantissa: fc.bigInt(0n, 10n ** 9n),
    scale: fc.integer({ min: 0, max: 12 }),
  });
  const unit = fc.constantFrom<Unit>("kW", "W", "kWh", "Wh", "mWh");
  const seconds = fc.constantFrom(60, 300, 900, 3600);
  fc.assert(
    fc.property(fc.array(value, { maxLength: 40 }), unit, seconds, (values, unit, seconds) => {
      const factor = milliwattHoursPer(unit, seconds);
      const register = new Register(factor, 12);
      let [handedOut, exactSum] = [0n, 0n];
      for (const { mantissa, scale } of values) {
        handedOut += BigInt(register.add(mantissa, scale));
        exactSum += mantissa * 10n ** BigInt(12 - scale) * factor.numerator;
        assert.equal(handedOut, exactSum / (factor.denominator * 10n ** 12n));
      }
    }),
  );
});

test("law: what is written is read back identically", async () => {
  const slot = fc.record({
    imported: fc.integer({ min: 0, max: 13_000_000 }),
    exported: fc.integer({ min: 0, max: 13_000_000 }),
    quality: fc.integer({ min: 0, max: QUALITIES.length - 1 }),
  });
  const household = fc.record({
    label: fc.constantFrom("h1", "Müller, Anna", 'the "old" house', "7"),
    start: fc.integer({ min: 0, max: 60_000 }),
    slots: fc.array(slot, { minLength: 1, maxLength: 20 }),
  });
  const path = join(folder, "written.csv");
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(household, { minLength: 1, selector: ({ label }) => label }),
      async (homes) => {
        const series = homes.map(({ label, start, slots }): Series => {
          const missing = QUALITIES.indexOf("missing");
          const of = (key: "imported" | "exported") =>
            Float64Array.from(slots, (slot) => (slot.quality === missing ? 0 : slot[key]));
          return {
            label,
            startSeconds: 1_400_000_000 - (1_400_000_000 % 900) + start * 900,
            intervalSeconds: 900,
            importMilliwattHours: of("imported"),
            exportMilliwattHours: of("exported"),
            quality: Uint8Array.from(slots, (slot) => slot.quality),
          };
        });
        await writeFile(path, [...writeSeries(series)].join(""));
        const { series: back, report } = await readSource(path);
        assert.deepEqual(back, series);
        assert.deepEqual(report.counts, {});
      },
    ),
    { numRuns: 40 },
  );
});

test("the exchange format is checked row by row", async () => {
  const header = "household,start,seconds,import_mWh,export_mWh,quality";
  const good = "h,2016-01-01T00:00:00Z,900,5,0,valid";
  const bad = [
    "h,2016-01-01T00:15:00Z,60,5,0,valid",
    "h,2016-01-01T00:15:00Z,900,5.5,0,valid",
    "h,2016-01-01T00:15:00Z,900,5,-1,valid",
    "h,2016-01-01T00:15:00Z,900,99999999999999999,0,valid",
    "h,2016-01-01T00:15:00Z,900,5,0,perfect",
    ",2016-01-01T00:15:00Z,900,5,0,valid",
    "h,2016-01-01T00:15:00Z,900,5,0",
  ];
  const path = join(folder, "exchange.csv");
  for (const row of bad) {
    await writeFile(path, `${header}\n${good}\n${row}\n`);
    const { series, report } = await readSource(path);
    assert.deepEqual(report.counts, { malformed: 1 }, row);
    assert.deepEqual([...(series[0]?.importMilliwattHours ?? [])], [5], row);
  }
});

/** The three files that the project's people hold, or synthetic twins of the same shape. */
const files: {
  name: string;
  zone: string;
  decimals: (cells: string[]) => string[];
  perHour: bigint;
  twin: () => string;
}[] = [
  {
    name: "ch15min_kwh_100households_49days.csv.gz",
    zone: "Europe/Zurich",
    decimals: (cells) => cells.slice(2),
    perHour: 4n,
    twin: () => {
      const header = ["household", "date", ...Array.from({ length: 96 }, (_, part) => `q${part}`)];
      const kilowatts = twinKilowatts(900);
      return [header, ["s001", "2018-11-05", ...kilowatts.slice(0, 96)]]
        .map((row) => row.join(","))
        .join("\n");
    },
  },
  {
    name: "umass_1min_kw_apt1-5_7days.csv.gz",
    zone: "America/New_York",
    decimals: (cells) => cells.slice(2),
    perHour: 60n,
    twin: () => {
      const stamp = (minute: number) =>
        new Date(Date.UTC(2016, 0, 1, 0, minute)).toISOString().slice(0, 19);
      const rows = twinKilowatts(60).map((value, minute) => `1,${stamp(minute)},${value}`);
      return ["apartment,timestamp,kw", ...rows].join("\n");
    },
  },
];

function twinKilowatts(intervalSeconds: number): string[] {
  const startSeconds = Date.UTC(2018, 10, 5) / 1000;
  const { series } = syntheticHousehold({
    seed: "twin",
    index: 0,
    startSeconds,
    days: 1,
    intervalSeconds,
    zone: "UTC",
  });
  return Array.from(series.importMilliwattHours, (value) =>
    ((value * 3600) / intervalSeconds / 1e6).toFixed(9),
  );
}

for (const { name, zone, decimals, perHour, twin } of files) {
  test(`every household's total is exact: ${name}`, async (context) => {
    let path = join(shared, name);
    if (!existsSync(path)) {
      context.diagnostic(`${name} is not present: a synthetic twin is read instead`);
      path = join(folder, name);
      await writeFile(path, gzipSync(twin()));
    }
    const { series, report } = await readSource(path, { unit: "kW", zone });
    assert.deepEqual(report.counts, {});
    const sums = new Map<string, bigint>();
    const lines = (await text(createReadStream(path).pipe(createGunzip())))
      .trim()
      .split("\n")
      .slice(1);
    for (const line of lines) {
      const cells = line.trim().split(",");
      const sum = decimals(cells).reduce(
        (sum, cell) => sum + atto(cell),
        sums.get(cells[0] ?? "") ?? 0n,
      );
      sums.set(cells[0] ?? "", sum);
    }
    assert.equal(series.length, sums.size);
    // 1 kW for an hour is 10^6 mWh, and sums are in 10^−18 kW.
    for (const one of series) {
      assert.equal(total(one), (sums.get(one.label) ?? -1n) / (10n ** 12n * perHour), one.label);
    }
  });
}

test("a workbook and a CSV of the same readings are the same series", async (context) => {
  let book = join(shared, "umass_apart1_2016w1.xlsx");
  let csv = join(shared, "umass_1min_kw_apt1-5_7days.csv.gz");
  if (!existsSync(book) || !existsSync(csv)) {
    context.diagnostic("umass_apart1_2016w1.xlsx is not present: a synthetic twin is read instead");
    const start = Date.UTC(2016, 0, 1);
    const rows = twinKilowatts(60).map((value, minute): [Date, number] => [
      new Date(start + minute * 60_000),
      Number(value),
    ]);
    book = join(folder, "twin.xlsx");
    csv = join(folder, "twin.csv");
    await writeFile(book, await writeXlsx({ sheets: [{ name: "a", rows }] }));
    const lines = rows.map(([time, value]) => `${time.toISOString().slice(0, 19)},${value}`);
    await writeFile(csv, lines.join("\n"));
  }
  const options = { unit: "kW", zone: "America/New_York" } as const;
  const [fromBook] = (await readSource(book, options)).series;
  const [fromCsv] = (await readSource(csv, options)).series;
  assert.ok(fromBook !== undefined && fromBook.quality.length >= 1440);
  assert.deepEqual(fromBook.importMilliwattHours, fromCsv?.importMilliwattHours);
  assert.equal(fromBook.startSeconds, fromCsv?.startSeconds);
});
