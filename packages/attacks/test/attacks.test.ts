// Each attack on signals whose answer is known, and the views on small homes.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  AttackError,
  bandsOfPanel,
  billFingerprint,
  billRegisters,
  coarsen,
  edgesOf,
  geoma,
  hmm,
  judgedSteps,
  linkageRanks,
  loadFingerprint,
  matthewsCorrelation,
  meanProfile,
  niom,
  panelOf,
  rankAuc,
  relabel,
  residualDifferences,
  risesOf,
  syntheticPanel,
  twoCandidateAdvantage,
  windowsOf,
  withHome,
} from "../src/index.ts";
import type { Trace, Windows } from "../src/index.ts";
import { smooth, viterbi } from "../src/attacks/hmm.ts";
import type { Model, State } from "../src/attacks/hmm.ts";
import { noise, trace, uniforms } from "./signals.ts";

const hours = (occupied: Uint8Array, day: number): number[] =>
  [...occupied.subarray(24 * day, 24 * day + 24)].flatMap((is, hour) => (is === 1 ? [hour] : []));

test("NIOM: mean, deviation or range above the night's median maximum", () => {
  // Nights: mean 50, deviation up to 12 (at one), range up to 30 (at two). One night is a party,
  // which the median over days overlooks.
  const quarters: Record<number, readonly number[]> = {
    1: [38, 62, 38, 62],
    2: [35, 50, 50, 65],
    3: [40, 40, 40, 40],
    4: [40, 40, 40, 40],
    9: [51, 51, 51, 51], // Above in mean alone.
    12: [20, 48, 20, 48], // In deviation, 14, alone.
    14: [20, 35, 36, 51], // In range, 31, alone.
    16: [38, 62, 38, 62], // As at night: not above.
  };
  const home = trace(5, (day, slot) => {
    const hour = Math.floor(slot / 4);
    if (day === 2 && hour < 6) return 500 * (slot % 2);
    return quarters[hour]?.[slot % 4] ?? 30;
  });
  const windows = windowsOf(home);
  assert.deepEqual([windows.mean[1], windows.deviation[1], windows.range[1]], [50, 12, 24]);
  const { occupied, score, stepsPerDay } = niom(windows);
  assert.equal(stepsPerDay, 24);
  assert.deepEqual(hours(occupied, 0), [9, 12, 14]);
  assert.deepEqual(hours(occupied, 4), [9, 12, 14]);
  assert.equal(score[9], 51);
  const minutes: Trace = { wattHours: new Float64Array(1440), slotsPerDay: 1440 };
  assert.equal(windowsOf(minutes).windowsPerDay, 96);
});

test("GeoMA: above its slow average, and asleep from the last evening detection to nine", () => {
  const home = trace(6, (day, slot) => {
    const hour = slot / 4;
    if (day === 3) return 20; // Away all day.
    return hour >= 17 && hour < 22 ? 400 : 20;
  });
  const { occupied, stepsPerDay, score } = geoma(home);
  assert.equal(stepsPerDay, 48);
  const at = (day: number, hour: number): number | undefined => occupied[48 * day + 2 * hour];
  for (const day of [1, 2, 4]) {
    assert.deepEqual([at(day, 12), at(day, 19), at(day, 23.5)], [0, 1, 1], `day ${day}`);
  }
  assert.deepEqual([at(2, 3), at(2, 8.5), at(2, 9.5)], [1, 1, 0]);
  assert.deepEqual([at(3, 3), at(3, 19), at(4, 3)], [1, 0, 0]);
  assert.ok((score[48 + 38] ?? 0) > 0.5 && (score[48 + 24] ?? 0) < 0);
});

test("HMM: finds the two states again from labels of which a fifth is wrong", () => {
  const random = uniforms(3);
  let state = 0;
  const truth = Uint8Array.from({ length: 24 * 40 }, () => {
    if (random() < 0.08) state = 1 - state;
    return state;
  });
  const around = (centre: number): number => centre * (0.8 + 0.4 * random());
  const windows: Windows = {
    windowsPerDay: 24,
    mean: Float64Array.from(truth, (is) => around(is === 1 ? 220 : 60)),
    deviation: new Float64Array(truth.length),
    range: Float64Array.from(truth, (is) => around(is === 1 ? 300 : 40)),
  };
  const wrong = truth.map((is) => (random() < 0.2 ? 1 - is : is));
  const guess = hmm(windows, wrong);
  assert.deepEqual(guess.occupied, truth);
  assert.equal(rankAuc(truth, guess.score), 1);
  // Swapped and useless beginnings end in the same states: the higher one is occupied.
  for (const labels of [truth.map((is) => 1 - is), new Uint8Array(truth.length)]) {
    assert.deepEqual(hmm(windows, labels).occupied, truth);
  }
});

