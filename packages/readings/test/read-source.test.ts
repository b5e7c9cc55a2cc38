// Files to series: formats, faulty rows, limits. At least as many rows must fail as pass.
import { strict as assert } from "node:assert";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { writeXlsx } from "hucre/xlsx";
import type { CellValue } from "hucre/xlsx";
import type { FindingKind, ReadSourceOptions, Series } from "../src/index.ts";
import { describeReport, locationOf, readSource } from "../src/index.ts";
import { FindingLog } from "../src/finding.ts";
import { LineEnds } from "../src/line-ends.ts";
import { bombWorkbook } from "./bomb.ts";

const folder = await mkdtemp(join(tmpdir(), "readings-"));
after(() => rm(folder, { recursive: true }));

async function read(content: string | Uint8Array, options: ReadSourceOptions = {}, name = "h.csv") {
  await writeFile(join(folder, name), content);
  return readSource(join(folder, name), options);
}

async function workbook(rows: CellValue[][]): Promise<Uint8Array> {
  return writeXlsx({ sheets: [{ name: "a", rows }] });
}

const kWUtc = { unit: "kW", zone: "UTC" } as const;
const firstValues = (series: Series | undefined) => [...(series?.importMilliwattHours ?? [])];
const start2016 = Date.UTC(2016, 0, 1) / 1000;
/** 1 kW and 0.5 kW, a quarter of an hour each. */
const twoQuarters = [250_000, 125_000];
const wideHeader = Array.from({ length: 24 }, (_, hour) => `h${hour}`).join(",");
const wideRow = (date: string, value = "1") => [date, ...Array(24).fill(value)].join(",");

const understood: { name: string; text: string; options?: ReadSourceOptions; file?: string }[] = [
  { name: "no header", text: "2016-01-01 00:00, 1\n2016-01-01 00:15, 0.5" },
  { name: "T and seconds", text: "2016-01-01T00:00:00,1\n2016-01-01T00:15:00,.5" },
  { name: "any wording", text: "Zeit,Wert\n2016-01-01 00:00,1\n2016-01-01 00:15,5e-1" },
  { name: "household", text: "flat,t,v\nh,2016-01-01 00:00,1\nh,2016-01-01 00:15,0.5" },
  { name: "household last", text: "t,usage,home\n2016-01-01 00:00,1,h\n2016-01-01 00:15,0.5,h" },
  {
    name: "CRLF",
    text: "t,v\r\n2016-01-01 00:00,1\r\n2016-01-01 00:15,0.5\r\n",
  },
  { name: "decimal comma", text: "t;v\n01.01.2016 00:00;1,0\n01.01.2016 00:15;0,5" },
  { name: "tab", text: "t\tv\n2016/01/01 00:00\t1\n2016/01/01 00:15\t0,5" },
  { name: "trailing comma", text: "t,v,\n2016-01-01 00:00,1,\n2016-01-01 00:15,0.5," },
  { name: "quotes", text: '"t","v"\n"2016-01-01 00:00","1"\n"2016-01-01 00:15","0.5"' },
  { name: "Z", text: "t,kW\n2016-01-01T00:00Z,1\n2016-01-01T00:15Z,0.5", options: {} },
  {
    name: "offset",
    text: "t,load (W)\n2016-01-01T01:00+01:00,1000\n2016-01-01T01:15+01:00,500",
    options: {},
  },
  { name: "epoch", text: `t,mWh\n${start2016},250000\n${start2016 + 900},125000`, options: {} },
  {
    name: "kWh",
    text: "t,kwh\n2016-01-01 00:00,0.25\n2016-01-01 00:15,0.125",
    options: { zone: "UTC" },
  },
];

for (const { name, text, options = kWUtc } of understood) {
  test(`readSource understands: ${name}`, async () => {
    const { series, report } = await read(text, options);
    assert.equal(series.length, 1);
    assert.equal(series[0]?.label, "h");
    assert.equal(series[0]?.startSeconds, start2016);
    assert.equal(series[0]?.intervalSeconds, 900);
    assert.deepEqual(firstValues(series[0]), twoQuarters);
    assert.deepEqual(report.counts, {});
    assert.equal(report.importMilliwattHours, 375_000n);
  });
}

