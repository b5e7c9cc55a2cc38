// Cells to exact numbers and times, and local times to instants where the clocks change.
import { strict as assert } from "node:assert";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ReadSourceOptions, Series } from "../src/index.ts";
import { locationOf, QUALITIES, readSource } from "../src/index.ts";
import { parseDecimal } from "../src/decimal.ts";
import { parseTimestamp } from "../src/timestamp.ts";
import { unitInHeader } from "../src/unit.ts";

const folder = await mkdtemp(join(tmpdir(), "readings-"));
after(() => rm(folder, { recursive: true }));

async function read(content: string, options: ReadSourceOptions) {
  const path = join(folder, "h.csv");
  await writeFile(path, content);
  return readSource(path, options);
}

const firstValues = (series: Series | undefined) => [...(series?.importMilliwattHours ?? [])];

/** A day of local stamps, and what must become of it. */
const clockChanges = [
  { zone: "Europe/Zurich", date: "2018-03-25", hours: 23 },
  { zone: "Europe/Zurich", date: "2018-10-28", hours: 25 },
  { zone: "America/New_York", date: "2018-03-11", hours: 23 },
  { zone: "America/New_York", date: "2018-11-04", hours: 25 },
  { zone: "Australia/Lord_Howe", date: "2018-10-07", hours: 23.5 },
  { zone: "Australia/Lord_Howe", date: "2018-04-01", hours: 24.5 },
];

for (const { zone, date, hours } of clockChanges) {
  const midnight = Date.parse(`${date}T00:00:00Z`) / 1000;
  const stamp = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 16);
  const changed = Math.abs(hours - 24) * 4;
  const wallQuarters = Array.from({ length: 96 }, (_, quarter) => midnight + quarter * 900);

  test(`${zone} ${date}: wall-clock quarters of a day of ${hours} hours, wide`, async () => {
    const { series, report } = await read([date, ...Array(96).fill("1")].join(","), {
      unit: "kW",
      zone,
    });
    assert.deepEqual(report.dstDays, [{ date, hours }]);
    const [one] = series;
    assert.equal(one?.quality.length, hours * 4);
    const kind = hours < 24 ? "dst-missing" : "dst-repeated";
    assert.equal(report.counts[kind], changed);
    assert.equal(report.counts.gap, hours > 24 ? changed : undefined);
    const missing = one?.quality.filter((code) => QUALITIES[code] === "missing").length;
    assert.equal(missing, hours > 24 ? changed : 0);
    assert.match(locationOf(report.findings[0] ?? assert.fail()), /^h\.csv:1:\d+$/);
  });

  test(`${zone} ${date}: local stamps as a logger writes them, long`, async () => {
    // What the clocks show at each instant, by Intl itself and not by the code under test.
    const format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "short",
    });
    const near = Array.from(
      { length: 60 * 4 },
      (_, quarter) => midnight - 15 * 3600 + quarter * 900,
    );
    const instants = near.filter((instant) => format.format(instant * 1000).startsWith(date));
    assert.equal(instants.length, hours * 4);
    const rows = instants.map((instant, index) => `${format.format(instant * 1000)},${index}`);
    const { series, report } = await read(rows.join("\n"), { unit: "mWh", zone });
    assert.deepEqual(report.counts, {});
    assert.equal(series[0]?.startSeconds, instants[0]);
    assert.deepEqual(
      firstValues(series[0]),
      instants.map((_, index) => index),
    );
  });

  test(`${zone} ${date}: skipped quarters left empty are no finding`, async () => {
    const shown = new Set<string>();
    const format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "short",
    });
    for (let instant = midnight - 86_400; instant < midnight + 2 * 86_400; instant += 900) {
      shown.add(format.format(instant * 1000).replace(" ", "T"));
    }
    const cells = wallQuarters.map((wall) => (shown.has(stamp(wall)) ? "1" : ""));
    const { report } = await read([date, ...cells].join(","), { unit: "kW", zone });
    assert.equal(report.counts["dst-missing"], undefined);
    assert.equal(report.counts.empty, undefined);
  });
}

test("decimals are exact or refused", () => {
  const exact: [string, bigint, number][] = [
    ["0.68415", 68415n, 5],
    ["1e-3", 1n, 3],
    ["-2.50", -25n, 1],
    ["+7", 7n, 0],
    ["0.30000000000000004", 30000000000000004n, 17],
    ["12e2", 1200n, 0],
    ["000", 0n, 0],
  ];
  for (const [text, mantissa, scale] of exact) {
    assert.deepEqual(parseDecimal(text, "."), { mantissa, scale }, text);
  }
  const bad = [
    "",
    ".",
    "5.",
    "-",
    "1,5",
    "1.2.3",
    "0x10",
    "1e",
    "1e999",
    "1e-41",
    "9".repeat(19),
    "1 2",
    "∞",
    "１",
  ];
  for (const text of bad) assert.equal(parseDecimal(text, "."), undefined, text);
  assert.deepEqual(parseDecimal("1,5", ","), { mantissa: 15n, scale: 1 });
  assert.equal(parseDecimal("1.5", ","), undefined);
});

test("time stamps and units are recognised or refused", () => {
  const bad = [
    "2016-13-01 00:00",
    "2016-01-00 00:00",
    "2015-02-29",
    "2016-01-01 24:00",
    "2016-01-01 00:60",
    "1/1/2016 0:00",
    "1969-12-31 00:00",
    "2016-01-01T00:00+16:00",
    "12:00",
    "",
  ];
  for (const text of bad) assert.equal(parseTimestamp(text), undefined, text);
  assert.equal(
    parseTimestamp("2016-01-01T00:00:00-05:30")?.seconds,
    Date.UTC(2016, 0, 1, 5, 30) / 1000,
  );
  const units = [
    ["kw", "kW"],
    ["Power [W]", "W"],
    ["usage_kWh", "kWh"],
    ["E (Wh)", "Wh"],
    ["x_mWh", "mWh"],
  ];
  for (const [header = "", unit] of units) assert.equal(unitInHeader(header), unit);
  for (const header of ["MWh", "mwh", "power", "kwatt", "watch"]) {
    assert.equal(unitInHeader(header), undefined, header);
  }
});
