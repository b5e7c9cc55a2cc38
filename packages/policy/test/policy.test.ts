// The policy document and the rules for loads: tables in which most rows are refused, and laws.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  defaultPolicy,
  describePolicy,
  floorsOf,
  isUnsafe,
  judgeLoad,
  loadRules,
  parsePolicy,
  unsafePolicy,
  type LoadFacts,
  type Refusal,
  type ReleasePolicy,
} from "../src/index.ts";

const policy = defaultPolicy();
const codes = (refusals: readonly Refusal[]): string[] => refusals.map(({ code }) => code);

test("the default policy is the documented one and survives JSON", () => {
  assert.deepEqual(policy, {
    kind: "smarter-metering/policy",
    id: "standard-k100",
    contributorsMin: 100,
    contributorsMinFine: 500,
    dominanceMaxBasisPoints: 1500,
    auditMembersMin: 5,
    intervalSecondsMin: 900,
    completenessMinBasisPoints: 9000,
    churnMin: 5,
    billWindowDaysMin: 28,
    billGrid: { unit: "month" },
    bandIntervalsMin: 60,
    registersMax: 8,
    loadCutoffSeconds: 21_600,
    billCutoffSeconds: 259_200,
  });
  assert.deepEqual(parsePolicy(JSON.parse(JSON.stringify(policy))), policy);
  assert.equal(defaultPolicy({ contributorsMin: 20 }).contributorsMin, 20);
  assert.equal(isUnsafe(policy), false);
  const {
    dominanceMaxBasisPoints: _d,
    auditMembersMin: _a,
    bandIntervalsMin: _b,
    ...older
  } = policy;
  assert.deepEqual(parsePolicy(older), policy, "numbers that came later are the standard ones");
  const days = { ...policy, billGrid: { unit: "day", days: 30 }, intervalSecondsMin: 60 };
  assert.deepEqual(parsePolicy(days), days);
});

test("parsePolicy refuses malformed documents, naming the field", () => {
  const without: Record<string, unknown> = { ...policy };
  delete without["churnMin"];
  const rows: [string, unknown][] = [
    ["", null],
    ["", [policy]],
    ["", "standard"],
    ["", without],
    ["", { ...policy, contributersMin: 100 }],
    ["kind", { ...policy, kind: "smarter-metering/tariff" }],
    ["id", { ...policy, id: "" }],
    ["id", { ...policy, id: "k 100" }],
    ["id", { ...policy, id: 100 }],
    ["contributorsMin", { ...policy, contributorsMin: "100" }],
    ["contributorsMin", { ...policy, contributorsMin: Number.NaN }],
    ["contributorsMin", { ...policy, id: "UNSAFE-zero", contributorsMin: 0 }],
    ["contributorsMinFine", { ...policy, contributorsMinFine: 500.5 }],
    ["intervalSecondsMin", { ...policy, id: "UNSAFE-0", intervalSecondsMin: 0 }],
    ["completenessMinBasisPoints", { ...policy, completenessMinBasisPoints: 10_001 }],
    ["registersMax", { ...policy, registersMax: 9 }],
    ["registersMax", { ...policy, id: "UNSAFE-9", registersMax: 9 }],
    ["loadCutoffSeconds", { ...policy, loadCutoffSeconds: -1 }],
    ["billCutoffSeconds", { ...policy, billCutoffSeconds: 604_801 }],
    ["billGrid", { ...policy, billGrid: "month" }],
    ["billGrid", { ...policy, billGrid: { unit: "week" } }],
    ["billGrid", { ...policy, billGrid: { unit: "week", days: 7 } }],
    ["billGrid", { ...policy, billGrid: { unit: "month", days: 30 } }],
    ["billGrid.days", { ...policy, billGrid: { unit: "day", days: 0 } }],
  ];
  for (const [field, value] of rows) {
    const expected = { name: "PolicyError", code: "POLICY_MALFORMED", field };
    assert.throws(() => parsePolicy(value), expected, JSON.stringify(value));
  }
});

