/**
 * Green Button feeds of every kind against the standard's own schema (test/browser/espi-schema.ts). Run by `npm run test:browser`, where
 * xmllint has to be.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  greenButtonXml,
  planCosts,
  type GreenButtonOptions,
  type Reading,
} from "@smarter-metering/customer";
import { addLocalDays, dayStartOf } from "@smarter-metering/tariff";
import { honestStatement, tariffDocument } from "../../packages/customer/test/bill.ts";
import { assertEspi, assertOrder, ESPI_SCHEMA, xmllint } from "./espi-schema.ts";

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

const zone = "Europe/Luxembourg";
/** Of one day alone: the other is unpriced. */
const planOf = (date: string) => {
  const from = dayStartOf(date, zone);
  const window = { from, to: addLocalDays(from, 1, zone) };
  return planCosts({ tariff: tariffDocument, zone, window });
};
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
    plans: [planOf("2018-10-28"), planCosts({ ...planOf("2018-10-28"), window: honestStatement })],
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
    plans: [planOf("2018-07-01"), planOf("2018-07-02")],
  },
  ...["Australia/Lord_Howe", "America/New_York", "Asia/Kolkata", "UTC", "America/Santiago"].map(
    (name) => ({ name, readings: readingsOf(name, "2023-04-01", 3, 1800), zone: name }),
  ),
];

for (const { name, ...options } of FEEDS) {
  test(`a feed is valid by ESPI 4.0: ${name}`, async (context) => {
    let feed = "";
    for await (const chunk of greenButtonXml(options)) feed += chunk;
    const note = (text: string): void => context.diagnostic(text);
    await assertEspi(feed, { folder, name: name.replaceAll("/", " "), note });
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
    if (existsSync(ESPI_SCHEMA)) assert.throws(() => xmllint("--schema", ESPI_SCHEMA, path));
  }
});
