// Green Button (ESPI): the sample read back value by value, what a feed may say, and what is refused.
// The sample is read from ../shared/formats where present; without it, a twin of the same form.
import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import type { ReadSourceOptions, Series } from "../src/index.ts";
import { locationOf, readSource, ReadingsError } from "../src/index.ts";
import { EspiParser } from "../src/espi/espi-parser.ts";
import type { EspiReading } from "../src/espi/espi-parser.ts";
import { espiQuality } from "../src/espi/quality.ts";
import { readXml } from "../src/espi/xml-stream.ts";

const folder = await mkdtemp(join(tmpdir(), "espi-"));
after(() => rm(folder, { recursive: true }));
const samplePath = fileURLToPath(
  new URL("../../../../shared/formats/espi_interval_block_sample.xml", import.meta.url),
);

async function read(content: string | Uint8Array, options: ReadSourceOptions = {}, name = "h.xml") {
  await writeFile(join(folder, name), content);
  return readSource(join(folder, name), options);
}

async function parsed(text: string): Promise<EspiReading[]> {
  const readings: EspiReading[] = [];
  const parser = new EspiParser({
    reading: (reading) => readings.push(reading),
    malformed: (line) => assert.fail(`line ${line}`),
    paused: () => undefined,
  });
  async function* chunks() {
    // Cut in the middle of tags.
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 997) yield bytes.subarray(at, at + 997);
  }
  await readXml(chunks(), "h.xml", parser);
  return readings;
}

const base = "https://example.org/espi/1_1/resource";
const quarter = Date.UTC(2016, 0, 1) / 1000;

const reading = (index: number, value: number | string, qualities: readonly number[] = []) =>
  `<IntervalReading><cost>1</cost>${qualities
    .map((quality) => `<ReadingQuality><quality>${quality}</quality></ReadingQuality>`)
    .join("")}<timePeriod><duration>900</duration><start>${quarter + 900 * index}</start>` +
  `</timePeriod><value>${value}</value></IntervalReading>`;

/** A day of quarters as one block: 444 days in the real sample's form. */
const twin = (): string =>
  feed(
    block(
      "1",
      Array.from({ length: 96 }, (_, index) => reading(index, 2_000 + index)),
    ),
  );

const entry = (links: readonly (readonly [string, string])[], content: string): string =>
  `<entry><id>urn:uuid:0</id>${links
    .map(([rel, href]) => `<link rel="${rel}" href="${base}/${href}"/>`)
    .join("")}<title/><content>${content}</content></entry>\n`;

const block = (meterReading: string, readings: readonly string[], point = "5"): string =>
  entry(
    [["up", `UsagePoint/${point}/MeterReading/${meterReading}/IntervalBlock`]],
    `<IntervalBlock xmlns="http://naesb.org/espi"><interval><duration>86400</duration>` +
      `<start>${quarter}</start></interval>${readings.join("\n")}</IntervalBlock>`,
  );

const meterReading = (id: string, type: string, point = "5"): string =>
  entry(
    [
      ["self", `UsagePoint/${point}/MeterReading/${id}`],
      ["related", `ReadingType/${type}`],
      ["related", `UsagePoint/${point}/MeterReading/${id}/IntervalBlock`],
    ],
    `<MeterReading xmlns="http://naesb.org/espi"/>`,
  );

const readingType = (id: string, fields: Readonly<Record<string, number>>): string =>
  entry(
    [["self", `ReadingType/${id}`]],
    `<ReadingType xmlns="http://naesb.org/espi">${Object.entries({
      accumulationBehaviour: 4,
      commodity: 1,
      flowDirection: 1,
      intervalLength: 900,
      powerOfTenMultiplier: 0,
      uom: 72,
      ...fields,
    })
      .map(([name, value]) => `<${name}>${value}</${name}>`)
      .join("")}</ReadingType>`,
  );