test("hard floors hold unless the id says UNSAFE-", () => {
  const below = [
    ["contributorsMin", 19, 20],
    ["contributorsMinFine", 499, 500],
    ["intervalSecondsMin", 59, 60],
    ["completenessMinBasisPoints", 8999, 9000],
    ["churnMin", 4, 5],
    ["dominanceMaxBasisPoints", 1501, 1500],
    ["auditMembersMin", 4, 5],
    ["bandIntervalsMin", 59, 60],
    ["billWindowDaysMin", 27, 28],
  ] as const;
  for (const [field, value, floor] of below) {
    for (const id of ["mine", "unsafe-mine", "not-UNSAFE-"]) {
      assert.throws(
        () => parsePolicy({ ...policy, id, [field]: value }),
        (error: Error & { code?: string; field?: string }) => {
          assert.deepEqual([error.code, error.field], ["POLICY_BELOW_FLOOR", field]);
          for (const word of [field, `${value}`, `${floor}`, "--unsafe-policy"]) {
            assert.ok(error.message.includes(word), `${word} in: ${error.message}`);
          }
          return true;
        },
      );
    }
    assert.equal(parsePolicy({ ...policy, [field]: floor })[field], floor);
    const unsafe = unsafePolicy({ [field]: value });
    assert.deepEqual([unsafe[field], unsafe.id, isUnsafe(unsafe)], [value, "UNSAFE-demo", true]);
  }
  assert.throws(() => defaultPolicy({ contributorsMin: 5 }), { code: "POLICY_BELOW_FLOOR" });
  assert.throws(() => unsafePolicy({ name: "a b" }), { code: "POLICY_MALFORMED", field: "id" });
  assert.equal(unsafePolicy({ name: "k3", contributorsMin: 3 }).id, "UNSAFE-k3");
});

test("describePolicy warns first when unsafe", () => {
  assert.equal(describePolicy(policy)[0], "Policy standard-k100.");
  assert.match(describePolicy(policy).join(" "), /at least 100 service points.*, 500 where/);
  assert.match(describePolicy(unsafePolicy({}))[0] ?? "", /^UNSAFE policy UNSAFE-demo/);
});

const start = Date.UTC(2026, 5, 1) / 1000;
const load: LoadFacts = {
  cohort: "cohort-pseudonym",
  cohortVersion: 2,
  blockStartSeconds: start,
  intervalSeconds: 900,
  slotCount: 4,
  contributorsPerSlot: [120, 120, 119, 120],
  memberCount: 125,
  contributorCount: 120,
  complete: false,
  churn: { first: false, added: 0, removed: 0 },
  registeredIntervalSeconds: 900,
  onBlockGrid: true,
  alreadyReleased: [{ startSeconds: start - 3600, endSeconds: start }],
  nowSeconds: start + 3600 + 21_600,
};
const whole = { contributorsPerSlot: [125, 125, 125, 125], contributorCount: 125, complete: true };

test("judgeLoad accepts", () => {
  const ninety = { memberCount: 130, contributorCount: 117 };
  const rows: [string, Partial<LoadFacts>][] = [
    ["at the cutoff", {}],
    ["complete, at the block's end", { ...whole, nowSeconds: start + 3600 }],
    ["exactly k", { contributorsPerSlot: [100, 100, 100, 100], contributorCount: 113 }],
    ["exactly 90 %", { ...ninety, contributorsPerSlot: [117, 117, 117, 117] }],
    ["first version", { churn: { first: true, added: 125, removed: 0 } }],
    ["five came", { churn: { first: false, added: 5, removed: 0 } }],
    ["five went, six came", { churn: { first: false, added: 6, removed: 5 } }],
    ["never released", { alreadyReleased: [] }],
    ["a gap", { alreadyReleased: [{ startSeconds: start + 3600, endSeconds: start + 7200 }] }],
    ["hours", { intervalSeconds: 3600, registeredIntervalSeconds: 3600, nowSeconds: start * 2 }],
  ];
  for (const [name, change] of rows) {
    assert.deepEqual(judgeLoad({ ...load, ...change }, policy), [], name);
  }
});

