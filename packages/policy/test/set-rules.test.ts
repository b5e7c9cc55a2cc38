// R2, R4 and R9: attacks that work when nobody asks, tables in which most rows are refused, laws.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseCalendar } from "@smarter-metering/tariff";
import {
  bandRules,
  bandSeconds,
  costRules,
  defaultPolicy,
  dominanceRules,
  familyRules,
  fuseWatts,
  judgeBands,
  judgeCost,
  judgeDominance,
  judgeFamily,
  presenceRuns,
  unsafePolicy,
  type CostFacts,
  type DominanceFacts,
  type FamilyFacts,
  type Refusal,
} from "../src/index.ts";

const policy = defaultPolicy({ contributorsMin: 20 });
const codes = (refusals: readonly Refusal[]): string[] => refusals.map(({ code }) => code);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test("presenceRuns joins slots with the same members", () => {
  const runs = presenceRuns(96, 10, (member, slot) => member !== 9 || slot < 40 || slot > 50);
  assert.deepEqual(
    runs.map(({ slotCount, members }) => [slotCount, [...members]]),
    [
      [40, [255, 3]],
      [11, [255, 1]],
      [45, [255, 3]],
    ],
  );
  assert.deepEqual(
    presenceRuns(0, 10, () => true),
    [],
  );
});

// R2

const household = { fuseWatts: fuseWatts({ amps: 25, phases: 3 }), classAnnualKilowattHours: 3500 };
const weights = (first: Partial<typeof household>, count = 20): DominanceFacts["weights"] =>
  upTo(count).map((index) => (index === 0 ? { ...household, ...first } : household));
const all = (count: number) => presenceRuns(4, count, () => true);

test("R2: one large consumer is seen in the sum of all, and refused", () => {
  // The sum goes up and down with the workshop: 19 households of 200 Wh hide nothing of its 20 kWh.
  const workshop = [20_000, 100, 100, 20_000];
  const sums = workshop.map((energy) => energy + 19 * 200);
  assert.deepEqual(
    sums.map((sum) => sum > 10_000),
    workshop.map((energy) => energy > 10_000),
    "the attack works",
  );
  const rows: [string, DominanceFacts, string[]][] = [
    ["households", { runs: all(20), weights: weights({}) }, []],
    ["its fuse", { runs: all(20), weights: weights({ fuseWatts: 100_000 }) }, ["R2_DOMINANT_FUSE"]],
    [
      "its class",
      { runs: all(20), weights: weights({ classAnnualKilowattHours: 20_000 }) },
      ["R2_DOMINANT_CLASS"],
    ],
    ["among 120", { runs: all(120), weights: weights({ fuseWatts: 100_000 }, 120) }, []],
    // 3 / (3 + 17) is 15 %; one household less and it is more.
    ["15 %", { runs: all(18), weights: weights({ fuseWatts: 3 * 17_250 }, 18) }, []],
    [
      "in one slot of four",
      {
        runs: presenceRuns(4, 18, (member, slot) => member !== 17 || slot !== 2),
        weights: weights({ fuseWatts: 3 * 17_250 }, 18),
      },
      ["R2_DOMINANT_FUSE"],
    ],
    [
      "absent",
      {
        runs: presenceRuns(4, 20, (member) => member > 0),
        weights: weights({ fuseWatts: 100_000 }),
      },
      [],
    ],
    [
      "no class",
      { runs: all(20), weights: weights({ classAnnualKilowattHours: NaN }) },
      ["SHAPE_INCONSISTENT"],
    ],
    ["no fuse", { runs: all(20), weights: weights({ fuseWatts: 0 }) }, ["SHAPE_INCONSISTENT"]],
    ["other members", { runs: all(20), weights: weights({}, 40) }, ["SHAPE_INCONSISTENT"]],
    ["no slots", { runs: [], weights: weights({}) }, ["SHAPE_INCONSISTENT"]],
  ];
  for (const [name, facts, expected] of rows) {
    assert.deepEqual(codes(judgeDominance(facts, policy)), expected, name);
  }
  const off = unsafePolicy({ dominanceMaxBasisPoints: 10_000 });
  assert.deepEqual(judgeDominance({ runs: all(1), weights: weights({}, 1) }, off), []);
});

// R4

const setOf = (from: number, to: number): ReadonlySet<string> =>
  new Set(upTo(to - from).map((index) => `pseudonym-${from + index}`));