/** Every path with its probability, by enumeration: slow, and unlike the code under test. */
function enumerate(model: Model, density: Float64Array): { path: number[]; weight: number }[] {
  const steps = density.length / 2;
  return Array.from({ length: 2 ** steps }, (_, number) => {
    const path = Array.from({ length: steps }, (_, step) => (number >> step) & 1);
    let weight = 1;
    for (const [step, state] of path.entries()) {
      const before = path[step - 1];
      const leave = model.leave[before === 1 ? 1 : 0];
      if (before === undefined) weight *= state === 1 ? model.initial : 1 - model.initial;
      else weight *= before === state ? 1 - leave : leave;
      weight *= density[2 * step + state] ?? 0;
    }
    return { path, weight };
  });
}

test("law: the HMM's probabilities, rates and best path are those of all paths enumerated", () => {
  const rate = fc.double({ min: 0.05, max: 0.95, noNaN: true });
  const flat: State = { mean: [0, 0], variance: [1, 1] };
  fc.assert(
    fc.property(
      fc.tuple(rate, rate, rate),
      fc.array(rate, { minLength: 12, maxLength: 12 }),
      ([initial, up, down], values) => {
        const model: Model = { initial, leave: [up, down], states: [flat, flat] };
        const density = Float64Array.from(values);
        const paths = enumerate(model, density);
        const total = paths.reduce((sum, { weight }) => sum + weight, 0);
        const share = (counts: (path: number[]) => number): number =>
          paths.reduce((sum, { path, weight }) => sum + weight * counts(path), 0) / total;
        const { posterior, leave } = smooth(model, density);
        for (const [step, probability] of posterior.entries()) {
          assert.ok(Math.abs(probability - share((path) => path[step] ?? 0)) < 1e-9);
        }
        for (const state of [0, 1] as const) {
          const left = share(
            (path) =>
              path.filter((at, step) => at === state && path[step + 1] === 1 - state).length,
          );
          const been = share((path) => path.slice(0, -1).filter((at) => at === state).length);
          const expected = Math.min(0.999, Math.max(0.001, left / been));
          assert.ok(Math.abs(leave[state] - expected) < 1e-6);
        }
        const best = paths.reduce((one, other) => (other.weight > one.weight ? other : one));
        const found = paths.find(({ path }) => path.join() === viterbi(model, density).join());
        // By weight: two paths may be equally likely.
        assert.ok((found?.weight ?? 0) >= best.weight * (1 - 1e-9));
      },
    ),
  );
});

test("HMM: overlapping states, where the chain is worth more than the window alone", () => {
  const random = uniforms(5);
  let state = 0;
  const truth = Uint8Array.from({ length: 24 * 60 }, () => {
    if (random() < 0.04) state = 1 - state;
    return state;
  });
  const feature = (): Float64Array =>
    Float64Array.from(truth, (is) => Math.exp(4 + 0.8 * is + 1.6 * (random() + random() - 1)));
  const windows = { windowsPerDay: 24, mean: feature(), deviation: feature(), range: feature() };
  const threshold = windows.mean.slice().sort()[truth.length / 2] ?? 0;
  const labels = Uint8Array.from(windows.mean, (value) => (value > threshold ? 1 : 0));
  const [alone, chained] = [labels, hmm(windows, labels).occupied].map(
    (guess) => matthewsCorrelation(truth, guess) ?? 0,
  );
  assert.ok((alone ?? 1) < 0.6 && (chained ?? 0) > 0.85, `${alone} ${chained}`);
});

test("HMM: an empty home and an even one end in numbers, not in NaN", () => {
  for (const level of [0, 50]) {
    const { occupied, score } = hmm(windowsOf(trace(7, () => level)), new Uint8Array(168));
    assert.ok(score.every(Number.isFinite));
    assert.equal(occupied.length, 168);
  }
});