const refused: {
  name: string;
  text: string | Uint8Array;
  code: string;
  options?: ReadSourceOptions;
  file?: string;
}[] = [
  { name: "empty", text: "", code: "READINGS_EMPTY" },
  { name: "blank lines", text: "\n\n\n", code: "READINGS_EMPTY" },
  { name: "header only", text: "t,v\n", code: "READINGS_FORMAT_UNKNOWN" },
  { name: "prose", text: "Dear customer,\nsee attached", code: "READINGS_FORMAT_UNKNOWN" },
  { name: "American dates", text: "1/31/2016 0:00,1", code: "READINGS_FORMAT_UNKNOWN" },
  { name: "days", text: "d,v\n2016-01-01,1\n2016-01-02,1", code: "READINGS_FORMAT_UNKNOWN" },
  {
    name: "two value columns",
    text: "t,a,b\n2016-01-01 00:00,1,2",
    code: "READINGS_FORMAT_UNKNOWN",
  },
  { name: "two units", text: "t,kW,kWh\n2016-01-01 00:00,1,2", code: "READINGS_FORMAT_UNKNOWN" },
  { name: "no numbers", text: "t,v\n2016-01-01 00:00,on", code: "READINGS_FORMAT_UNKNOWN" },
  { name: "binary", text: Uint8Array.of(1, 0, 2, 0), code: "READINGS_FORMAT_UNKNOWN" },
  { name: "UTF-16", text: Buffer.from("\uFEFFt,v", "utf16le"), code: "READINGS_FORMAT_UNKNOWN" },
  { name: "not a ZIP", text: "PK\u0003\u0004 no directory", code: "READINGS_FORMAT_UNKNOWN" },
  { name: "not gzip", text: "t,v", code: "READINGS_GZIP_BROKEN", file: "h.csv.gz" },
  {
    name: "gzip cut off",
    text: gzipSync("t,v\n2016-01-01 00:00,1\n").subarray(0, -9),
    code: "READINGS_GZIP_BROKEN",
    file: "h.csv.gz",
  },
  {
    name: "gzip in gzip",
    text: gzipSync(gzipSync("t,v\n2016-01-01 00:00,1\n")),
    code: "READINGS_FORMAT_UNKNOWN",
  },
  {
    name: "no unit",
    text: "2016-01-01 00:00,1\n2016-01-01 00:15,1",
    options: { zone: "UTC" },
    code: "READINGS_UNIT_NEEDED",
  },
  {
    name: "megawatt-hours",
    text: "t,MWh\n2016-01-01 00:00,1\n2016-01-01 00:15,1",
    options: { zone: "UTC" },
    code: "READINGS_UNIT_NEEDED",
  },
  {
    name: "no zone",
    text: "2016-01-01 00:00,1\n2016-01-01 00:15,1",
    options: { unit: "kW" },
    code: "READINGS_ZONE_NEEDED",
  },
  {
    name: "no such zone",
    text: "2016-01-01 00:00,1\n2016-01-01 00:15,1",
    options: { unit: "kW", zone: "Europe/Zuerich" },
    code: "READINGS_ZONE_UNKNOWN",
  },
  { name: "one reading", text: "2016-01-01 00:00,1", code: "READINGS_INTERVAL_UNKNOWN" },
  {
    name: "rows",
    text: "2016-01-01 00:00,1\n2016-01-01 00:15,1",
    options: { ...kWUtc, limits: { rows: 1 } },
    code: "READINGS_TOO_LARGE",
  },
  {
    name: "bytes",
    text: gzipSync("x".repeat(1e6)),
    options: { ...kWUtc, limits: { bytes: 1e5 } },
    code: "READINGS_TOO_LARGE",
  },
  {
    name: "values",
    text: `date,${wideHeader}\n${wideRow("2016-01-01")}`,
    options: { ...kWUtc, limits: { values: 23 } },
    code: "READINGS_TOO_LARGE",
  },
  {
    name: "households",
    text: "a,2016-01-01 00:00,1\nb,2016-01-01 00:00,1",
    options: { ...kWUtc, limits: { households: 1 } },
    code: "READINGS_TOO_LARGE",
  },
  {
    name: "a date gone wrong",
    text: "2016-01-01 00:00,1\n2016-01-01 00:01,1\n2116-01-01 00:00,1",
    code: "READINGS_TOO_LARGE",
  },
  {
    name: "strict",
    text: "2016-01-01 00:00,1\n2016-01-01 00:15,x",
    options: { ...kWUtc, strict: true },
    code: "READINGS_MALFORMED",
  },
  {
    name: "aborted",
    text: "2016-01-01 00:00,1",
    options: { ...kWUtc, signal: AbortSignal.abort() },
    code: "READINGS_ABORTED",
  },
  { name: "a bomb that says so", text: bombWorkbook(2 ** 31, 2 ** 31), code: "READINGS_TOO_LARGE" },
  { name: "a bomb that says 0", text: bombWorkbook(2 ** 31, 0), code: "READINGS_FORMAT_UNKNOWN" },
  {
    name: "a bomb that says less",
    text: bombWorkbook(2 ** 31, 1000),
    code: "READINGS_FORMAT_UNKNOWN",
  },
  {
    name: "a bomb within the limits",
    text: bombWorkbook(2 ** 29, 2 ** 29),
    options: { ...kWUtc, limits: { workbookHeapMebibytes: 24 } },
    code: "READINGS_TOO_LARGE",
  },
];

