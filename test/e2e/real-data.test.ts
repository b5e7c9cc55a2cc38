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
import {
  assertExact,
  exported,
  households,
  iso,
  loads,
  statements,
  type Summary,
} from "./deployment-output.ts";
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

/** Mean kW of each interval of each household, as text, from a local midnight on; no clock changes in any of the files. */
interface Truth {
  readonly startSeconds: number;
  readonly seconds: number;
  /** 0 is Monday. */
  readonly firstWeekday: number;
  readonly kilowatts: ReadonlyMap<string, readonly string[]>;
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

/** R in mWh at the start, and after each interval: Σ kW × time, rounded down once, at the end. */
function registersOf(kilowatts: readonly string[], seconds: number): bigint[] {
  let sum = 0n;
  const after = kilowatts.map((text) => {
    const [whole = "", fraction = ""] = text.split(".");
    sum += BigInt(whole + fraction.padEnd(18, "0"));
    return (sum * BigInt(seconds)) / (3600n * 10n ** 12n);
  });
  return [0n, ...after];
}

/** Number `index` of an array that has it. */
const at = (values: readonly bigint[], index: number): bigint => {
  const value = values[index];
  assert(value !== undefined, `nothing at ${index}`);
  return value;
};

function expectedLoads({ startSeconds, seconds, kilowatts }: Truth) {
  const registers = [...kilowatts.values()].map((values) => registersOf(values, seconds));
  const step = 900 / seconds;
  const count = ((registers[0]?.length ?? 1) - 1) / step;
  const sums = Array.from({ length: count }, (_, slot) =>
    registers.reduce(
      (sum, r) => sum + at(r, (slot + 1) * step) / 1000n - at(r, slot * step) / 1000n,
      0n,
    ),
  );
  return Array.from({ length: count / 96 }, (_, day) => ({
    start: iso(startSeconds + 86_400 * day),
    intervalSeconds: 900,
    contributors: registers.length,
    energy_Wh: sums.slice(96 * day, 96 * day + 96).map(Number),
  }));
}

/** Monday to Saturday, 07:00 to 21:00 is high; the rest is low. */
function expectedRegisters(truth: Truth, label: string, days: number): Record<string, string> {
  const { seconds, firstWeekday } = truth;
  const registers = registersOf(truth.kilowatts.get(label) ?? [], seconds);
  const bands = { high: 0n, low: 0n };
  for (let index = 0; index < (days * 86_400) / seconds; index++) {
    const hour = ((index * seconds) / 3600) % 24;
    const weekday = (firstWeekday + Math.floor((index * seconds) / 86_400)) % 7;
    const band = weekday < 6 && hour >= 7 && hour < 21 ? "high" : "low";
    bands[band] += at(registers, index + 1) - at(registers, index);
  }
  return { high: bands.high.toString(), low: bands.low.toString() };
}

function expectedExport({ startSeconds, seconds, kilowatts }: Truth, label: string): string {
  const registers = registersOf(kilowatts.get(label) ?? [], seconds);
  const rows = registers
    .slice(1)
    .map(
      (after, index) =>
        `${iso(startSeconds + seconds * index)},${seconds},${after - at(registers, index)},0,valid\n`,
    );
  return `start,seconds,import_mWh,export_mWh,quality\n${rows.join("")}`;
}

async function assertLoads(dir: string, truth: Truth): Promise<void> {
  const released = (await loads(dir))
    .map(({ start, intervalSeconds, contributors, energy_Wh }) => ({
      start,
      intervalSeconds,
      contributors,
      energy_Wh,
    }))
    .toSorted((a, b) => a.start.localeCompare(b.start));
  assert.deepEqual(released, expectedLoads(truth));
}

async function assertStatements(dir: string, truth: Truth, windowDays: number): Promise<void> {
  const byServicePoint = new Map(
    (await statements(dir)).map((statement) => [statement.servicePoint, statement]),
  );
  const labels = [...truth.kilowatts.keys()];
  assert.equal(byServicePoint.size, labels.length);
  for (const label of labels) {
    const statement = byServicePoint.get(households(dir)[label]?.servicePoint ?? "");
    const registers = expectedRegisters(truth, label, windowDays);
    assert(statement !== undefined, `no statement of ${label}`);
    assert.deepEqual(statement.registers_mWh, registers, `statement of ${label}`);
    const total = Object.values(registers).reduce((sum, value) => sum + BigInt(value), 0n);
    assert.equal(statement.energy_mWh, total.toString());
    assert.equal(statement.export_mWh, "0");
    assert.equal(statement.from, iso(truth.startSeconds));
    assert.equal(statement.to, iso(truth.startSeconds + 86_400 * windowDays));
  }
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
  assert.equal(await exported(dir, first), expectedExport(truth, first));
  assert.equal(await exported(dir, second), expectedExport(truth, second));
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
  for (const label of ["1", "2"]) {
    assert.equal(await exported(dir, label), expectedExport(truth, label));
  }
  const { code, stdout } = await demo.end("SIGTERM");
  assert.equal(code, 0);
  assert.match(stdout, /UNSAFE policy/);
  assert.match(stdout, /difference to the meters 0 mWh/);
});

test("a workbook of one apartment gives what its CSV gives", async () => {
  const truth = await minutesTruth();
  const path = await dataFile(WORKBOOK);
  const dir = join(temporaryFolder(), "deployment");
  const label = "umass_apart1_2016w1";
  const one = new Map([[label, truth.kilowatts.get("1") ?? []]]);
  const words = ["--data", path, ...NEW_YORK, "--min-contributors", "1", "--customers", "1"];
  const demo = start("demo", ...words, "--dir", dir);
  await demo.printed("Ctrl-C ends it", "stdout");
  await assertLoads(dir, { ...truth, kilowatts: one });
  await assertStatements(dir, { ...truth, kilowatts: one }, 7);
  assert.equal(await exported(dir, label), expectedExport({ ...truth, kilowatts: one }, label));
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