test("edges: a rise of 1 kW of mean power and no less, from one slot to the next", () => {
  const home = trace(1, (_, slot) => [100, 350, 599, 849, 0, 250][slot] ?? 250);
  assert.deepEqual([...edgesOf(home).subarray(0, 6)], [1, 0, 1, 0, 1, 0]);
  assert.deepEqual([...risesOf(home).subarray(0, 5)], [250, 249, 250, -849, 250]);
  assert.equal(rankAuc(edgesOf(home), risesOf(home)), 1);
  const minutes: Trace = {
    wattHours: Float64Array.of(0, 16, 33, ...new Float64Array(1437)),
    slotsPerDay: 1440,
  };
  assert.deepEqual([...edgesOf(minutes).subarray(0, 3)], [0, 1, 0]);
});

test("linkage: own twin first, equals never a hit, and the ranks of strangers", () => {
  const fingerprints = [5, 6, 7, 8].map((seed) => loadFingerprint(noise(14, seed, 100 * seed)));
  assert.equal(fingerprints[0]?.length, 202);
  assert.deepEqual(linkageRanks(fingerprints, fingerprints), [0, 0, 0, 0]);
  const same = [1, 2, 3].map(() => Float64Array.of(1, 2));
  assert.deepEqual(linkageRanks(same, same), [1, 1, 1]);
  const line = (values: number[]) => values.map((value) => Float64Array.of(value));
  // 0 sees |9|, |1|, |5|; 10 sees |1|, |9|, |5|; 5 sees 4, 4, 0.
  assert.deepEqual(linkageRanks(line([0, 10, 5]), line([9, 1, 5])), [2, 2, 0]);
  assert.throws(() => linkageRanks(same, []), { name: "AssertionError" });
});

test("a bill's fingerprint is per day, so that 28 and 21 days of one habit are equal", () => {
  const registers = Float64Array.of(84_000, 8400, 0);
  assert.deepEqual(
    billFingerprint(registers, 28),
    billFingerprint(
      registers.map((energy) => (energy * 3) / 4),
      21,
    ),
  );
});

/** The game with `others` homes of noise around two candidates. */
function advantageAmong(others: number, days: number, traceDays: number): number {
  const homes = Array.from({ length: others + 2 }, (_, seed) => noise(days, seed + 10));
  const [first, second, ...rest] = homes;
  assert.ok(first !== undefined && second !== undefined);
  const sum = rest.reduce(
    withHome,
    trace(days, () => 0),
  );
  const profile = new Float64Array(672);
  const residual = (one: Trace, size: number) => residualDifferences(one, size, profile);
  return twoCandidateAdvantage({
    candidates: [residual(first, 1), residual(second, 1)],
    aggregates: [
      residual(withHome(sum, first), others + 1),
      residual(withHome(sum, second), others + 1),
    ],
    traceSlots: 96 * traceDays,
  });
}

test("two candidates: certain alone, less so in a crowd, more so over a week, and a coin of twins", () => {
  assert.equal(advantageAmong(0, 7, 1), 1);
  // |δ| / 2σ√N on 95 differences of equal homes: about Φ(√(95/2N)), and √7 more over a week.
  const [near, far, week] = [
    advantageAmong(20, 70, 1),
    advantageAmong(150, 70, 1),
    advantageAmong(150, 70, 7),
  ];
  assert.ok(near > 0.75 && far < 0.65 && far > 0.1 && week > far, `${near} ${far} ${week}`);
  const twin = residualDifferences(noise(7, 1), 1, new Float64Array(672));
  const sums = [residualDifferences(noise(7, 2), 9, new Float64Array(672)), twin] as const;
  const game = { candidates: [twin, twin], aggregates: sums, traceSlots: 96 } as const;
  assert.equal(twoCandidateAdvantage(game), 0);
});

test("residuals: homes that follow the profile leave nothing, whatever their number", () => {
  const week = noise(7, 4);
  const twoWeeks = trace(14, (day, slot) => 3 * (week.wattHours[96 * (day % 7) + slot] ?? 0));
  const profile = meanProfile([twoWeeks, trace(14, () => 0)]);
  assert.equal(profile.length, 672);
  assert.ok(residualDifferences(twoWeeks, 2, profile).every((value) => value === 0));
});

test("occupancy is judged from 07 to 23 h, at the attack's own resolution", () => {
  const steps = Uint8Array.from({ length: 48 }, (_, index) => index % 24);
  const judged = judgedSteps(steps, 24);
  assert.deepEqual([judged.length, judged[0], judged.at(-1)], [32, 7, 22]);
  assert.deepEqual([...relabel(Uint8Array.of(1, 0), 24, 48)], [1, 1, 0, 0]);
  assert.deepEqual([...relabel(Uint8Array.of(1, 0, 0, 0, 1, 1, 0, 0), 96, 24)], [0, 1]);
});