const feed = (...entries: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n` +
  `<id>urn:uuid:1</id>\n${entries.join("")}</feed>\n`;

test("the sample reads back to equal values, and every one of them is accounted for", async (context) => {
  const isPresent = existsSync(samplePath);
  if (!isPresent) context.diagnostic("the sample is not present: a twin is read instead");
  const text = isPresent ? readFileSync(samplePath, "utf8") : twin();
  // Read with a regular expression, which knows nothing of XML.
  const pattern =
    /<duration>(\d+)<\/duration>\s*<start>(\d+)<\/start>\s*<\/timePeriod>\s*<value>(\d+)<\/value>/g;
  const expected = [...text.replaceAll("espi:", "").matchAll(pattern)].map(
    ([, duration, start, value = ""]): [number, number, bigint] => [
      Number(start),
      Number(duration),
      BigInt(value),
    ],
  );
  assert(expected.length >= 96);
  const readings = await parsed(text);
  assert.deepEqual(
    readings.map(({ startSeconds, durationSeconds, value }) => [
      startSeconds,
      durationSeconds,
      value,
    ]),
    expected,
  );
  const { series, report } = await read(text, { unit: "Wh" });
  const [one] = series;
  assert(one !== undefined && series.length === 1);
  assert.deepEqual(
    Array.from(one.importMilliwattHours, BigInt),
    expected.map(([, , value]) => 1000n * value),
  );
  assert.deepEqual(report.counts, {});
  assert.equal(one.startSeconds, expected[0]?.[0]);
  // The sample's local days are on two grids of UTC, an hour apart.
  const days = isPresent ? /249 of 444 local days/ : /^$/;
  assert.match(report.notes.join("\n"), days);
  assert.equal(report.rows, expected.length);
});

test("a feed without reading types needs a unit, and shows what its values would be", async () => {
  await assert.rejects(read(twin()), {
    code: "READINGS_UNIT_NEEDED",
    message: /--unit kW.*as W: 49\.1 kWh a day.*as Wh: 196\.6 kWh a day/,
  });
});

test("types, directions, powers of ten and qualities of a feed are understood", async () => {
  const imported = [reading(0, 1250), reading(1, 1001, [17]), reading(2, 7, [14]), reading(3, 1)];
  const exported = [reading(1, 3), reading(0, 5), reading(2, 0, [9])];
  const text = feed(
    // Types come behind what they are of.
    block("1", imported),
    block("2", exported),
    block("3", [reading(0, 99)]),
    block("4", [reading(0, 99)]),
    meterReading("1", "a"),
    meterReading("2", "b"),
    meterReading("3", "gas"),
    meterReading("4", "register"),
    readingType("a", { powerOfTenMultiplier: -1 }),
    readingType("b", { powerOfTenMultiplier: 2, flowDirection: 19 }),
    readingType("gas", { uom: 169 }),
    readingType("register", { accumulationBehaviour: 3 }),
  );
  for (const [content, format] of [
    [text, "espi"],
    [gzipSync(text), "espi gzip"],
  ] as const) {
    const { series, report } = await read(content);
    const [one] = series;
    assert(one !== undefined && series.length === 1);
    assert.deepEqual([...one.importMilliwattHours], [125_000, 100_100, 700, 0]);
    assert.deepEqual([...one.exportMilliwattHours], [500_000, 300_000, 0, 0]);
    // Raw is valid with a note; the export's interpolation counts; the last has no export.
    assert.deepEqual([...one.quality], [0, 0, 2, 1]);
    assert.deepEqual(report.formats, [format]);
    assert.equal(report.unit, "Wh");
    assert.deepEqual(report.counts, { empty: 1 });
    assert.equal(report.notes.length, 3);
    assert.match(report.notes.join("\n"), /1 readings are raw[^]*unit 169[^]*registers/);
  }
});

test("blocks may come newest first; what comes again is a duplicate or a conflict, in either flow", async () => {
  const types = [readingType("a", {}), readingType("b", { flowDirection: 19 })];
  const links = [meterReading("1", "a"), meterReading("2", "b")];
  const text = feed(
    ...types,
    ...links,
    block("1", [reading(2, 30), reading(3, 40)]),
    block("1", [reading(0, 10), reading(1, 20), reading(1, 20)]),
    block("2", [reading(0, 1), reading(1, 2), reading(2, 3), reading(3, 4)]),
    block("2", [reading(0, 1), reading(3, 5)]),
  );
  const { series, report } = await read(text);
  assert.deepEqual(firstOf(series[0]), [
    [10_000, 20_000, 30_000, 40_000],
    [1000, 2000, 3000, 4000],
  ]);
  assert.deepEqual(report.counts, { duplicate: 2, conflict: 1 });
});

const firstOf = (series: Series | undefined) => [
  [...(series?.importMilliwattHours ?? [])],
  [...(series?.exportMilliwattHours ?? [])],
];

test("power is integrated; each usage point is a household; the caller's unit wins", async () => {
  const power = feed(readingType("p", { uom: 38 }), block("1", [reading(0, 1000), reading(1, 1)]));
  const { series } = await read(power);
  assert.deepEqual([...(series[0]?.importMilliwattHours ?? [])], [250_000, 250]);
  const two = feed(
    readingType("a", {}),
    block("1", [reading(0, 1), reading(1, 2)], "5"),
    block("1", [reading(0, 3), reading(1, 4)], "6"),
  );
  const { series: both } = await read(two);
  assert.deepEqual(
    both.map(({ label, importMilliwattHours }) => [label, ...importMilliwattHours]),
    [
      ["h/5", 1000, 2000],
      ["h/6", 3000, 4000],
    ],
  );
  const { series: asked, report } = await read(two, { unit: "mWh" });
  assert.deepEqual([...(asked[0]?.importMilliwattHours ?? [])], [1, 2]);
  assert.equal(report.counts["unit-overridden"], 1);
});

test("qualities: every code of the schema, and the least reliable of several", () => {
  const codes = { valid: 0, estimated: 2, edited: 3, questionable: 4 };
  const table: Record<keyof typeof codes, number[]> = {
    valid: [0, 14, 17, 18, 19],
    estimated: [8, 9, 11, 12, 15],
    edited: [7],
    questionable: [10, 13, 16, 1, 20, 4711],
  };
  for (const name of Object.keys(table) as (keyof typeof codes)[]) {
    for (const quality of table[name]) assert.equal(espiQuality([quality]), codes[name]);
  }
  assert.equal(espiQuality([]), 0);
  assert.equal(espiQuality([17, 9, 0]), 2);
  assert.equal(espiQuality([10, 7]), 4);
});

test("readings that cannot be are findings with their line and column", async () => {
  const readings = [
    reading(0, 100),
    reading(1, 100),
    reading(2, "1.5"),
    reading(3, "9999999999999999"),
    reading(4, -1),
    reading(5, 99_999_999),
    reading(1, 100),
    reading(1, 101),
    reading(6, 100).replace("<duration>900", "<duration>1800"),
    reading(7, 100).replace(/<start>\d+/, "<start>soon"),
    reading(8, 100).replace(/<timePeriod>.*<\/timePeriod>/, ""),
    reading(9, 100),
  ];
  const text = feed(readingType("a", {}), block("1", readings));
  const { report } = await read(text);
  assert.deepEqual(report.counts, {
    malformed: 4,
    "off-grid": 1,
    duplicate: 1,
    conflict: 1,
    negative: 1,
    absurd: 1,
    gap: 5,
  });
  // The block begins in the fifth line, a reading a line.
  const lines = report.findings
    .filter(({ kind }) => kind === "malformed")
    .map((finding) => Number(locationOf(finding).split(":")[1]) - 5);
  assert.deepEqual(lines, [2, 3, 9, 10]);
  assert(report.findings.every(({ column }) => column !== undefined && column > 1));
});

test("of two meter readings in one direction the finer is used; interval lengths are bounded", async () => {
  const hours = [0, 1].map((index) =>
    reading(4 * index, 400).replace("<duration>900", "<duration>3600"),
  );
  const quarters = Array.from({ length: 8 }, (_, index) => reading(index, 90));
  const type = readingType("a", {});
  for (const blocks of [
    [block("1", hours), block("2", quarters)],
    [block("1", quarters), block("2", hours)],
  ]) {
    const { series, report } = await read(feed(type, ...blocks));
    assert.equal(series[0]?.intervalSeconds, 900);
    assert.equal(report.importMilliwattHours, 720_000n);
    assert.match(report.notes.join(), /two meter readings of its import: the one of 900 s/);
  }
  const lengths = Array.from({ length: 20 }, (_, index) =>
    reading(index, 1).replace("<duration>900", `<duration>${60 + index}`),
  );
  const { report } = await read(feed(type, block("1", lengths)));
  assert.deepEqual(report.counts, { malformed: 4, "off-grid": 15 });
});

test("a power of ten that no connection has is absurd, however large", async () => {
  const text = feed(
    meterReading("1", "a"),
    meterReading("2", "b"),
    readingType("a", { powerOfTenMultiplier: 9 }),
    readingType("b", { powerOfTenMultiplier: -9, flowDirection: 19 }),
    // 2⁴⁶ · 10¹⁸ is a multiple of 2⁶⁴.
    block("1", [reading(0, 2 ** 46), reading(1, 0)]),
    block("2", [reading(0, 0), reading(1, 9_999_999_999_999)]),
  );
  const { series, report } = await read(text);
  assert.deepEqual(report.counts, { absurd: 1 });
  assert.deepEqual([...(series[0]?.exportMilliwattHours ?? [])], [0, 9_999_999]);
});

const head = `<?xml version="1.0"?>`;
const bomb = `${head}<!DOCTYPE f [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><feed>&b;</feed>`;
const external = `${head}<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/hostname">]><feed>&x;</feed>`;
const good = feed(readingType("a", {}), block("1", [reading(0, 1), reading(1, 1)]));

const refused: readonly {
  name: string;
  text: string | Uint8Array;
  code?: string;
  message?: RegExp;
}[] = [
  { name: "billion laughs", text: bomb, message: /h\.xml:1:\d+: .*document type/ },
  { name: "an external entity", text: external, message: /document type/ },
  { name: "a DTD elsewhere", text: `<!DOCTYPE f SYSTEM "http://x/y.dtd"><feed/>` },
  { name: "an entity without a DTD", text: good.replace("urn:uuid:1", "&lol;") },
  { name: "a tag that does not close", text: good.replace("</feed>", ""), message: /h\.xml:\d+/ },
  { name: "cut off", text: good.slice(0, -40) },
  { name: "tags across", text: good.replace("</content></entry>", "</entry></content>") },
  { name: "two roots", text: `${good}<feed/>` },
  { name: "an unbound prefix", text: good.replace("<id>", "<espi:id/><id>") },
  { name: "Latin-1 that says so", text: good.replace("UTF-8", "ISO-8859-1") },
  {
    name: "Latin-1 that does not",
    text: Buffer.from(good.replace("urn:uuid:1", "Müller"), "latin1"),
    message: /not UTF-8/,
  },
  { name: "depth", text: `${head}${"<a>".repeat(100)}`, message: /64 deep/ },
  {
    name: "a text without end",
    text: good.replace("urn:uuid:1", "x".repeat(3_000_000)),
    message: /1048576 characters/,
  },
  {
    name: "another XML",
    text: `${head}<html><body/></html>`,
    code: "READINGS_FORMAT_UNKNOWN",
    message: /not ESPI/,
  },
  {
    name: "no readings",
    text: feed(readingType("a", {})),
    code: "READINGS_FORMAT_UNKNOWN",
    message: /no interval readings/,
  },
  {
    name: "gas alone",
    text: feed(readingType("a", { uom: 169 }), block("1", [reading(0, 1)])),
    code: "READINGS_FORMAT_UNKNOWN",
  },
  {
    name: "energy and power",
    text: feed(
      meterReading("1", "a"),
      meterReading("2", "b"),
      readingType("a", {}),
      readingType("b", { uom: 38, flowDirection: 19 }),
      block("1", [reading(0, 1)]),
      block("2", [reading(0, 1)]),
    ),
    code: "READINGS_FORMAT_UNKNOWN",
    message: /power/,
  },
  {
    name: "import and export of different lengths",
    text: feed(
      meterReading("1", "a"),
      meterReading("2", "b"),
      readingType("a", {}),
      readingType("b", { flowDirection: 19 }),
      block("1", [reading(0, 1)]),
      block("2", [reading(0, 1).replace("<duration>900", "<duration>3600")]),
    ),
    code: "READINGS_FORMAT_UNKNOWN",
    message: /different lengths/,
  },
  {
    name: "too many meter readings",
    text: feed(...Array.from({ length: 1001 }, (_, index) => block(`${index}`, [reading(0, 1)]))),
    code: "READINGS_TOO_LARGE",
  },
];

for (const { name, text, code = "READINGS_XML_REFUSED", message = /./ } of refused) {
  test(`a feed is refused: ${name}`, async () => {
    await assert.rejects(read(text), { code, message });
  });
}

test("law: a feed that is cut off or damaged is read or refused with a code, never more", async () => {
  const bytes = Buffer.from(good);
  const damage = fc.record({
    at: fc.integer({ min: 0, max: bytes.length - 1 }),
    removed: fc.integer({ min: 0, max: 60 }),
    put: fc.oneof(fc.constantFrom("<", ">", "&", "<!--", "<![CDATA[", "\0"), fc.string()),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, removed, put }) => {
      const text = Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(put),
        bytes.subarray(at + removed),
      ]);
      try {
        const { series } = await read(text);
        assert(series.length > 0);
      } catch (error) {
        assert(error instanceof ReadingsError, String(error));
      }
    }),
    { numRuns: 300 },
  );
});
