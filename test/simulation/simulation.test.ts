/** Histories with crashes, losses, duplicates and reordering: nothing lost, nothing doubled, totals exact. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Engine } from "@smarter-metering/paillier";
import { concatBytes, equalBytes } from "@smarter-metering/protocol";
import {
  busConformance,
  conformanceStreams,
  type BusUnderTest,
} from "../../packages/runtime/test/bus-conformance.ts";
import { busOver } from "../../packages/runtime/src/bus/engine-bus.ts";
import { silentLogger, systemClock } from "@smarter-metering/runtime";
import { SimulatedStreams } from "./simulated-streams.ts";
import { check, CONTRIBUTORS_MIN, type Case } from "./check.ts";
import type { Evidence } from "./evidence.ts";
import {
  openLaboratory,
  replayCommand,
  simulate,
  summaryOf,
  type Laboratory,
} from "./simulation.ts";

/** Between them: both profiles, both kinds of bus, one opener and two. `npm run test:simulation` runs 200 of them. */
const SEEDS = [3, 5, 13];
/** For what needs a sound history of which all is there. */
const SOUND_SEED = 3;

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

  test("the same seed is the same history, event by event", async () => {
    const [first] = histories;
    assert(first !== undefined);
    const again = await simulate(first.plan.seed, laboratory);
    assert.equal(again.events, first.events);
    assert.equal(again.digest, first.digest);
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
    finding: /\d+ contributions accepted, \d+ ledger rows/,
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
    change: ({ trusteesReleases }) => ({
      trusteesReleases: trusteesReleases.map((released) => released - 1),
    }),
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
    doubled = await simulate(SOUND_SEED, {
      ...laboratory,
      engine: countingTwice(laboratory.engine),
    });
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
  const product: Engine["product"] = (key, ciphertexts, groups) => {
    const [count = 0] = groups;
    const first = ciphertexts.slice(0, ciphertexts.length / Math.max(1, count));
    if (groups.length === 1 && count > CONTRIBUTORS_MIN) victim ??= first;
    return victim !== undefined && groups.length === 1 && equalBytes(first, victim)
      ? engine.product(key, concatBytes(ciphertexts, first), [count + 1])
      : engine.product(key, ciphertexts, groups);
  };
  return new Proxy(engine, {
    get: (target, name): unknown => (name === "product" ? product : Reflect.get(target, name)),
  });
}

/** The simulation's stream server does what every bus must do. */
busConformance("simulated streams", async () => {
  const plans = conformanceStreams.map(({ retainAcked, ...rest }) => {
    return { ...rest, ...(retainAcked === true && { retainAcked }) };
  });
  const server = new SimulatedStreams(plans, systemClock);
  const connect = (): BusUnderTest => {
    const life = new AbortController();
    const bus = busOver(server.engine(life.signal), { clock: systemClock, log: silentLogger });
    return {
      bus,
      async crash() {
        life.abort();
        server.crash();
        return connect();
      },
      async close() {
        life.abort();
        await bus.close();
      },
    };
  };
  return connect();
});