test("R4: two sets one member apart show that member, and are refused", () => {
  const readings = upTo(100).map((index) => (index * 7919) % 1000);
  const sum = (to: number): number =>
    readings.slice(0, to).reduce((total, each) => total + each, 0);
  assert.equal(sum(100) - sum(99), readings[99], "the attack works");

  const rows: [string, ReadonlySet<string>, ReadonlySet<string>[], string[]][] = [
    ["alone", setOf(0, 100), [], []],
    ["apart", setOf(0, 100), [setOf(100, 200)], []],
    ["one member less before", setOf(0, 100), [setOf(0, 99)], ["R4_SMALL_REMAINDER"]],
    ["one member more before", setOf(0, 99), [setOf(0, 100)], ["R4_SMALL_REMAINDER"]],
    ["nineteen", setOf(0, 100), [setOf(0, 81)], ["R4_SMALL_REMAINDER"]],
    ["twenty", setOf(0, 100), [setOf(0, 80)], []],
    ["the sum of its children", setOf(0, 100), [setOf(0, 50), setOf(50, 100)], []],
    ["children and one", setOf(0, 100), [setOf(0, 50), setOf(50, 99)], ["R4_SMALL_REMAINDER"]],
    ["a third child", setOf(60, 99), [setOf(0, 100), setOf(0, 60)], ["R4_SMALL_REMAINDER"]],
    ["grandchildren", setOf(0, 200), [setOf(0, 100), setOf(0, 50), setOf(100, 200)], []],
    ["crossing", setOf(50, 150), [setOf(0, 100)], ["R4_NOT_LAMINAR"]],
    ["crossing in one", setOf(99, 199), [setOf(0, 100)], ["R4_NOT_LAMINAR"]],
    ["no set", setOf(0, 0), [], ["SHAPE_INCONSISTENT"]],
  ];
  for (const [name, requested, released, expected] of rows) {
    const refusals = judgeFamily({ requested, released }, policy);
    assert.deepEqual(codes(refusals), expected, name);
    assert.ok(refusals.every(({ reason }) => !reason.includes("pseudonym")));
  }
});

test("law: differences of granted sets are of nobody or of k", () => {
  const set = fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 6 }));
  const two = unsafePolicy({ contributorsMin: 2 });
  const outcomes = new Set<boolean>();
  fc.assert(
    fc.property(fc.array(set, { minLength: 1, maxLength: 6 }), (spans) => {
      const released: ReadonlySet<string>[] = [];
      for (const [from, count] of spans) {
        const facts: FamilyFacts = { requested: setOf(from, from + count), released };
        const isGranted = judgeFamily(facts, two).length === 0;
        outcomes.add(isGranted);
        if (isGranted) released.push(facts.requested);
      }
      // Sums over a laminar family determine those of its atoms, and of unions of atoms alone.
      const atoms = new Map<string, number>();
      for (const member of new Set(released.flatMap((each) => [...each]))) {
        const atom = released.map((each) => (each.has(member) ? 1 : 0)).join("");
        atoms.set(atom, (atoms.get(atom) ?? 0) + 1);
      }
      for (const count of atoms.values()) assert.ok(count >= 2);
    }),
    { numRuns: 300 },
  );
  assert.equal(outcomes.size, 2);
});

// R9, bands

const zone = "Europe/Paris";
const monday = Date.parse("2026-11-02T00:00:00+01:00") / 1000;
const month = 28 * 86_400;

test("R9: a band of one quarter of an hour is a reading, and refused", () => {
  const rules = [{ weekdays: [3], from: "19:00", to: "19:15", band: "b" }];
  const spy = parseCalendar({ id: "spy", bands: ["a", "b", "c"], rules, defaultBand: "a" });
  const seconds = bandSeconds(spy, monday, monday + month, zone);
  assert.deepEqual(seconds, [month - 4 * 900, 4 * 900, 0], "four readings in a register");
  assert.deepEqual(bandSeconds(undefined, monday, monday + month, zone), [month]);

  const facts = { bandSeconds: seconds, intervalSeconds: 900, powerMaxWatts: 54_000 };
  const bands = (...list: number[]) => ({ ...facts, bandSeconds: list });
  const rows: [string, Parameters<typeof judgeBands>[0], string[]][] = [
    ["the spy's", facts, ["R9_BAND_TOO_NARROW"]],
    ["60 intervals", bands(month, 54_000), []],
    ["a second less", bands(month, 53_999), ["R9_BAND_TOO_NARROW"]],
    ["a band that never holds", bands(month, 0), []],
    ["60 minutes", { ...bands(month, 3600), intervalSeconds: 60 }, ["R9_BAND_TOO_NARROW"]],
    ["60 hours", { ...bands(month, 216_000), intervalSeconds: 3600 }, []],
    ["15 hours", { ...bands(month, 54_000), intervalSeconds: 3600 }, ["R9_BAND_TOO_NARROW"]],
    ["a power station", { ...bands(month), powerMaxWatts: 5e8 }, ["R9_VALUE_TOO_LARGE"]],
    ["no band", bands(), ["SHAPE_INCONSISTENT"]],
    ["no time", bands(NaN), ["SHAPE_INCONSISTENT"]],
    ["no fuse", { ...bands(month), powerMaxWatts: Infinity }, ["SHAPE_INCONSISTENT"]],
  ];
  for (const [name, each, expected] of rows) {
    assert.deepEqual(codes(judgeBands(each, policy)), expected, name);
  }
  assert.deepEqual(judgeBands(facts, unsafePolicy({ bandIntervalsMin: 4 })), []);
});

