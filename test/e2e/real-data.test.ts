/**
 * Real readings through the whole system: every released interval, statement and export equals what a few lines of BigInt compute from
 * the file itself. `SMARTER_METERING_E2E=full` takes all 100 households and 49 days of the Swiss file (`npm run test:data`); the first 40
 * and 33 days, to the end of their first billing window, are enough to find a mistake.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { run, runJson, start, temporaryFolder } from "./command-line.ts";
import { assertExact, type Summary } from "./deployment-output.ts";
import { assertExport, assertLoads, assertStatements, type Truth } from "./truth.ts";
import { twin } from "./twin-data.ts";

const SWISS = "ch15min_kwh_100households_49days.csv.gz";
const MINUTES = "umass_1min_kw_apt1-5_7days.csv.gz";
const WORKBOOK = "umass_apart1_2016w1.xlsx";
const swiss =
  process.env["SMARTER_METERING_E2E"] === "full"
    ? { households: 100, days: 49, contributorsMin: 80 }
    : { households: 40, days: 33, contributorsMin: 33 };

const folder =
  process.env["SMARTER_METERING_TEST_DATA"] ??
  fileURLToPath(new URL("../../../shared/data", import.meta.url));

/** The real file, or a made-up one of the same name and layout. */
async function dataFile(name: string): Promise<string> {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  process.stderr.write(`${path} is absent: a synthetic twin runs instead\n`);
  return twin(name, temporaryFolder());
}

const linesOf = (path: string): string[] =>
  gunzipSync(readFileSync(path)).toString().trim().split("\n").slice(1);

function rowsByHousehold(path: string, count: number, valuesMax: number): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const [label = "", , ...values] of linesOf(path).map((line) => line.trim().split(","))) {
    const list = all.get(label) ?? [];
    all.set(label, list);
    list.push(...values);
  }
  const chosen = [...all].slice(0, count);
  return new Map(chosen.map(([label, list]) => [label, list.slice(0, valuesMax)]));
}

test("Swiss households: loads, bills and exports equal the file", async () => {
  const path = await dataFile(SWISS);
  const truth: Truth = {
    startSeconds: Date.parse("2018-10-28T23:00:00Z") / 1000,
    seconds: 900,
    firstWeekday: 0,
    kilowatts: rowsByHousehold(path, swiss.households, 96 * swiss.days),
  };
  const dir = join(temporaryFolder(), "deployment");
  const source = ["--data", path, "--unit", "kW", "--zone", "Europe/Zurich"];
  const size = ["--households", String(swiss.households), "--days", String(swiss.days)];
  const terms = ["--min-contributors", String(swiss.contributorsMin), "--customers", "2"];
  const words = [...source, ...size, ...terms];
  const summary = await runJson<Summary>("demo", ...words, "--exit", "--dir", dir);
  process.stderr.write(
    `${swiss.households} households, ${swiss.days} days: ${summary.seconds} s\n`,
  );
  assertExact(summary);
  assert.equal(summary.meters, swiss.households);
  assert.equal(summary.intervals, 96 * swiss.days * swiss.households);
  assert.equal(summary.blocksReleased, swiss.days);
  assert.equal(summary.unsafe, false);
  await assertLoads(dir, truth);
  await assertStatements(dir, truth, 33); // To the first of December.
  const [first = "", second = ""] = truth.kilowatts.keys();
  await assertExport(dir, truth, first);
  await assertExport(dir, truth, second);
});

/** The week of minutes; its Friday 1 January 2016 began at 05:00 UTC. */
const minutesTruth = async (): Promise<Truth> => ({
  startSeconds: Date.parse("2016-01-01T05:00:00Z") / 1000,
  seconds: 60,
  firstWeekday: 4,
  kilowatts: rowsByHousehold(await dataFile(MINUTES), 5, 1440 * 7),
});
const NEW_YORK = ["--unit", "kW", "--zone", "America/New_York", "--unsafe-policy"];

test("minutes of five apartments: quarter-hour loads, a week's bill, exports by the minute", async () => {
  const truth = await minutesTruth();
  const dir = join(temporaryFolder(), "deployment");
  const source = ["--data", await dataFile(MINUTES), ...NEW_YORK];
  // Without --exit: the commands below then ask the running demonstration.
  const demo = start(
    "demo",
    ...source,
    "--min-contributors",
    "5",
    "--customers",
    "2",
    "--dir",
    dir,
  );
  await demo.printed("Ctrl-C ends it", "stdout");
  await assertLoads(dir, truth);
  await assertStatements(dir, truth, 7);
  for (const label of ["1", "2"]) await assertExport(dir, truth, label);
  const { code, stdout } = await demo.end("SIGTERM");
  assert.equal(code, 0);
  assert.match(stdout, /UNSAFE policy/);
  assert.match(stdout, /difference to the meters 0 mWh/);
});

test("a workbook of one apartment gives what its CSV gives", async () => {
  const path = await dataFile(WORKBOOK);
  const dir = join(temporaryFolder(), "deployment");
  const label = "umass_apart1_2016w1";
  const minutes = await minutesTruth();
  const truth = { ...minutes, kilowatts: new Map([[label, minutes.kilowatts.get("1") ?? []]]) };
  const words = ["--data", path, ...NEW_YORK, "--min-contributors", "1", "--customers", "1"];
  const demo = start("demo", ...words, "--dir", dir);
  await demo.printed("Ctrl-C ends it", "stdout");
  await assertLoads(dir, truth);
  await assertStatements(dir, truth, 7);
  await assertExport(dir, truth, label);
  const { code, stdout } = await demo.end("SIGTERM");
  assert.equal(code, 0);
  assert.match(stdout, /UNSAFE policy/);
});

test("the same file without --unsafe-policy is refused", async () => {
  const words = ["--data", await dataFile(MINUTES), "--unit", "kW", "--zone", "America/New_York"];
  const dir = join(temporaryFolder(), "deployment");
  const { code, stdout, stderr } = await run(
    "demo",
    ...words,
    "--min-contributors",
    "5",
    "--quiet",
    "--dir",
    dir,
  );
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^smarter-metering: POLICY_BELOW_FLOOR: .*--unsafe-policy[^\n]*\n$/);
  assert.equal(existsSync(dir), false);
});
