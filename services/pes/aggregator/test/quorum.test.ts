/** What trustees' answers do to a request when t of n share the key: any order, any mixture, again after a crash. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  encodePartialRelease,
  encodeRefusal,
  encodeRelease,
  requestDigest,
  sealPartialRelease,
  sealRelease,
  signRefusal,
  toHex,
  type AggregateTerms,
  type LoadRelease,
} from "@smarter-metering/protocol";
import type { BusMessage, Store } from "@smarter-metering/runtime";
import * as fc from "fast-check";
import { makeWorld, type World } from "../../../../test/support/world.ts";
import {
  contribute,
  emptyStore,
  HOUR,
  LOAD_SLOTS,
  onlyStream,
  openLedger,
  startBench,
  type Bench,
} from "./bench.ts";

const QUORUM = { threshold: 2, trustees: 4 };
const FINAL = "R1_TOO_FEW_CONTRIBUTORS";
const TIMING = "TIMING_BEFORE_CUTOFF";

let world: World;
let store: Store;
let day0: BusMessage[];
before(async () => {
  world = await makeWorld({ quorum: QUORUM, loadIntervalSeconds: HOUR });
  store = await openLedger();
  const made = world.households.map((_, index) =>
    contribute(world, index, { blockStart: world.dayStart(0) }),
  );
  day0 = onlyStream((await Promise.all(made)).flat(), "LOAD");
});
after(async () => {
  await store.close();
  await world.close();
});
beforeEach(() => emptyStore(store));

function signerOf(trustee: number) {
  const holder = world.shareHolders[trustee - 1];
  assert(holder !== undefined);
  return holder.signer;
}

interface Asked {
  readonly bench: Bench;
  readonly digest: Uint8Array;
}

async function requested(): Promise<Asked> {
  const bench = await startBench(world, store, world.dayStart(1) + HOUR);
  await bench.bus.deliver("contributions", day0);
  await bench.tick();
  const [asked] = bench.bus.requests();
  assert(asked !== undefined);
  return { bench, digest: await requestDigest(asked.request) };
}

const named = (digest: Uint8Array) => ({
  policyId: "UNSAFE-test",
  registryEpoch: 0,
  paillierKeyId: world.paillier.publicKey.id,
  requestDigest: toHex(digest),
});
const termsOf = (digest: Uint8Array): AggregateTerms => ({
  kind: "LOAD",
  stream: "LOAD",
  cohort: "north",
  cohortVersion: 1,
  blockStart: world.dayStart(0),
  intervalSeconds: HOUR,
  contributors: 4,
  members: 4,
  contributorsPerSlot: Array.from({ length: LOAD_SLOTS }, () => 4),
  loadValueBits: 16,
  ...named(digest),
});

let messages = 0;
const messageOf = (body: Uint8Array): BusMessage => ({ id: `${messages++}`, subject: "", body });

/** What the aggregator cannot open may hold anything. */
async function partial(digest: Uint8Array, trustee: number, signer = signerOf(trustee)) {
  const content = { terms: termsOf(digest), product: Uint8Array.of(1), partial: Uint8Array.of(1) };
  const number = { sequence: 0, trustee };
  return messageOf(
    encodePartialRelease(await sealPartialRelease(content, number, world.mdms.recipient, signer)),
  );
}

async function refusal(digest: Uint8Array, trustee: number, ...codes: string[]) {
  const reasons = codes.map((code) => ({ code, reason: "" }));
  const refused = { requestDigest: digest, reasons };
  return messageOf(encodeRefusal(await signRefusal(refused, signerOf(trustee))));
}

type Word = { readonly trustee: number; readonly codes?: readonly string[] };
async function say({ bench, digest }: Asked, ...words: readonly Word[]): Promise<void> {
  for (const { trustee, codes } of words) {
    const [stream, message] =
      codes === undefined
        ? (["partial-releases", await partial(digest, trustee)] as const)
        : (["refusals", await refusal(digest, trustee, ...codes)] as const);
    assert.deepEqual(await bench.bus.deliver(stream, [message]), [{ ack: true }]);
  }
}

async function stateOf({ bench }: Pick<Asked, "bench">) {
  const path = `/v1/sets/north/${world.dayStart(0)}`;
  const answer = (await (await bench.aggregator.http.request(path)).json()) as {
    sets: { state: string; codes: string[]; trustees: unknown }[];
  };
  const [set] = answer.sets;
  assert(set !== undefined);
  return set;
}