// R9, costs

const hours = 720;
/** A price that goes up and down over a day. */
const hourly = upTo(hours).map((t) => 200 + ((t * 37) % 24) * 3 + (Math.floor(t / 24) % 7) * 5);
const cost: CostFacts = {
  prices: hourly,
  isLogged: true,
  classSize: 20,
  bandCount: 1,
  valueMax: 54_000,
};
const priced = (price: (t: number) => number): CostFacts => ({
  ...cost,
  prices: upTo(hours).map(price),
});

test("R9: prices that write readings into the cost work, and are refused", () => {
  const readings = upTo(hours).map((t) => 50 + ((t * 7919) % 1000));
  const costOf = (prices: readonly bigint[]): bigint =>
    prices.reduce((sum, price, t) => sum + price * BigInt(readings[t] ?? 0), 0n);
  const total = readings.reduce((sum, each) => sum + each, 0);

  const digits = costOf(upTo(hours).map((t) => 2n ** BigInt(20 * t)));
  assert.deepEqual(
    upTo(hours).map((t) => Number((digits >> BigInt(20 * t)) & 0xfffffn)),
    readings,
    "2^(20t): every reading from one bill",
  );
  const one = priced((t) => (t === 333 ? 30_001 : 30_000));
  const oneCost = Number(costOf(one.prices.map(BigInt)));
  assert.equal(oneCost - 30_000 * total, readings[333], "30000 with one 30001: that reading");
  const residue = priced((t) => (t === 333 ? 6001 : 2000 * (1 + (t % 11))));
  const residueCost = Number(costOf(residue.prices.map(BigInt)));
  assert.equal(residueCost % 2000, readings[333], "one price off a common residue: that reading");

  const residueCode = ["R9_COST_RESIDUE"];
  const both = ["R9_COST_LEVERAGE", "R9_COST_RESIDUE"];
  const rows: [string, CostFacts, string[]][] = [
    ["an ordinary tariff", cost, []],
    ["one price", priced(() => 300), []],
    ["day and night", priced((t) => (t % 24 < 7 ? 180 : 260)), []],
    [
      "2^(20t)",
      { ...cost, prices: [...hourly.slice(2), 2 ** 20, 2 ** 40] },
      ["SHAPE_INCONSISTENT"],
    ],
    ["2^t", priced((t) => 2 ** (t % 31)), ["R9_VALUE_TOO_LARGE", "R9_COST_RESIDUE"]],
    ["2^(3t) in ten intervals", priced((t) => (t < 10 ? 8 ** t : 1)), both],
    ["30000 with one 30001", one, both],
    ["one off a common residue", residue, residueCode],
    [
      "the same, shifted",
      priced((t) => (t === 333 ? 6004 : 3 + 2000 * (1 + (t % 11)))),
      residueCode,
    ],
    [
      "59 off",
      priced((t) => (t < 59 ? 6001 + 2000 * (t % 5) : 2000 * (1 + (t % 11)))),
      residueCode,
    ],
    ["60 off", priced((t) => (t < 60 ? 6001 + 2000 * (t % 5) : 2000 * (1 + (t % 11)))), []],
    ["odd among even", priced((t) => (t === 5 ? 201 : 200 + 2 * (t % 24))), residueCode],
    ["two prices, 59 times", priced((t) => (t % 12 === 0 && t < 708 ? 2 : 1)), residueCode],
    ["two prices, 60 times", priced((t) => (t % 12 === 0 ? 2 : 1)), []],
    [
      "eleven heavy hours",
      priced((t) => (t < 11 ? 100_000 : 200 + (t % 24))),
      ["R9_COST_LEVERAGE"],
    ],
    ["not logged", { ...cost, isLogged: false }, ["R9_COST_NOT_LOGGED"]],
    ["a tariff for nineteen", { ...cost, classSize: 19 }, ["R9_COST_CLASS_TOO_SMALL"]],
    ["beside two bands", { ...cost, bandCount: 2 }, ["R9_COST_BESIDE_BANDS"]],
    ["five days", { ...cost, prices: hourly.slice(0, 119) }, ["R9_COST_RESIDUE"]],
    ["in too small a unit", { ...cost, valueMax: 54_000_000_000 }, ["R9_VALUE_TOO_LARGE"]],
    ["a negative price", { ...cost, prices: [-1, ...hourly] }, ["SHAPE_INCONSISTENT"]],
    ["half a unit", { ...cost, prices: [0.5, ...hourly] }, ["SHAPE_INCONSISTENT"]],
    ["no prices", { ...cost, prices: [] }, ["SHAPE_INCONSISTENT"]],
  ];
  for (const [name, facts, expected] of rows) {
    assert.deepEqual(codes(judgeCost(facts, policy)), expected, name);
  }
  const every = [...dominanceRules, ...familyRules, ...bandRules, ...costRules];
  // R9_VALUE_TOO_LARGE is a band's and a cost's.
  assert.equal(new Set(every.map(({ code }) => code)).size, every.length - 1);
});

