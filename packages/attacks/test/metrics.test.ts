// Metrics: known answers by hand, slow references, and what must be undefined.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  advantage,
  estimate,
  matthewsCorrelation,
  normalizedMutualInformation,
  rankAuc,
} from "../src/index.ts";
import { uniforms } from "./signals.ts";

const bits = (text: string): Uint8Array => Uint8Array.from(text, Number);

test("AUC: by hand, ties counting half, one class undefined", () => {
  const rows: [string, string, number[], number | undefined][] = [
    ["perfect", "0011", [1, 2, 3, 4], 1],
    ["reversed", "1100", [1, 2, 3, 4], 0],
    ["all equal", "0101", [7, 7, 7, 7], 0.5],
    // Positives 2 and 3 against negatives 1, 2, 2: (1 + ½ + ½) + 3 of 6.
    ["a tie across classes", "01010", [1, 2, 2, 3, 2], 5 / 6],
    ["one positive in the middle", "01000", [1, 2, 3, 0, 4], 0.5],
    ["negative and fractional scores", "100", [-0.5, -1.5, -0.5], 0.75],
    ["no positive", "000", [1, 2, 3], undefined],
    ["no negative", "11", [1, 2], undefined],
  ];
  for (const [name, labels, scores, expected] of rows) {
    assert.equal(rankAuc(bits(labels), Float64Array.from(scores)), expected, name);
  }
  assert.throws(() => rankAuc(bits("01"), new Float64Array(3)), { name: "AssertionError" });
});

test("law: AUC is the share of pairs in order, and only ranks matter", () => {
  const item = fc.record({
    label: fc.integer({ min: 0, max: 1 }),
    score: fc.integer({ min: -5, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(item, { minLength: 2, maxLength: 40 }), (items) => {
      const labels = Uint8Array.from(items, ({ label }) => label);
      const scores = Float64Array.from(items, ({ score }) => score);
      let [won, pairs] = [0, 0];
      for (const one of items.filter(({ label }) => label === 1)) {
        for (const other of items.filter(({ label }) => label === 0)) {
          pairs += 1;
          won += one.score > other.score ? 1 : one.score === other.score ? 0.5 : 0;
        }
      }
      const auc = rankAuc(labels, scores);
      if (pairs === 0) assert.equal(auc, undefined);
      else assert.ok(Math.abs((auc ?? NaN) - won / pairs) < 1e-12);
      assert.equal(
        rankAuc(
          labels,
          scores.map((score) => Math.exp(score)),
        ),
        auc,
      );
    }),
  );
});

test("MCC: by hand, and who always says the same learns nothing", () => {
  const rows: [string, string, number | undefined][] = [
    ["1100", "1100", 1],
    ["1100", "0011", -1],
    ["1100", "1010", 0],
    // tp 2, fp 1, fn 1, tn 4: (8 − 1) / √(3·3·5·5).
    ["11100000", "11010000", 7 / 15],
    ["1100", "1111", 0],
    ["1111", "1100", undefined],
    ["0000", "1100", undefined],
  ];
  for (const [truth, guess, expected] of rows) {
    const actual = matthewsCorrelation(bits(truth), bits(guess));
    if (expected === undefined) assert.equal(actual, undefined);
    else assert.ok(Math.abs((actual ?? NaN) - expected) < 1e-12, `${truth} ${guess}: ${actual}`);
  }
});

test("NMI: 1 where the score determines the truth, 0 of a constant, undefined of one class", () => {
  const labels = Uint8Array.from({ length: 800 }, (_, index) => Number(index % 4 === 0));
  assert.equal(normalizedMutualInformation(labels, Float64Array.from(labels)), 1);
  assert.equal(normalizedMutualInformation(labels, new Float64Array(800)), 0);
  assert.equal(normalizedMutualInformation(new Uint8Array(800), new Float64Array(800)), undefined);
  // 800 different scores, the truth in the lower half: bins of 50, so exactly one bit of 16 bins.
  const halves = Uint8Array.from({ length: 800 }, (_, index) => Number(index < 400));
  const ramp = Float64Array.from({ length: 800 }, (_, index) => index);
  // I = ln 2 + (1 + 15 − 15) / 2n, of H = ln 2 + 1 / 2n: all of it.
  assert.ok(Math.abs((normalizedMutualInformation(halves, ramp) ?? 0) - 1) < 1e-12);
});

test("NMI: sixteen bins, no fewer: sixteenths in turn are found, thirty-seconds are lost", () => {
  const ramp = Float64Array.from({ length: 1600 }, (_, index) => index);
  const stripes = (count: number) =>
    Uint8Array.from(ramp, (index) => Math.floor((index * count) / 1600) % 2);
  assert.ok(Math.abs((normalizedMutualInformation(stripes(16), ramp) ?? 0) - 1) < 1e-12);
  assert.ok((normalizedMutualInformation(stripes(32), ramp) ?? 1) < 0);
});

test("NMI: Miller and Madow take the bias of an independent pair away", () => {
  const [random, count, rounds] = [uniforms(1), 784, 300];
  let sum = 0;
  for (let round = 0; round < rounds; round += 1) {
    const labels = Uint8Array.from({ length: count }, () => Number(random() < 0.3));
    const scores = Float64Array.from({ length: count }, random);
    sum += normalizedMutualInformation(labels, scores) ?? NaN;
  }
  // Uncorrected it would be 15 / 2n = 0.0096 nats of 0.61: 0.0157. Standard error here: 0.0003.
  assert.ok(Math.abs(sum / rounds) < 0.0015, String(sum / rounds));
});

test("advantage: always, a coin, never", () => {
  assert.deepEqual([advantage(10, 10), advantage(5, 10), advantage(0, 10)], [1, 0, -1]);
});

test("estimate: the wider bound of targets and seeds, by hand", () => {
  const sample = (target: string, seed: string, value: number) => ({ target, seed, value });
  // Two targets over one seed: means 1 and 3, standard error 1.
  const few = estimate([sample("a", "s", 0), sample("a", "s", 2), sample("b", "s", 3)]);
  assert.deepEqual(few, { mean: 2, low: 2 - 1.96, high: 2 + 1.96, targets: 2, seeds: 1 });
  // Ten targets that agree within each of five seeds: the seeds' bound is the wider.
  const many = estimate(
    ["1", "2", "3", "4", "5"].flatMap((seed) => [
      sample(`a${seed}`, seed, Number(seed)),
      sample(`b${seed}`, seed, Number(seed)),
    ]),
  );
  assert.ok(Math.abs(many.high - (3 + 2.776 * Math.sqrt(2.5 / 5))) < 1e-12);
  assert.equal(estimate([sample("a", "s", 1)]).high, Infinity);
  assert.throws(() => estimate([]), { name: "AssertionError" });
});
