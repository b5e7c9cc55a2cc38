/**
 * A Green Button feed against the standard's own schema, ESPI 4.0, by xmllint: the content of each entry, since the schema has no Atom; and
 * the whole feed is well-formed. The schema lies beside the repository, in shared/formats; without it the order of elements alone is
 * compared with the part of it that the writer uses.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ESPI_SCHEMA = fileURLToPath(
  new URL("../../../shared/formats/espi_4.0.xsd", import.meta.url),
);

/** Rejects where it is not valid. `folder` takes files of that name; `note` is told when the schema is not there. */
export async function assertEspi(
  feed: string,
  { folder, name, note }: { folder: string; name: string; note: (text: string) => void },
): Promise<void> {
  const path = join(folder, `${name}.xml`);
  await writeFile(path, feed);
  xmllint(path);
  const contents = [
    ...feed.matchAll(/<content type="application\/xml">([\s\S]*?)<\/content>/g),
  ].map(([, content]) => content ?? "");
  assert(contents.length > 0, "the feed has no entries");
  assert.equal(contents.length, feed.split("<entry>").length - 1);
  for (const content of contents) assertOrder(content);
  if (existsSync(ESPI_SCHEMA)) {
    const paths = await Promise.all(
      contents.map(async (content, index) => {
        const file = join(folder, `${name} ${index}.xml`);
        await writeFile(file, content);
        return file;
      }),
    );
    xmllint("--schema", ESPI_SCHEMA, ...paths);
  } else note("../shared/formats/espi_4.0.xsd is not there: the order alone is checked");
}

/** Throws where it finds fault; and where it is not installed. */
export function xmllint(...words: readonly string[]): void {
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
export function assertOrder(content: string): void {
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
