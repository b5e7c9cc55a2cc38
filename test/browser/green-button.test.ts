/**
 * Green Button feeds against the standard's own schema, ESPI 4.0, by xmllint: the content of each entry, since the schema has no Atom; and
 * each whole feed is well-formed. Run by `npm run test:browser`, where xmllint has to be. The schema lies beside the repository, in
 * shared/formats; without it the order of elements is compared with the part of it that the writer uses.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { greenButtonXml, type GreenButtonOptions, type Reading } from "@smarter-metering/customer";
import { addLocalDays, dayStartOf } from "@smarter-metering/tariff";
import { honestStatement, tariffDocument } from "../../packages/customer/test/bill.ts";

const schema = fileURLToPath(new URL("../../../shared/formats/espi_4.0.xsd", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "green-button-"));
after(() => rm(folder, { recursive: true }));

const QUALITIES = ["valid", "estimated", "missing", "edited", "questionable"] as const;

/** Every interval of local days, of every quality, with and without export. */
function readingsOf(zone: string, date: string, days: number, intervalSeconds: number): Reading[] {
  const from = dayStartOf(date, zone);
  const count = (addLocalDays(from, days, zone) - from) / intervalSeconds;
  return Array.from({ length: count }, (_, index) => ({
    startSeconds: from + intervalSeconds * index,
    intervalSeconds,
    importMilliwattHours: 1000 + index,
    exportMilliwattHours: index % 7,
    quality: QUALITIES[index % 11] ?? "valid",
  }));
}

const pricing = { tariff: tariffDocument };
const zone = "Europe/Luxembourg";
const dear = {
  ...honestStatement,
  estimated: true,
  lines: [{ text: `<&">${"€".repeat(300)}`, quantity: "1", price: "2", amountE16: "-1" }],
};
const FEEDS: readonly (GreenButtonOptions & { readonly name: string })[] = [
  { name: "spring", readings: readingsOf(zone, "2018-03-24", 3, 900), zone },
  {
    name: "autumn, priced and billed",
    readings: readingsOf(zone, "2018-10-27", 2, 900),
    zone,
    pricing,
    statements: [honestStatement, dear],
    title: 'Home <&"> é€\u0001',
  },
  {
    name: "bills without their tariff",
    readings: readingsOf(zone, "2018-07-01", 1, 60),
    zone,
    statements: [dear],
  },
  {
    name: "two lengths of intervals",
    readings: [...readingsOf(zone, "2018-07-01", 1, 900), ...readingsOf(zone, "2018-07-02", 1, 60)],
    zone,
    pricing,
  },
  ...["Australia/Lord_Howe", "America/New_York", "Asia/Kolkata", "UTC", "America/Santiago"].map(
    (name) => ({ name, readings: readingsOf(name, "2023-04-01", 3, 1800), zone: name }),
  ),
];

async function filesOf(options: GreenButtonOptions, name: string) {
  let feed = "";
  for await (const chunk of greenButtonXml(options)) feed += chunk;
  const path = join(folder, `${name}.xml`);
  await writeFile(path, feed);
  const contents = [
    ...feed.matchAll(/<content type="application\/xml">([\s\S]*?)<\/content>/g),
  ].map(([, content]) => content ?? "");
  assert.equal(contents.length, feed.split("<entry>").length - 1);
  const paths = await Promise.all(
    contents.map(async (content, index) => {
      const file = join(folder, `${name} ${index}.xml`);
      await writeFile(file, content);
      return file;
    }),
  );
  return { path, contents, paths };
}

function xmllint(...words: readonly string[]): void {
  try {
    execFileSync("xmllint", ["--noout", "--nonet", ...words], {
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    assert(!isMissing, "xmllint is not installed: apt-get install libxml2-utils");
    throw error;
  }
}

/** Of the schema, in its order: what the writer writes. */
const ORDER: Readonly<Record<string, string>> = {
  UsagePoint: "ServiceCategory",
  ServiceCategory: "kind",
  LocalTimeParameters: "dstEndRule dstOffset dstStartRule tzOffset",
  ReadingType:
    "accumulationBehaviour commodity currency dataQualifier defaultQuality flowDirection intervalLength kind powerOfTenMultiplier uom",
  MeterReading: "",
  IntervalBlock: "interval IntervalReading",
  IntervalReading: "cost ReadingQuality timePeriod value",
  ReadingQuality: "quality",
  interval: "duration start",
  timePeriod: "duration start",
  billingPeriod: "duration start",
  UsageSummary:
    "billingPeriod billLastPeriod costAdditionalLastPeriod costAdditionalDetailLastPeriod currency overallConsumptionLastPeriod qualityOfReading statusTimeStamp commodity tariffProfile",
  costAdditionalDetailLastPeriod: "amount note itemKind",
  overallConsumptionLastPeriod: "powerOfTenMultiplier uom value",
};

/** Every element stands where `ORDER` lets it; those that it does not name have no elements in them. */
function assertOrder(content: string): void {
  const open: { readonly name: string; reached: number }[] = [];
  for (const [, closing, name = "", empty] of content.matchAll(/<(\/?)([A-Za-z]+)[^>]*?(\/?)>/g)) {
    if (closing === "/") {
      assert.equal(open.pop()?.name, name);
      continue;
    }
    const parent = open.at(-1);
    if (parent !== undefined) {
      const place = (ORDER[parent.name] ?? "").split(" ").indexOf(name);
      assert(place >= parent.reached, `${name} in ${parent.name}`);
      parent.reached = place;
    }
    if (empty !== "/") open.push({ name, reached: 0 });
  }
  assert.equal(open.length, 0);
}

for (const { name, ...options } of FEEDS) {
  test(`a feed is valid by ESPI 4.0: ${name}`, async (context) => {
    const { path, contents, paths } = await filesOf(options, name.replaceAll("/", " "));
    xmllint(path);
    for (const content of contents) assertOrder(content);
    if (existsSync(schema)) xmllint("--schema", schema, ...paths);
    else
      context.diagnostic("../shared/formats/espi_4.0.xsd is not there: the order alone is checked");
  });
}

test("the check itself refuses: an element out of place, a value that is none", async () => {
  const wrong: readonly (readonly [string, boolean])[] = [
    ["<IntervalReading><value>1</value><cost>1</cost></IntervalReading>", true],
    ["<ReadingQuality><quality>valid</quality></ReadingQuality>", false],
  ];
  for (const [inner, isOrder] of wrong) {
    const content = inner.replace(">", ' xmlns="http://naesb.org/espi">');
    if (isOrder) assert.throws(() => assertOrder(content));
    const path = join(folder, "wrong.xml");
    await writeFile(path, content);
    if (existsSync(schema)) assert.throws(() => xmllint("--schema", schema, path));
  }
});
