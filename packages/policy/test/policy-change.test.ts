/** Which changes of a policy loosen it (docs/protocol.md §9.4), and that the order is the one the rules have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  comparePolicies,
  defaultPolicy,
  isSamePolicy,
  judgeLoad,
  needsNotice,
  unsafePolicy,
  type Direction,
  type LoadFacts,
  type ReleasePolicy,
} from "../src/index.ts";

const base = unsafePolicy({ name: "base" });
const changed = (changes: Partial<ReleasePolicy>): ReleasePolicy => ({ ...base, ...changes });

const rows: readonly (readonly [keyof ReleasePolicy, Direction, Partial<ReleasePolicy>])[] = [
  ["contributorsMin", "looser", { contributorsMin: 99 }],
  ["contributorsMin", "tighter", { contributorsMin: 101 }],
  ["contributorsMinFine", "looser", { contributorsMinFine: 499 }],
  ["dominanceMaxBasisPoints", "looser", { dominanceMaxBasisPoints: 1501 }],
  ["dominanceMaxBasisPoints", "tighter", { dominanceMaxBasisPoints: 1499 }],
  ["auditMembersMin", "looser", { auditMembersMin: 4 }],
  ["intervalSecondsMin", "looser", { intervalSecondsMin: 60 }],
  ["completenessMinBasisPoints", "looser", { completenessMinBasisPoints: 8999 }],
  ["churnMin", "looser", { churnMin: 4 }],
  ["churnMin", "tighter", { churnMin: 6 }],
  ["billWindowDaysMin", "looser", { billWindowDaysMin: 27 }],
  ["bandIntervalsMin", "looser", { bandIntervalsMin: 59 }],
  ["registersMax", "looser", { registersMax: 8.5 }],
  ["registersMax", "tighter", { registersMax: 7 }],
  ["loadCutoffSeconds", "other", { loadCutoffSeconds: 1 }],
  ["billCutoffSeconds", "other", { billCutoffSeconds: 1 }],
  ["billGrid", "other", { billGrid: { unit: "day", days: 30 } }],
  ["id", "tighter", { id: "standard" }],
];
for (const [field, direction, changes] of rows) {
  test(`comparePolicies: ${JSON.stringify(changes)} is ${direction}`, () => {
    const found = comparePolicies(base, changed(changes));
    assert.deepEqual(
      found.map((change) => [change.field, change.direction]),
      [[field, direction]],
    );
    assert.equal(needsNotice(found), direction !== "tighter");
    assert.match(found[0]?.text ?? "", new RegExp(`\\(${direction}\\)$`));
  });
}

test("every key of a policy is compared: none can change unseen", () => {
  for (const key of Object.keys(base)) {
    if (key !== "kind")
      assert(
        rows.some(([field]) => field === key),
        key,
      );
  }
});

test("another name for the same numbers is no change, and yet another policy; floors that go are", () => {
  const k100 = defaultPolicy();
  assert.deepEqual(comparePolicies(k100, { ...k100, id: "mine" }), []);
  assert.equal(isSamePolicy(k100, { ...k100, id: "mine" }), false);
  assert.equal(isSamePolicy(k100, { ...k100, billGrid: { unit: "month" } }), true);
  const [change] = comparePolicies(k100, { ...k100, id: "UNSAFE-mine" });
  assert.equal(change?.direction, "looser");
});

const numbers = ["contributorsMin", "dominanceMaxBasisPoints", "churnMin", "registersMax"] as const;
const anyPolicy = fc
  .record(Object.fromEntries(numbers.map((field) => [field, fc.integer({ min: 1, max: 8 })])))
  .map((some) => changed(some));

test("the way back turns every direction, and one looser number is enough", () => {
  const back = { tighter: "looser", looser: "tighter", other: "other" } as const;
  fc.assert(
    fc.property(anyPolicy, anyPolicy, (a, b) => {
      const there = comparePolicies(a, b);
      assert.deepEqual(
        comparePolicies(b, a).map(({ field, direction }) => [field, direction]),
        there.map(({ field, direction }) => [field, back[direction]]),
      );
      assert.equal(there.length === 0, isSamePolicy(a, b));
      if (there.length > 0) assert(needsNotice(there) || needsNotice(comparePolicies(b, a)));
    }),
  );
});

test("what a tighter policy grants, the one before it grants too", () => {
  const facts = fc
    .record({
      members: fc.integer({ min: 1, max: 8 }),
      silent: fc.integer({ min: 0, max: 3 }),
      added: fc.integer({ min: 0, max: 8 }),
      removed: fc.integer({ min: 0, max: 8 }),
      intervalSeconds: fc.constantFrom(60, 900, 1800),
    })
    .map(({ members, silent, added, removed, intervalSeconds }): LoadFacts => {
      const contributors = Math.max(0, members - silent);
      return {
        cohort: "north",
        cohortVersion: 2,
        blockStartSeconds: 0,
        intervalSeconds,
        slotCount: 2,
        contributorsPerSlot: [contributors, contributors],
        memberCount: members,
        contributorCount: contributors,
        complete: silent === 0,
        churn: { first: false, added, removed },
        registeredIntervalSeconds: intervalSeconds,
        onBlockGrid: true,
        alreadyReleased: [],
        nowSeconds: 10_000_000,
      };
    });
  const policies = fc
    .record({
      contributorsMin: fc.integer({ min: 1, max: 8 }),
      contributorsMinFine: fc.integer({ min: 1, max: 8 }),
      intervalSecondsMin: fc.constantFrom(60, 900),
      completenessMinBasisPoints: fc.constantFrom(0, 5000, 9000),
      churnMin: fc.integer({ min: 0, max: 8 }),
    })
    .map(changed);
  let granted = 0;
  fc.assert(
    fc.property(facts, policies, policies, (fact, a, b) => {
      fc.pre(!needsNotice(comparePolicies(a, b)));
      if (judgeLoad(fact, b).length > 0) return;
      granted += 1;
      assert.deepEqual(judgeLoad(fact, a), []);
    }),
    { numRuns: 2000 },
  );
  assert(granted > 20, `${granted} of the loads were granted`);
});