const zone = "Europe/Zurich";
const startSeconds = Date.UTC(2018, 9, 28, 23) / 1000;
const series = (
  label: string,
  milliwattHours: Float64Array,
  start = startSeconds,
  seconds = 900,
) => ({
  label,
  startSeconds: start,
  intervalSeconds: seconds,
  importMilliwattHours: milliwattHours,
  exportMilliwattHours: milliwattHours.map((energy) => 2 * energy),
  quality: new Uint8Array(milliwattHours.length),
});

test("law: a home's whole watt-hours telescope to its register, rounded down once", () => {
  const day = fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 96, maxLength: 96 });
  fc.assert(
    fc.property(day, (energies) => {
      const one = series("a", Float64Array.from(energies));
      const [home] = panelOf("test", [one, { ...one, label: "b" }], { zone }).homes;
      let register = 0;
      let before = 0;
      for (const [slot, energy] of energies.entries()) {
        register += energy;
        before += home?.load.wattHours[slot] ?? NaN;
        assert.equal(before, Math.floor(register / 1000));
      }
      assert.deepEqual(coarsen(home?.load ?? noise(1, 1), 48).wattHours.length, 48);
    }),
    { numRuns: 30 },
  );
});

test("a bill's registers: bands, then export, over the days of the window alone", () => {
  const one = series("a", new Float64Array(96 * 7).fill(1000));
  const panel = panelOf("test", [one, { ...one, label: "b" }], { zone });
  const [home] = panel.homes;
  assert.ok(home !== undefined);
  const bands = bandsOfPanel(panel, {
    id: "day-night",
    bands: ["high", "low"],
    rules: [{ weekdays: [1, 2, 3, 4, 5], from: "07:00", to: "20:00", band: "high" }],
    defaultBand: "low",
  });
  const window = (fromDay: number, toDay: number) => [
    ...billRegisters(home, bands, { fromDay, toDay }),
  ];
  assert.deepEqual(window(0, 1), [52, 44, 192]);
  assert.deepEqual(window(4, 6), [52, 140, 384]); // Friday and Saturday.
  assert.deepEqual(window(5, 6), [0, 96, 192]);
});

test("panelOf refuses what is no panel", () => {
  const day = new Float64Array(96);
  const good = series("good", day);
  const autumn = Date.UTC(2018, 9, 26, 22) / 1000;
  const rows: [string, ReturnType<typeof series>[], string][] = [
    ["nobody", [], "ATTACK_TOO_SMALL"],
    ["one household", [good], "ATTACK_TOO_SMALL"],
    ["another start", [good, series("odd", day, startSeconds + 900)], "ATTACK_GRID_UNEVEN"],
    ["another length", [good, series("odd", new Float64Array(192))], "ATTACK_GRID_UNEVEN"],
    ["another interval", [good, series("odd", day, startSeconds, 1800)], "ATTACK_GRID_UNEVEN"],
    ["half a day", [1, 2].map(() => series("h", new Float64Array(48))), "ATTACK_GRID_UNEVEN"],
    [
      "hours",
      [1, 2].map(() => series("h", new Float64Array(24), startSeconds, 3600)),
      "ATTACK_GRID_UNEVEN",
    ],
    [
      "from one o'clock",
      [1, 2].map(() => series("h", day, startSeconds + 3600)),
      "ATTACK_NOT_LOCAL_DAYS",
    ],
    [
      "the clocks go back",
      [1, 2].map(() => series("h", new Float64Array(96 * 4), autumn)),
      "ATTACK_NOT_LOCAL_DAYS",
    ],
  ];
  for (const [name, homes, code] of rows) {
    assert.throws(
      () => panelOf("test", homes, { zone }),
      (error) => {
        assert.ok(error instanceof AttackError);
        assert.equal(error.code, code, name);
        return true;
      },
    );
  }
});

test("golden: the synthetic panel that published numbers were measured on", () => {
  // A change here makes every published number wrong: measure them again, and say so in CHANGELOG.
  const panel = syntheticPanel({ seed: "attack-1", households: 4, days: 7 });
  const hash = createHash("sha256");
  for (const { load, exported, occupied } of panel.homes) {
    hash.update(load.wattHours).update(exported.wattHours);
    hash.update(occupied ?? new Uint8Array(0));
  }
  assert.equal(hash.digest("hex").slice(0, 16), "01241d5aad09c97b");
});