test("judgeLoad refuses", () => {
  const span = (from: number, to: number) => ({
    alreadyReleased: [{ startSeconds: start + from, endSeconds: start + to }],
  });
  const churn = (added: number, removed: number) => ({ churn: { first: false, added, removed } });
  const minute = { intervalSeconds: 60, registeredIntervalSeconds: 60 };
  const single = { contributorsPerSlot: [1, 1, 1, 1], memberCount: 1, contributorCount: 1 };
  const rows: [string, Partial<LoadFacts>, string[]][] = [
    ["one slot short", { contributorsPerSlot: [120, 120, 120, 99] }, ["R1_TOO_FEW_CONTRIBUTORS"]],
    ["first slot empty", { contributorsPerSlot: [0, 120, 120, 120] }, ["R1_TOO_FEW_CONTRIBUTORS"]],
    ["a household as a cohort", single, ["R1_TOO_FEW_CONTRIBUTORS"]],
    ["minutes", minute, ["R1_TOO_FEW_CONTRIBUTORS", "R11_TOO_FINE"]],
    ["the same block again", span(0, 3600), ["R3_ALREADY_RELEASED"]],
    ["hour and day over one interval", span(-82_800, 3600), ["R3_ALREADY_RELEASED"]],
    ["its last slot", span(2700, 3600), ["R3_ALREADY_RELEASED"]],
    ["a slot inside", span(900, 1800), ["R3_ALREADY_RELEASED"]],
    ["its first second", span(-900, 1), ["R3_ALREADY_RELEASED"]],
    ["shifted block", { onBlockGrid: false }, ["R3_OFF_BLOCK_GRID"]],
    ["one came", churn(1, 0), ["R6_SMALL_CHURN"]],
    ["one went", churn(0, 1), ["R6_SMALL_CHURN"]],
    ["four went behind nine who came", churn(9, 4), ["R6_SMALL_CHURN"]],
    ["one swapped", churn(1, 1), ["R6_SMALL_CHURN"]],
    ["89.6 %", { memberCount: 134 }, ["R7_INCOMPLETE"]],
    ["finer than registered", { registeredIntervalSeconds: 3600 }, ["R11_NOT_REGISTERED_INTERVAL"]],
    ["unregistered", { registeredIntervalSeconds: Number.NaN }, ["R11_NOT_REGISTERED_INTERVAL"]],
    ["a second early", { nowSeconds: load.nowSeconds - 1 }, ["TIMING_BEFORE_CUTOFF"]],
    ["complete too early", { ...whole, nowSeconds: start + 3599 }, ["TIMING_BEFORE_CUTOFF"]],
    [
      "everything at once",
      { contributorCount: 99, contributorsPerSlot: [9, 9, 9, 9], ...span(0, 9), nowSeconds: 0 },
      ["R1_TOO_FEW_CONTRIBUTORS", "R3_ALREADY_RELEASED", "R7_INCOMPLETE", "TIMING_BEFORE_CUTOFF"],
    ],
  ];
  for (const [name, change, expected] of rows) {
    const refusals = judgeLoad({ ...load, ...change }, policy);
    assert.deepEqual(codes(refusals), expected, name);
    for (const { rule, code, reason } of refusals) {
      assert.ok(code.startsWith(`${rule}_`) && reason.length > 10);
      assert.ok(!reason.includes("pseudonym"), reason);
    }
  }
});

test("judgeLoad refuses facts that contradict each other, and only that", () => {
  const rows: Partial<LoadFacts>[] = [
    { slotCount: 0, contributorsPerSlot: [] },
    { contributorsPerSlot: [] },
    { contributorsPerSlot: [120, 120, 120] },
    { contributorsPerSlot: [120, 120, 120, 120, 120] },
    { contributorsPerSlot: [120, 120, 120, 121] },
    { contributorsPerSlot: [120, 120, 120, Number.NaN] },
    { contributorsPerSlot: [120, 120, 120, 119.5] },
    { contributorsPerSlot: [120, 120, 120, -1] },
    { contributorCount: Number.POSITIVE_INFINITY },
    { contributorCount: 126 },
    { memberCount: 0, contributorCount: 0, contributorsPerSlot: [0, 0, 0, 0] },
    { complete: true },
    { ...whole, contributorsPerSlot: [125, 125, 124, 125] },
    { intervalSeconds: 0 },
    { intervalSeconds: -900 },
    { blockStartSeconds: Number.NaN },
    { nowSeconds: Number.NaN },
    { nowSeconds: Number.POSITIVE_INFINITY },
    { churn: { first: false, added: -5, removed: 5 } },
    { alreadyReleased: [{ startSeconds: 5, endSeconds: 5 }] },
    { alreadyReleased: [{ startSeconds: Number.NaN, endSeconds: 5 }] },
  ];
  for (const change of rows) {
    const refused = codes(judgeLoad({ ...load, ...change }, policy));
    assert.deepEqual(refused, ["SHAPE_INCONSISTENT"], JSON.stringify(change));
  }
});

test("minutes are released from 500 on, where the policy admits minutes", () => {
  const minutes = parsePolicy({ ...policy, intervalSecondsMin: 60 });
  const facts = (count: number): LoadFacts => ({
    ...load,
    intervalSeconds: 60,
    registeredIntervalSeconds: 60,
    contributorsPerSlot: [count, count, count, count],
    contributorCount: count,
    memberCount: count,
    complete: true,
  });
  assert.deepEqual(codes(judgeLoad(facts(499), minutes)), ["R1_TOO_FEW_CONTRIBUTORS"]);
  assert.deepEqual(judgeLoad(facts(500), minutes), []);
  const many = parsePolicy({ ...minutes, contributorsMin: 600 });
  assert.deepEqual(codes(judgeLoad(facts(599), many)), ["R1_TOO_FEW_CONTRIBUTORS"]);
});

