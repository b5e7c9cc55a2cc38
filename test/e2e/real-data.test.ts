/**
 * Real readings through the whole system: every released interval, statement and export equals what a few lines of BigInt compute from
 * the file itself. `SMARTER_METERING_E2E=full` takes all 100 households of the Swiss file and the workbook as well; the first 40 are
 * enough to find a mistake.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { run, runAll, start, temporaryFolder } from "./command-line.ts";
import { assertExact, households, type Summary } from "./deployment-output.ts";
import { assertTrue, type Truth } from "./truth.ts";
import { twin } from "./twin-data.ts";

const SWISS = "ch15min_kwh_100households_49days.csv.gz";
const MINUTES = "umass_1min_kw_apt1-5_7days.csv.gz";
const WORKBOOK = "umass_apart1_2016w1.xlsx";
const isFull = process.env["SMARTER_METERING_E2E"] === "full";
const swiss = {
  days: 49,
  ...(isFull ? { households: 100, contributorsMin: 80 } : { households: 40, contributorsMin: 33 }),
};

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

/** Labels of the households with a portal account: every one's export is compared. */
const enrolled = (dir: string): string[] =>
  Object.entries(households(dir)).flatMap(([label, { login }]) => (login === null ? [] : [label]));

/** The week of minutes; its Friday 1 January 2016 began at 05:00 UTC. */
const minutesTruth = async (): Promise<Truth> => ({
  startSeconds: Date.parse("2016-01-01T05:00:00Z") / 1000,
  seconds: 60,
  firstWeekday: 4,
  kilowatts: rowsByHousehold(await dataFile(MINUTES), 5, 1440 * 7),
});
const NEW_YORK = ["--unit", "kW", "--zone", "America/New_York", "--unsafe-policy"];

async function workbookThroughEverything(t: TestContext): Promise<void> {
  const path = await dataFile(WORKBOOK);
  const dir = join(temporaryFolder(), "deployment");
  const label = "umass_apart1_2016w1";
  const minutes = await minutesTruth();
  const truth = { ...minutes, kilowatts: new Map([[label, minutes.kilowatts.get("1") ?? []]]) };
  const words = ["--data", path, ...NEW_YORK, "--min-contributors", "1", "--customers", "1"];
  const demo = start("demo", ...words, "--dir", dir);
  t.after(() => demo.end("SIGKILL"));
  await demo.printed("Ctrl-C ends it", "stdout");
  await assertTrue(dir, truth, 7, [label]);
  const { code, stdout } = await demo.end("SIGTERM");
  assert.equal(code, 0);
  assert.match(stdout, /UNSAFE policy/);
}

// Two at a time: the large demonstration takes longer than all others together.
describe("real readings", { concurrency: 2 }, () => {
  test("Swiss households: loads, bills and exports equal the file", async (t) => {
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
    const terms = ["--min-contributors", String(swiss.contributorsMin)];
    // Without --exit: the commands below then ask the running demonstration, whose time stands still where the file ends.
    const demo = start("demo", ...source, ...size, ...terms, "--json", "--dir", dir);
    t.after(() => demo.end("SIGKILL"));
    await demo.printed("no more readings", "stderr");
    assert.equal(enrolled(dir).length, 12);
    await assertTrue(dir, truth, 33, enrolled(dir)); // The window ends with November.
    const { code, stdout } = await demo.end("SIGTERM");
    assert.equal(code, 0);
    const summary = JSON.parse(stdout) as Summary;
    process.stderr.write(
      `${swiss.households} households, ${swiss.days} days: ${summary.seconds} s\n`,
    );
    assertExact(summary);
    assert.equal(summary.meters, swiss.households);
    assert.equal(summary.intervals, 96 * swiss.days * swiss.households);
    assert.equal(summary.blocksReleased, swiss.days);
    assert.equal(summary.unsafe, false);
  });

  test("minutes of five apartments: quarter-hour loads, a week's bill, exports by the minute", async (t) => {
    const truth = await minutesTruth();
    const dir = join(temporaryFolder(), "deployment");
    const words = ["--data", await dataFile(MINUTES), ...NEW_YORK];
    const demo = start("demo", ...words, "--min-contributors", "5", "--dir", dir);
    t.after(() => demo.end("SIGKILL"));
    await demo.printed("Ctrl-C ends it", "stdout");
    assert.deepEqual(enrolled(dir), ["1", "2", "3", "4", "5"]);
    await assertTrue(dir, truth, 7, enrolled(dir));
    const { code, stdout } = await demo.end("SIGTERM");
    assert.equal(code, 0);
    assert.match(stdout, /UNSAFE policy/);
    assert.match(stdout, /difference to the meters 0 mWh/);
  });

  test("a workbook is read as the CSV of the same apartment is", async () => {
    const terms = ["--unit", "kW", "--zone", "America/New_York", "--quiet"];
    const paths = [await dataFile(WORKBOOK), await dataFile(MINUTES)];
    const outcomes = await runAll(paths.map((path) => ["readings", "convert", path, ...terms]));
    const [workbook, first] = outcomes.map(({ stdout }) =>
      [...stdout.matchAll(/^(?:1|umass_apart1_2016w1),(.*)$/gm)].map(([, row]) => row),
    );
    assert.equal(workbook?.length, 7 * 1440);
    assert.deepEqual(workbook, first);
  });

  // One more deployment to set up: it takes what the whole test command has no time for.
  if (isFull) test("a workbook of one apartment through everything", workbookThroughEverything);

  test("the same file without --unsafe-policy is refused", async () => {
    const words = ["--data", await dataFile(MINUTES), "--unit", "kW", "--zone", "America/New_York"];
    const dir = join(temporaryFolder(), "deployment");
    const terms = ["--min-contributors", "5", "--quiet", "--dir", dir];
    const { code, stdout, stderr } = await run("demo", ...words, ...terms);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /^smarter-metering: POLICY_BELOW_FLOOR: .*--unsafe-policy[^\n]*\n$/);
    assert.equal(existsSync(dir), false);
  });
});