describe("two of four", () => {
  const cases: readonly {
    readonly name: string;
    readonly words: readonly Word[];
    readonly state: string;
    readonly codes?: readonly string[];
    readonly waits?: readonly [answered: number[], refused: number[], silent: number[]];
  }[] = [
    { name: "none has answered", words: [], state: "REQUESTED", waits: [[], [], [1, 2, 3, 4]] },
    {
      name: "one has",
      words: [{ trustee: 3 }],
      state: "REQUESTED",
      waits: [[3], [], [1, 2, 4]],
    },
    {
      name: "one has, again and again",
      words: [{ trustee: 3 }, { trustee: 3 }, { trustee: 3 }],
      state: "REQUESTED",
      waits: [[3], [], [1, 2, 4]],
    },
    { name: "two have", words: [{ trustee: 4 }, { trustee: 1 }], state: "RELEASED" },
    {
      name: "two refuse: two may still answer",
      words: [
        { trustee: 1, codes: [FINAL] },
        { trustee: 2, codes: ["R7_INCOMPLETE"] },
      ],
      state: "REQUESTED",
      waits: [[], [1, 2], [3, 4]],
    },
    {
      name: "two refuse, two answer",
      words: [
        { trustee: 1, codes: [FINAL] },
        { trustee: 3 },
        { trustee: 2, codes: [FINAL] },
        { trustee: 4 },
      ],
      state: "RELEASED",
    },
    {
      name: "three refuse: why, each reason once",
      words: [
        { trustee: 1, codes: [FINAL] },
        { trustee: 2, codes: ["R7_INCOMPLETE", FINAL] },
        { trustee: 4, codes: ["R7_INCOMPLETE"] },
      ],
      state: "SUPPRESSED",
      codes: [FINAL, "R7_INCOMPLETE"],
    },
    {
      name: "one refuses three times: once",
      words: [1, 1, 1].map((trustee) => ({ trustee, codes: [FINAL] })),
      state: "REQUESTED",
      waits: [[], [1], [2, 3, 4]],
    },
    {
      name: "one whose log says another time does not hold up the others",
      words: [{ trustee: 2, codes: [TIMING] }, { trustee: 1 }, { trustee: 3 }],
      state: "RELEASED",
    },
    {
      name: "three refuse, two of them for the time",
      words: [
        { trustee: 1, codes: [FINAL] },
        { trustee: 2, codes: [TIMING] },
        { trustee: 3, codes: [TIMING] },
      ],
      state: "SUPPRESSED",
      codes: [FINAL, TIMING],
    },
    {
      name: "suppressed, then two answer after all",
      words: [
        ...[1, 2, 3].map((trustee) => ({ trustee, codes: [FINAL] })),
        { trustee: 4 },
        { trustee: 1 },
      ],
      state: "RELEASED",
    },
  ];
  for (const { name, words, state, codes = [], waits } of cases) {
    test(`${name}: ${state}`, async () => {
      const asked = await requested();
      await say(asked, ...words);
      const set = await stateOf(asked);
      assert.equal(set.state, state);
      assert.deepEqual(set.codes.toSorted(), [...codes].toSorted());
      const [answered, refused, silent] = waits ?? [];
      const standing = waits && { threshold: 2, answered, refused, silent };
      assert.deepEqual(set.trustees, standing ?? null);
      await asked.bench.aggregator.close();
    });
  }

  test("who is not that trustee is not heard", async () => {
    const asked = await requested();
    const { bench, digest } = asked;
    const content: LoadRelease = {
      ...(({ loadValueBits: _, ...terms }) => ({ ...terms, energy_Wh: [] }))(
        termsOf(digest) as Extract<AggregateTerms, { kind: "LOAD" }>,
      ),
    };
    const whole = await sealRelease(content, 0, digest, world.mdms.recipient, signerOf(1));
    const bad: readonly [string, BusMessage, string][] = [
      ["partial-releases", await partial(digest, 2, signerOf(1)), "ANSWER_BAD_SIGNATURE"],
      ["partial-releases", await partial(digest, 9, signerOf(1)), "ANSWER_BAD_SIGNATURE"],
      ["partial-releases", messageOf(Uint8Array.of(1)), "ANSWER_MALFORMED"],
      ["partial-releases", await partial(new Uint8Array(32), 1), "ANSWER_UNKNOWN"],
      ["releases", messageOf(encodeRelease(whole)), "ANSWER_KEY_HOLDING"],
    ];
    for (const [stream, message, dead] of bad) {
      assert.deepEqual(await bench.bus.deliver(stream, [message]), [{ dead }]);
    }
    assert.deepEqual((await stateOf(asked)).trustees, {
      threshold: 2,
      answered: [],
      refused: [],
      silent: [1, 2, 3, 4],
    });
    await bench.aggregator.close();
  });

  test("law: released as soon as two have answered; suppressed as soon as two cannot any more", async () => {
    const asked = await requested();
    await asked.bench.aggregator.close();
    const word = fc.record({ trustee: fc.integer({ min: 1, max: 4 }), refuses: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 8 }), async (words) => {
        await emptyStore(store);
        const { bench, digest } = await requested();
        const answered = new Set<number>();
        const refused = new Set<number>();
        for (const { trustee, refuses } of words) {
          const told = { bench, digest };
          await say(told, refuses ? { trustee, codes: [FINAL] } : { trustee });
          if (refuses && !answered.has(trustee)) refused.add(trustee);
          if (!refuses) answered.add(trustee);
          for (const one of answered) refused.delete(one);
          if (answered.size >= 2) break;
          if (refused.size >= 3) break;
        }
        const expected =
          answered.size >= 2 ? "RELEASED" : refused.size >= 3 ? "SUPPRESSED" : "REQUESTED";
        assert.equal((await stateOf({ bench })).state, expected);
        await bench.aggregator.close();
      }),
      { numRuns: 12 },
    );
  });
});
