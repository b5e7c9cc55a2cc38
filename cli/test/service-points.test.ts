/** Service points from a table: all of them, or every fault with its line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dayStartOf } from "@smarter-metering/tariff";
import { COLUMNS, readServicePoints } from "../src/deployment/service-points-csv.ts";

const neighbourhoods = [
  {
    id: "howe",
    zone: "Australia/Lord_Howe",
    intervalSeconds: 1800,
    profile: "pes-encrypts",
    exportLoad: false,
  },
] as const;
const [id, key] = ["00112233445566778899aabbccddeeff", "7d".repeat(32)];
const row = (label: string, meter = id) =>
  `${label},howe,63,3,household,1800,2027-02-01,flat,${meter},${key}`;
const table = (...rows: string[]): string => [COLUMNS.join(","), ...rows].join("\r\n");

test("columns in any order, quoted labels, a byte order mark, mixed line ends", () => {
  const reversed = COLUMNS.toReversed().join(";").replaceAll(";", ",");
  const cells = row('"Main street 1, ""left"""').match(/"(?:[^"]|"")*"|[^,]+/g) ?? [];
  const text = `\uFEFF${reversed}\n${cells.toReversed().join(",")}\r\n\r\n`;
  const { servicePoints, faults } = readServicePoints(text, neighbourhoods);
  assert.deepEqual(faults, []);
  assert.deepEqual(servicePoints, [
    {
      label: 'Main street 1, "left"',
      neighbourhood: "howe",
      fuse: { amps: 63, phases: 3 },
      consumptionClass: "household",
      intervalSeconds: 1800,
      contractStart: dayStartOf("2027-02-01", "Australia/Lord_Howe"),
      tariff: "flat",
      meter: { meterId: id, signingKey: key },
    },
  ]);
});

test("every fault has its line", () => {
  const other = "ff".repeat(16);
  const text = table(
    row("one"),
    row("two"),
    row("one", other),
    row("three", "ABC"),
    row("four", "aa".repeat(16)).replace("howe", "nowhere"),
    row("five", "ab".repeat(16)).replace("2027-02-01", "2027-02-30"),
    row("six", "ac".repeat(16)).replace("63,3", "0,4"),
  );
  const { faults } = readServicePoints(text, neighbourhoods);
  const lines = faults.map(({ line, fault }) => `${line} ${fault.split(":")[0]}`);
  assert.deepEqual(lines, [
    `3 meter ${id} is on line 2 already`,
    "4 label one is on line 2 already",
    "5 meterId",
    "6 neighbourhood nowhere is not the registry's",
    "7 contractStart",
    "8 amps",
  ]);
  const broken: [text: string, line: number, fault: RegExp][] = [
    ["", 1, /no service point/],
    [COLUMNS.join(","), 1, /no service point/],
    [table(row("one")).replace("fuse", "").replace("amps,", ""), 2, /Invalid Record Length/],
    [table(row("one")).replace("meterId", "meter"), 1, /no column meterId/],
    [table(row("one"), `"open`), 3, /Quote/],
  ];
  for (const [text, line, fault] of broken) {
    const found = readServicePoints(text, neighbourhoods);
    assert.deepEqual(found.servicePoints, []);
    assert.equal(found.faults[0]?.line, line, text);
    assert.match(found.faults[0]?.fault ?? "", fault);
  }
});