for (const { name, text, code, options = kWUtc, file } of refused) {
  test(`readSource refuses: ${name}`, () =>
    assert.rejects(read(text, options, file), { name: "ReadingsError", code }));
}

test("readSource refuses what is not there, and a folder without readings", async () => {
  await assert.rejects(readSource(join(folder, "none")), { code: "READINGS_FILE_MISSING" });
  await mkdir(join(folder, "bare"), { recursive: true });
  await writeFile(join(folder, "bare", "notes.md"), "#");
  await assert.rejects(readSource(join(folder, "bare")), { code: "READINGS_EMPTY" });
});

test("the unit error shows the magnitudes as power and as energy", async () => {
  const text = "2016-01-01 00:00,1\n2016-01-01 00:15,0.5";
  await assert.rejects(read(text, { zone: "UTC" }), {
    message: /--unit kW.*as kW: 18\.0 kWh a day, peak 1\.00 kW; .*as kWh: 72\.0 .* peak 4\.00 kW/,
  });
});

test("a folder is one household a file; a label may stand in one file only", async () => {
  const street = join(folder, "street");
  await mkdir(street, { recursive: true });
  await writeFile(join(street, "b.csv.gz"), gzipSync("2016-01-01 00:00,1\n2016-01-01 00:15,0.5"));
  await writeFile(join(street, "a.csv"), "2016-01-01 00:00,1\n2016-01-01 00:01,2\n");
  const { series, report } = await readSource(street, kWUtc);
  assert.deepEqual(
    series.map(({ label, intervalSeconds }) => [label, intervalSeconds]),
    [
      ["a", 60],
      ["b", 900],
    ],
  );
  assert.deepEqual(report.formats, ["csv long", "csv long gzip"]);
  await writeFile(join(street, "c.csv"), "id,t,v\na,2016-01-01 00:00,1\n");
  await assert.rejects(readSource(street, kWUtc), { code: "READINGS_LABEL_CLASH" });
});

test("workbooks: dates or text, numbers or text, packed again", async () => {
  const time = (minutes: number) => new Date((start2016 + minutes * 60) * 1000);
  const dated = await workbook([
    ["time", "kW"],
    [time(0), 1],
    [time(15), 0.5],
  ]);
  const text = await workbook([
    ["2016-01-01 00:00", "1"],
    ["2016-01-01 00:15", 0.5],
  ]);
  const wide = await workbook([["h", time(0), ...Array<number>(24).fill(1)]]);
  for (const content of [dated, text, gzipSync(dated)]) {
    const { series } = await read(content, kWUtc);
    assert.deepEqual(firstValues(series[0]), twoQuarters);
  }
  const { series } = await read(wide, kWUtc);
  assert.deepEqual(firstValues(series[0]), Array(24).fill(1_000_000));
  await assert.rejects(
    read(
      await workbook([
        ["a", "b"],
        [1, 2],
      ]),
    ),
    { code: "READINGS_FORMAT_UNKNOWN" },
  );
});

test("progress never passes the size of the file and reaches it", async () => {
  const seen: number[] = [];
  const row = (index: number) => `${start2016 + index * 900},1\n`;
  const text = `t,kW\n${Array.from({ length: 20_000 }, (_, index) => row(index)).join("")}`;
  const progress: ReadSourceOptions["progress"] = ({ bytes, bytesTotal }) => {
    assert.ok(bytes <= bytesTotal);
    seen.push(bytes);
  };
  await read(text, { progress });
  assert.ok(seen.length > 2);
  assert.equal(seen.at(-1), text.length);
});

