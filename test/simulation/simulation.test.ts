/** Histories with crashes, losses, duplicates and reordering: nothing lost, nothing doubled, totals exact. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Engine } from "@smarter-metering/paillier";
import { concatBytes, equalBytes } from "@smarter-metering/protocol";
import { check, CONTRIBUTORS_MIN, type Case } from "./check.ts";
import type { Evidence } from "./evidence.ts";
import {
  openLaboratory,
  replayCommand,
  simulate,
  summaryOf,
  type Laboratory,
} from "./simulation.ts";

/**
 * Between them: both profiles, lost journals, impossible readings, planted input, crashes of everyone; with `npm run test:e2e`, where
 * there is more time, also short and long days and minute meters in every order.
 */
const SEEDS =
  process.env["SMARTER_METERING_E2E"] === "full" ? [1, 2, 3, 5, 6, 7, 15, 19] : [2, 5, 7];

let laboratory: Laboratory;
before(async () => {
  laboratory = await openLaboratory();
});
after(() => laboratory.close());

describe("the simulation", () => {
  const histories: Case[] = [];
  for (const seed of SEEDS) {
    test(`history ${seed} is sound`, async (context) => {
      const history = await simulate(seed, laboratory);
      context.diagnostic(summaryOf(history));
      histories.push(history);
      assert.deepEqual(check(history), [], `replay it: ${replayCommand(seed)}`);
    });
  }

  test("was hard: everyone crashed, and everything went wrong somewhere", () => {
    const total = (count: (evidence: Evidence) => number): number =>
      histories.reduce((sum, { evidence }) => sum + count(evidence), 0);
    for (const process of histories[0]?.evidence.notes.crashes.keys() ?? []) {
      assert(total(({ notes }) => notes.crashes.get(process) ?? 0) > 0, `${process} crashed`);
    }
    const troubles: Record<string, (evidence: Evidence) => number> = {
      "lost journals": ({ frames }) => [...frames.values()].filter(({ forked }) => forked).length,
      "late contributions": ({ tally }) => tally("LOAD", "late"),
      "repeated contributions": ({ tally }) => tally("LOAD", "duplicate"),
      "bad frames": ({ notes }) => notes.plantedFrames,
      "bad messages": ({ notes }) => notes.deadLetters.size,
      "impossible readings": ({ dead }) =>
        dead.filter(({ name }) => name === "frames/FRAME_OUT_OF_RANGE").length,
    };
    for (const [name, count] of Object.entries(troubles)) assert(total(count) > 0, name);
  });
});

/** What a defect would leave behind, and what the checker must say of it. */
const DEFECTS: readonly {
  readonly name: string;
  readonly change: (evidence: Evidence) => Partial<Evidence>;
  readonly finding: RegExp;
}[] = [
  {
    name: "a frame that nobody sent",
    change: ({ frames }) => ({ frames: new Map([...frames].slice(1)) }),
    finding: /no meter sent/,
  },
  {
    name: "a contribution that is not in the ledger",
    change: ({ ledger }) => ({ ledger: ledger.slice(0, -1) }),
    finding: /lost: /,
  },
  {
    name: "one Wh too much in one slot",
    change: ({ loads: [first, ...rest] }) => {
      const [slot = 0, ...slots] = first?.wattHours ?? [];
      return { loads: first ? [{ ...first, wattHours: [slot + 1, ...slots] }, ...rest] : [] };
    },
    finding: /slot 0: \d+ Wh, not \d+/,
  },
  {
    name: "a block that never reached the MDMS",
    change: ({ loads }) => ({ loads: loads.slice(1) }),
    finding: /is at the MDMS 0 times/,
  },
  {
    name: "a block that reached it twice",
    change: ({ loads }) => ({ loads: [...loads.slice(0, 1), ...loads] }),
    finding: /is at the MDMS 2 times/,
  },
  {
    name: "one mWh too little in one statement",
    change: ({ statements: [first, ...rest] }) => {
      const [band = 0n, ...bands] = first?.registers ?? [];
      return { statements: first ? [{ ...first, registers: [band - 1n, ...bands] }, ...rest] : [] };
    },
    finding: /^statement of household \d from \d+: /,
  },
  {
    name: "a second request for the same set",
    change: ({ requests: [first, ...rest] }) => {
      return { requests: first ? [first, { ...first, bytes: "00" }, ...rest] : [] };
    },
    finding: /was requested with other bytes/,
  },
  {
    name: "a release that the trustee does not know",
    change: ({ trusteesReleases }) => ({ trusteesReleases: trusteesReleases - 1 }),
    finding: /of the trustee/,
  },
  {
    name: "a good frame among the dead letters",
    change: ({ dead }) => ({ dead: [...dead, { id: "?", name: "frames/HANDLER_FAILED" }] }),
    finding: /dead letters frames\/HANDLER_FAILED: 1, not 0/,
  },
];

describe("the checker sees", () => {
  /** A history in which aggregator and trustee both count one contribution of one block twice. */
  let doubled: Case;
  before(async () => {
    doubled = await simulate(10, { ...laboratory, engine: countingTwice(laboratory.engine) });
  });

  test("a double count, in every slot of its block and nowhere else", () => {
    const findings = check(doubled);
    const slots = doubled.evidence.loads[0]?.wattHours.length ?? 0;
    const twice = findings.filter((finding) => /household \d is in it 2 times/.test(finding));
    assert.equal(twice.length, slots);
    const sums = findings.filter((finding) => /slot \d+: \d+ Wh, not \d+$/.test(finding));
    assert.equal(findings.length, twice.length + sums.length, findings.join("\n"));
  });

  for (const { name, change, finding } of DEFECTS) {
    test(name, () => {
      const evidence = { ...doubled.evidence, ...change(doubled.evidence) };
      const known = new Set(check(doubled));
      const findings = check({ ...doubled, evidence }).filter((one) => !known.has(one));
      assert(
        findings.some((one) => finding.test(one)),
        findings.join("\n"),
      );
    });
  }
});

/** Counts the first contribution of the first set it ever multiplies twice, each time it sees it. */
function countingTwice(engine: Engine): Engine {
  let victim: Uint8Array | undefined;
  return {
    ...engine,
    warm: (key) => engine.warm(key),
    product(key, ciphertexts, groups) {
      const [count = 0] = groups;
      const first = ciphertexts.slice(0, ciphertexts.length / Math.max(1, count));
      if (groups.length === 1 && count > CONTRIBUTORS_MIN) victim ??= first;
      return victim !== undefined && groups.length === 1 && equalBytes(first, victim)
        ? engine.product(key, concatBytes(ciphertexts, first), [count + 1])
        : engine.product(key, ciphertexts, groups);
    },
  };
}