/** Loads near the limits of the policy; facts may contradict each other where no rule minds. */
const anyLoad: fc.Arbitrary<LoadFacts> = fc
  .record({
    contributorsPerSlot: fc.array(fc.integer({ min: 95, max: 105 }), {
      minLength: 4,
      maxLength: 4,
    }),
    memberCount: fc.integer({ min: 105, max: 125 }),
    contributorCount: fc.integer({ min: 90, max: 105 }),
    complete: fc.boolean(),
    churn: fc.record({ first: fc.boolean(), added: fc.nat(8), removed: fc.nat(8) }),
    intervalSeconds: fc.constantFrom(300, 900, 1800),
    onBlockGrid: fc.boolean(),
    released: fc.integer({ min: -8, max: 8 }),
    nowSeconds: fc.integer({ min: start, max: start + 40_000 }),
  })
  .map(({ released, ...facts }) => {
    const startSeconds = start + released * 900;
    return {
      ...load,
      ...facts,
      alreadyReleased: [{ startSeconds, endSeconds: startSeconds + 900 }],
    };
  });

function refusesLoad(code: string, facts: LoadFacts, by: ReleasePolicy = policy): boolean {
  const rule = loadRules.find((candidate) => candidate.code === code);
  assert.ok(rule !== undefined, code);
  return rule.judge(facts, by) !== undefined;
}

test("law: what only makes a load safer never turns acceptance into refusal", () => {
  type Step = (facts: LoadFacts, by: number) => LoadFacts;
  const safer: Record<string, Step> = {
    R1_TOO_FEW_CONTRIBUTORS: (facts, by) => ({
      ...facts,
      contributorsPerSlot: facts.contributorsPerSlot.map(
        (count, slot) => count + (by % (slot + 2)),
      ),
    }),
    R3_ALREADY_RELEASED: (facts) => ({ ...facts, alreadyReleased: [] }),
    R3_OFF_BLOCK_GRID: (facts) => ({ ...facts, onBlockGrid: true }),
    R6_SMALL_CHURN: (facts, by) => {
      const more = (count: number): number => (count === 0 ? 0 : count + by);
      const { first, added, removed } = facts.churn;
      return { ...facts, churn: { first, added: more(added), removed: more(removed) } };
    },
    R7_INCOMPLETE: (facts, by) => ({ ...facts, contributorCount: facts.contributorCount + by }),
    R11_TOO_FINE: (facts, by) => ({ ...facts, intervalSeconds: facts.intervalSeconds + by }),
    R11_NOT_REGISTERED_INTERVAL: (facts) => ({
      ...facts,
      registeredIntervalSeconds: facts.intervalSeconds,
    }),
    TIMING_BEFORE_CUTOFF: (facts, by) => ({ ...facts, nowSeconds: facts.nowSeconds + by }),
  };
  assert.deepEqual(
    Object.keys(safer),
    codes(loadRules.map((r) => ({ ...r, rule: "", reason: "" }))),
  );
  const seen = new Map<string, Set<boolean>>();
  fc.assert(
    fc.property(anyLoad, fc.nat(3000), (facts, by) => {
      for (const [code, step] of Object.entries(safer)) {
        const refused = refusesLoad(code, facts);
        seen.set(code, (seen.get(code) ?? new Set()).add(refused));
        if (!refused) assert.equal(refusesLoad(code, step(facts, by)), false, code);
      }
    }),
    { numRuns: 300 },
  );
  for (const [code, outcomes] of seen) assert.equal(outcomes.size, 2, `${code} went both ways`);
});

test("floors: what is a matter of privacy stands beside its bound, and no safe policy passes it", () => {
  const floors = floorsOf(policy);
  assert.deepEqual(floors[0], { field: "contributorsMin", value: 100, floor: 20, ceiling: null });
  const bounded = floors.map(({ field }) => field);
  assert(!bounded.includes("loadCutoffSeconds") && !bounded.includes("registersMax"));
  for (const { field, floor, ceiling } of floors) {
    const beyond = ceiling === null ? floor - 1 : ceiling + 1;
    assert.throws(() => parsePolicy({ ...policy, [field]: beyond }), {
      code: "POLICY_BELOW_FLOOR",
    });
    assert.doesNotThrow(() => parsePolicy({ ...policy, [field]: ceiling ?? floor }));
  }
});

test("law: a stricter policy never accepts what a laxer one refused", () => {
  fc.assert(
    fc.property(anyLoad, fc.nat(10), fc.nat(1000), (facts, people, share) => {
      const stricter = parsePolicy({
        ...policy,
        contributorsMin: policy.contributorsMin + people,
        completenessMinBasisPoints: policy.completenessMinBasisPoints + share,
        churnMin: policy.churnMin + people,
        intervalSecondsMin: policy.intervalSecondsMin + share,
        loadCutoffSeconds: policy.loadCutoffSeconds + share,
      });
      for (const { code } of loadRules) {
        if (refusesLoad(code, facts)) assert.ok(refusesLoad(code, facts, stricter), code);
      }
    }),
    { numRuns: 200 },
  );
});