test("the caller's unit wins over the header's, and the report says so", async () => {
  const { series, report } = await read("t,kWh\n2016-01-01 00:00,1\n2016-01-01 00:15,0.5", kWUtc);
  assert.deepEqual(firstValues(series[0]), twoQuarters);
  assert.equal(report.counts["unit-overridden"], 1);
  assert.equal(report.unitFrom, "caller");
});

/** Rows behind `2016-01-01 00:00,1` and `00:15,0.5`; the third line is the first of them. */
const faults: {
  name: string;
  rows: string;
  counts: Partial<Record<FindingKind, number>>;
  at: string;
  energy?: number;
}[] = [
  { name: "not a number", rows: "2016-01-01 00:30,x", counts: { malformed: 1 }, at: "h.csv:3:2" },
  {
    name: "comma in a comma file",
    rows: "2016-01-01 00:30,0,5",
    counts: { malformed: 1 },
    at: "h.csv:3:3",
  },
  {
    name: "thousands",
    rows: '2016-01-01 00:30,"1,234.5"',
    counts: { malformed: 1 },
    at: "h.csv:3:2",
  },
  { name: "30 February", rows: "2016-02-30 00:30,1", counts: { malformed: 1 }, at: "h.csv:3:1" },
  { name: "a column too few", rows: "2016-01-01 00:30", counts: { malformed: 1 }, at: "h.csv:3:2" },
  { name: "stray quote", rows: '2016-01-01 00:30,1"2"', counts: { malformed: 1 }, at: "h.csv:3:2" },
  { name: "no value", rows: "2016-01-01 00:30,NaN", counts: { empty: 1 }, at: "h.csv:3:2" },
  { name: "twice", rows: "2016-01-01 00:15,0.50", counts: { duplicate: 1 }, at: "h.csv:3:2" },
  {
    name: "twice, other value",
    rows: "2016-01-01 00:15,7",
    counts: { conflict: 1 },
    at: "h.csv:3:2",
  },
  {
    name: "earlier",
    rows: "2015-12-31 23:45,1",
    counts: { unordered: 1 },
    at: "h.csv:3:2",
    energy: 250_000,
  },
  { name: "negative", rows: "2016-01-01 00:30,-0.1", counts: { negative: 1 }, at: "h.csv:3:2" },
  { name: "absurd", rows: "2016-01-01 00:30,55", counts: { absurd: 1 }, at: "h.csv:3:2" },
  {
    name: "off the grid",
    rows: "2016-01-01 00:30,0\n2016-01-01 00:47,1",
    counts: { "off-grid": 1 },
    at: "h.csv:4:2",
  },
  { name: "gap", rows: "2016-01-01 01:00,1", counts: { gap: 2 }, at: "h.csv:3:2", energy: 250_000 },
];

for (const { name, rows, counts, at, energy = 0 } of faults) {
  test(`faulty rows are counted and located: ${name}`, async () => {
    // Enough good rows that one odd step does not change the interval.
    const good = "2016-01-01 00:00,1\n2016-01-01 00:15,0.5\n";
    const { series, report } = await read(`${good}${rows}\n`, kWUtc);
    assert.deepEqual(report.counts, counts);
    const [finding] = report.findings;
    assert.ok(finding);
    assert.equal(locationOf(finding), at);
    const total = firstValues(series[0]).reduce((sum, value) => sum + value, 0);
    assert.equal(total, 375_000 + energy);
    assert.ok(describeReport(report).some((line) => line.includes(at)));
    if (name !== "gap" && name !== "no value") {
      const strict = read(`${good}${rows}\n`, { ...kWUtc, strict: true });
      await assert.rejects(strict, { code: "READINGS_MALFORMED" });
    }
  });
}

test("findings are bounded, counts are not, and labels cannot write to a terminal", async () => {
  const bad = Array.from({ length: 50 }, () => "h\u001b[2J,2016-01-01 00:15,-1").join("\n");
  const text = `h,2016-01-01 00:00,1\nh,2016-01-01 00:15,1\nh\u001b[2J,2016-01-01 00:00,-1\n${bad}`;
  const { report } = await read(text, { ...kWUtc, findingsPerKindMax: 3 });
  assert.equal(report.counts.conflict ?? report.counts.duplicate, 49);
  assert.ok(report.findings.length <= 6);
  assert.ok(describeReport(report).every((line) => !line.includes("\u001b")));
});

