// The synthetic household: the same for ever, extendable, and close to the real ones it stands for.
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import type { SyntheticHousehold } from "../src/index.ts";
import { figuresOf, syntheticHousehold, syntheticNeighbourhood } from "../src/index.ts";
import { Random } from "../src/synthetic/random.ts";

const zone = "Europe/Zurich";
/** Local midnight before the clocks go back. */
const startSeconds = Date.UTC(2018, 9, 26, 22) / 1000;
const options = { seed: "test", startSeconds, days: 4, intervalSeconds: 900, zone };

function digest({ series, truth }: SyntheticHousehold): string {
  const hash = createHash("sha256");
  hash.update(series.importMilliwattHours).update(series.exportMilliwattHours);
  return hash.update(truth.occupied).update(JSON.stringify(truth.runs)).digest("hex").slice(0, 16);
}

test("golden: the households of a seed never change", () => {
  // A change here invalidates every published figure: raise it in the CHANGELOG.
  const golden = ["f2578ffc952fa9f0", "6f960f98ebbcc96f", "0ceb87e53fc98fae"];
  const homes = syntheticNeighbourhood({ ...options, households: 3 });
  assert.deepEqual(homes.map(digest), golden);
  assert.equal(digest(syntheticHousehold({ ...options, index: 2 })), golden[2]);
});

test("law: a longer run begins with the shorter one, and a later one continues it", () => {
  const range = fc.record({
    index: fc.integer({ min: 0, max: 500 }),
    days: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(range, ({ index, days }) => {
      const long = syntheticHousehold({ ...options, index, days: days + 2 });
      const short = syntheticHousehold({ ...options, index, days });
      const length = short.series.quality.length;
      const end = startSeconds + length * 900;
      const later = syntheticHousehold({ ...options, index, startSeconds: end, days: 2 });
      for (const key of ["importMilliwattHours", "exportMilliwattHours"] as const) {
        assert.deepEqual(long.series[key].subarray(0, length), short.series[key]);
        assert.deepEqual(long.series[key].subarray(length), later.series[key]);
      }
      assert.deepEqual(
        [...short.truth.occupied, ...later.truth.occupied],
        [...long.truth.occupied],
      );
      assert.deepEqual([...short.truth.runs, ...later.truth.runs], long.truth.runs);
    }),
    { numRuns: 20 },
  );
});

test("law: quarters of an hour are sums of minutes, all of them whole and not negative", () => {
  for (let index = 0; index < 20; index += 1) {
    const quarters = syntheticHousehold({ ...options, index }).series;
    const minutes = syntheticHousehold({ ...options, index, intervalSeconds: 60 }).series;
    for (const key of ["importMilliwattHours", "exportMilliwattHours"] as const) {
      assert.ok(minutes[key].every((value) => Number.isSafeInteger(value) && value >= 0));
      const sums = quarters[key].map((_, slot) =>
        minutes[key].subarray(15 * slot, 15 * slot + 15).reduce((sum, value) => sum + value, 0),
      );
      assert.deepEqual(sums, quarters[key]);
    }
  }
});

test("local days have 23 and 25 hours when the clocks change", () => {
  const autumn = syntheticHousehold({ ...options, index: 0, days: 2 });
  assert.equal(autumn.series.quality.length, 96 + 100);
  const spring = Date.UTC(2018, 2, 24, 23) / 1000;
  const short = syntheticHousehold({ ...options, index: 0, startSeconds: spring, days: 1 });
  assert.equal(short.series.quality.length, 92);
});

const wrong = [
  { name: "not at a local midnight", change: { startSeconds: startSeconds + 3600 } },
  { name: "no day", change: { days: 0 } },
  { name: "half a day", change: { days: 0.5 } },
  { name: "seconds", change: { intervalSeconds: 30 } },
  { name: "seven minutes", change: { intervalSeconds: 420 } },
];
for (const { name, change } of wrong) {
  test(`syntheticHousehold rejects: ${name}`, () => {
    assert.throws(() => syntheticHousehold({ ...options, ...change, index: 0 }), {
      name: "AssertionError",
    });
  });
}

test("the truth is in the readings: runs and presence can be seen", () => {
  const homes = syntheticNeighbourhood({ ...options, intervalSeconds: 60, households: 30 });
  let [seen, runs] = [0, 0];
  for (const { series, truth } of homes) {
    if (truth.traits.solarWattsPeak > 0) continue;
    for (const run of truth.runs) {
      const slot = (run.startSeconds - startSeconds) / 60;
      const floor = Math.floor((run.watts * 1000) / 60);
      if (slot >= series.quality.length) continue;
      runs += 1;
      if ((series.importMilliwattHours[slot] ?? 0) >= floor) seen += 1;
    }
  }
  assert.ok(runs > 100);
  assert.equal(seen, runs);
  const shares = homes.map(
    ({ truth }) => truth.occupied.reduce((sum, bit) => sum + bit, 0) / truth.occupied.length,
  );
  assert.ok(shares.some((share) => share < 0.75) && shares.some((share) => share > 0.85));
});

test("calibration: within the bands of the 100 real households (README.md)", () => {
  const homes = syntheticNeighbourhood({
    seed: "calibration-1",
    startSeconds: Date.UTC(2018, 9, 28, 23) / 1000,
    days: 49,
    intervalSeconds: 900,
    zone,
    households: 100,
  });
  const figures = figuresOf(homes.map(({ series }) => series));
  const within = (value: number, real: number, band: number) =>
    assert.ok(Math.abs(value - real) <= band, `${value} against ${real} ± ${band}`);
  within(figures.meanKilowattHoursPerDay, 9.13, 0.15 * 9.13);
  within(figures.peakKilowatts, 2.39, 0.25 * 2.39);
  within(figures.lagOneAutocorrelation, 0.606, 0.1);
  within(figures.lagDayAutocorrelation, 0.4338, 0.1);
  within(figures.coefficientOfVariation, 0.494, 0.15);
});

test("calibration figures of known series are what they must be", () => {
  const series = (values: number[]) => ({
    label: "h",
    startSeconds: 0,
    intervalSeconds: 3600,
    importMilliwattHours: Float64Array.from(values),
    exportMilliwattHours: new Float64Array(values.length),
    quality: new Uint8Array(values.length),
  });
  const wave = Array.from({ length: 96 }, (_, hour) => (hour % 2) * 2e6);
  const figures = figuresOf([series(wave), series(wave.map((value) => 3 * value))]);
  assert.equal(figures.meanKilowattHoursPerDay, 48);
  assert.equal(figures.coefficientOfVariation, 0.5);
  assert.equal(figures.peakKilowatts, 4);
  assert.equal(figures.lagOneAutocorrelation, -1);
  assert.equal(figures.lagDayAutocorrelation, 1);
  assert.equal(figures.baseKilowatts, 0);
});

test("random: uniform numbers stay in range, and streams differ", () => {
  const random = new Random("a", 1);
  const values = Array.from({ length: 10_000 }, () => random.uniform());
  assert.ok(values.every((value) => value >= 0 && value < 1));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(Math.abs(mean - 0.5) < 0.02);
  assert.notEqual(new Random("a", 12).uniform(), new Random("a1", 2).uniform());
  assert.equal(new Random("a", 1).uniform(), values[0]);
});