const small = unsafePolicy({ bandIntervalsMin: 4, contributorsMin: 1 });
const rule = (code: string, prices: readonly number[]): boolean => {
  const found = costRules.find((each) => each.code === code);
  return found?.judge({ ...cost, prices }, small) !== undefined;
};

test("law: residues are found as by trying every modulus", () => {
  const mostlyEqual = [...upTo(20).map(() => 0), 5, 7, 15, 25, 35, 45];
  assert.equal(rule("R9_COST_RESIDUE", mostlyEqual), true, "7, modulo 5");
  const outcomes = new Set<boolean>();
  const anyPrices = fc.oneof(
    fc.array(fc.nat(40), { minLength: 1, maxLength: 14 }),
    fc
      .tuple(
        fc.integer({ min: 2, max: 30 }),
        fc.nat(29),
        fc.array(fc.nat(9), { minLength: 8, maxLength: 14 }),
      )
      .chain(([q, residue, multiples]) =>
        fc
          .uniqueArray(fc.tuple(fc.nat(7), fc.nat(400)), { maxLength: 5, selector: ([at]) => at })
          .map((apart) => {
            const prices = multiples.map((multiple) => multiple * q + residue);
            for (const [at, price] of apart) prices[at] = price;
            return prices;
          }),
      ),
  );
  fc.assert(
    fc.property(anyPrices, (prices) => {
      const singlesOut = upTo(500).some((modulus) => {
        if (modulus < 2) return false;
        const classes = new Map<number, number>();
        for (const p of prices) classes.set(p % modulus, (classes.get(p % modulus) ?? 0) + 1);
        const apart = prices.length - Math.max(...classes.values());
        return apart > 0 && apart < 4;
      });
      outcomes.add(singlesOut);
      assert.equal(rule("R9_COST_RESIDUE", prices), singlesOut, prices.join());
    }),
    { numRuns: 1000 },
  );
  assert.equal(outcomes.size, 2);
});

test("law: leverage is that of least squares on total and cost", () => {
  const outcomes = new Set<boolean>();
  fc.assert(
    fc.property(fc.array(fc.nat(60), { minLength: 12, maxLength: 60, size: "max" }), (prices) => {
      const n = prices.length;
      const mean = prices.reduce((sum, p) => sum + p, 0) / n;
      const spread = prices.reduce((sum, p) => sum + (p - mean) ** 2, 0);
      fc.pre(spread > 0);
      const largest = Math.max(...prices.map((p) => 1 / n + (p - mean) ** 2 / spread));
      fc.pre(Math.abs(largest - 1 / 12) > 1e-9);
      outcomes.add(largest > 1 / 12);
      assert.equal(rule("R9_COST_LEVERAGE", prices), largest > 1 / 12);
    }),
    { numRuns: 300 },
  );
  assert.equal(outcomes.size, 2);
});