/**
 * A file with every defect there is, in the zone where the clocks change on 27 March and 30 October
 * 2016. Each line with what is found there: `kind:column`.
 */
const dirty: readonly (readonly [line: string, ...found: string[]])[] = [
  ["\uFEFFtime;kWh\r\n", "byte-order-mark:1"],
  ["2016-03-27 01:00;0,5\r\n"],
  ["2016-03-27 01:30;0.5\r\n", "malformed:2"], // A decimal point where others have a comma.
  ["2016-03-27 02:00;0,5\r\n", "dst-missing:2"], // The hour that this night does not have.
  ["2016-03-27 02:30;0,5\r\n", "dst-missing:2"],
  ["2016-03-27 03:00;0,5\r\n", "gap:2"], // The line with the point left one.
  ["2016-03-27 03:30;0,5;7\r\n", "malformed:3"], // A column too many.
  ["2016-03-27 04:00\r\n", "malformed:2"], // One too few.
  ["2016-03-27 04:30;0,5\n", "mixed-line-ends:21", "gap:2"],
  ["2016-03-27 05:00;0,25\r\n"],
  ["2016-03-27 05:00;0,250\r\n", "duplicate:2"],
  ["2016-03-27 05:00;0,75\r\n", "conflict:2"],
  ["2016-03-27 06:00;0,5\r\n"],
  ["2016-03-27 05:30;0,5\r\n", "unordered:2"],
  ["2016-03-27 06:30;-0,5\r\n", "negative:2"],
  ["2016-03-27 07:00;5000\r\n", "absurd:2"],
  ["2016-03-27 07:30;on\r\n", "malformed:2"],
  ["2016-03-27 08:00;\r\n", "gap:2", "empty:2"],
  ["2016-03-27 08:10;0,5\r\n", "off-grid:2"],
  ["2016-02-30 08:30;0,5\r\n", "malformed:1"],
  ["2016-10-30 01:30;0,5\r\n", "gap:2"],
  ["2016-10-30 02:00;0,5\r\n", "dst-repeated:2"], // Stands there once, and happens twice.
  ["2016-10-30 02:30;0,5\r\n"], // Twice, as it happened.
  ["2016-10-30 02:30;0,5\r\n", "gap:2"], // The second 02:00.
  ["2016-10-30 03:00;0,", "malformed:2", "cut-off:20"],
];

test("every defect of a dirty file is listed, with its line and column", async () => {
  const text = dirty.map(([line]) => line).join("");
  const options = { zone: "Europe/Zurich", findingsPerKindMax: 1000 };
  const { report } = await read(text, options, "dirty.csv");
  const found = report.findings.map(({ kind, file, line, column }) => {
    assert.equal(file, "dirty.csv");
    return `${line} ${kind}:${column ?? "-"}`;
  });
  const expected = dirty.flatMap(([, ...kinds], index) =>
    kinds.map((kind) => `${index + 1} ${kind}`),
  );
  assert.deepEqual(found.sort(), expected.sort());
  const total = Object.values(report.counts).reduce((sum, count) => sum + count, 0);
  assert.equal(total - (report.counts.gap ?? 0), expected.length - 5);
  const shown = describeReport(report, 1000);
  for (const finding of report.findings) {
    const place = locationOf(finding);
    assert(shown.some((line) => line.startsWith(`  ${place}:`) || line.startsWith(`  ${place} `)));
  }
});

test("line ends are told apart wherever chunks end", async () => {
  const bytes = Buffer.from("\uFEFFa;b\r\n1;2\r\n3;4\n5;6\r\n7");
  for (let at = 3; at <= bytes.length; at += 1) {
    const findings = new FindingLog({ perKindMax: 9, strict: false });
    const ends = new LineEnds("h.csv", findings);
    async function* chunks() {
      yield bytes.subarray(0, at);
      yield bytes.subarray(at);
    }
    const passed: Uint8Array[] = [];
    for await (const chunk of ends.watch(chunks())) passed.push(chunk);
    assert.deepEqual(Buffer.concat(passed), bytes);
    assert.deepEqual(findings.kept.map(locationOf), ["h.csv:1:1", "h.csv:3:4"]);
    assert.deepEqual(ends.lastLine, { line: 5, column: 2 });
  }
});
