/**
 * Frames that come with their meters' own contributions (docs/protocol.md §4.1, profile
 * `meter-encrypts`): what goes where, and what is refused.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  decodeContribution,
  encodeContribution,
  encodeContributionHeader,
  encodeUplinkItem,
  indexNetworkView,
  signContribution,
  toHex,
  type Contribution,
  type ContributionHeader,
} from "@smarter-metering/protocol";
import { partitionOf } from "@smarter-metering/runtime";
import { addLocalDays, dayStartOf } from "@smarter-metering/tariff";
import {
  afterwardsTerms,
  dayAheadPrices,
  dayAheadTariff,
} from "../../../test/support/day-ahead.ts";
import type { MadeFrame } from "../../../test/support/world.ts";
import { day, openLab, SLOTS, type Lab } from "./lab.ts";

let lab: Lab;
before(async () => {
  // 2048-bit test keys hold no day of quarters.
  const world = { profile: "meter-encrypts", exportLoad: true, loadIntervalSeconds: 3600 } as const;
  lab = await openLab({ world });
});
after(() => lab.close());

const itemOf = ({ bytes: frame }: MadeFrame, contributions: readonly Uint8Array[]): Uint8Array =>
  encodeUplinkItem({ kind: "CONTRIBUTED_FRAME", frame, contributions });

test("the frame goes to the customer, its contributions to the aggregator, nothing to an opener", async () => {
  const { world, bus } = lab;
  const { frames, network } = lab.home(0);
  const block = await frames.next({ blockStart: world.dayStart(0) }, day());
  const openerEnvelope = new Uint8Array(0);
  const live = await frames.next({ blockStart: world.dayStart(1), kind: "LIVE" }, day());
  assert.deepEqual(await lab.verdicts(block.item, live.item), ["accepted", "accepted"]);
  const hash = toHex(block.hash);
  assert.deepEqual(await lab.published("sealed"), [hash, toHex(live.hash)]);
  assert.deepEqual(await lab.published("frames"), []);
  const sent = await bus.read("contributions", { from: 0n, limit: 100 });
  const streams = ["LOAD", "LOAD_EXPORT", "BILL"];
  const cohort = world.network.current().view.cohortOf(network, world.dayStart(0));
  const partition = partitionOf(cohort?.id ?? "");
  assert.deepEqual(
    sent.map(({ id, subject, body }) => [id, subject, toHex(body)]),
    streams.map((stream, index) => {
      return [`${hash}/${stream}`, partition, toHex(block.contributions[index] ?? openerEnvelope)];
    }),
  );
  // The same frame again, with other contributions: the first ones count.
  assert.deepEqual(await lab.verdicts(block.item, itemOf(block, [])), ["duplicate", "duplicate"]);
  assert.equal((await lab.published("contributions")).length, 3);
  // A frame whose readings cannot be contributes nothing, and its customer has it all the same.
  const next = await frames.next({ blockStart: world.dayStart(1) }, day(90_000_000));
  assert.deepEqual(next.contributions, []);
  assert.deepEqual(await lab.verdicts(next.item), ["accepted"]);
  assert.equal((await lab.published("contributions")).length, 3);
});

test("a full stream or a store that fails: everything again, and each contribution once", async () => {
  const { world, faults } = lab;
  const block = await lab.home(1).frames.next({ blockStart: world.dayStart(0) }, day());
  faults.full.add("contributions");
  assert.deepEqual(await lab.verdicts(block.item), ["retry FRAME_QUEUE_FULL"]);
  faults.full.clear();
  faults.transactions = 1;
  await assert.rejects(lab.verdicts(block.item));
  assert.deepEqual(await lab.verdicts(block.item, block.item), ["accepted", "duplicate"]);
  const hash = toHex(block.hash);
  const mine = (await lab.published("contributions")).filter((id) => id.startsWith(hash));
  assert.equal(mine.length, 3);
});

test("each refusal has its code, and a refused frame leaves nothing behind", async () => {
  const { world } = lab;
  const household = lab.home(2);
  const blockStart = world.dayStart(0);
  const good = await household.frames.next({ blockStart }, day());
  const live = await household.frames.next({ blockStart, kind: "LIVE" }, day());
  const opened = await household.frames.next({ blockStart, profile: "pes-encrypts" }, day());
  const other = await lab.home(0).frames.next({ blockStart: world.dayStart(2) }, day());
  const [load, exported, bill] = good.contributions.map(decodeContribution);
  assert(load !== undefined && exported !== undefined && bill !== undefined);
  const remade = async (
    { header, ciphertext }: Contribution,
    changes: Partial<ContributionHeader>,
    signer = household.meter,
  ): Promise<Uint8Array> => {
    const changed = { ...header, ...changes };
    const bytes = encodeContributionHeader(changed);
    return encodeContribution(await signContribution(bytes, changed, ciphertext, signer));
  };
  const rest = good.contributions.slice(1);
  const first = async (making: Promise<Uint8Array>): Promise<Uint8Array> =>
    itemOf(good, [await making, ...rest]);
  const short = { ...load, ciphertext: load.ciphertext.slice(1) };
  const forged = { ...load, ciphertext: exported.ciphertext };
  const openerEnvelope = new Uint8Array(0);
  const cases: readonly (readonly [name: string, item: Uint8Array, code: string])[] = [
    [
      "without its contributions",
      encodeUplinkItem({ kind: "FRAME", frame: good.bytes, openerEnvelope }),
      "FRAME_MALFORMED",
    ],
    ["LIVE with contributions", itemOf(live, good.contributions), "FRAME_MALFORMED"],
    ["LIVE with none", itemOf(live, []), "FRAME_MALFORMED"],
    ["of the other profile", itemOf(opened, []), "FRAME_PROFILE"],
    ["no contribution", itemOf(good, [Uint8Array.of(1), ...rest]), "FRAME_MALFORMED"],
    ["one missing", itemOf(good, rest), "FRAME_TERMS"],
    ["in another order", itemOf(good, good.contributions.toReversed()), "FRAME_TERMS"],
    ["another meter's", itemOf(good, other.contributions), "FRAME_TERMS"],
    [
      "of another key",
      await first(remade(load, { paillierKeyId: load.header.frameHash })),
      "FRAME_TERMS",
    ],
    [
      "of other bits",
      await first(remade(load, { valueBits: load.header.valueBits + 1 })),
      "FRAME_TERMS",
    ],
    [
      "of another frame",
      await first(remade(load, { frameHash: load.header.paillierKeyId })),
      "FRAME_TERMS",
    ],
    ["of the other profile", await first(remade(load, { profile: "pes-encrypts" })), "FRAME_TERMS"],
    ["short ciphertext", await first(remade(short, {})), "FRAME_TERMS"],
    ["another signer", await first(remade(load, {}, lab.home(0).meter)), "FRAME_BAD_SIGNATURE"],
    [
      "another ciphertext",
      itemOf(good, [encodeContribution(forged), ...rest]),
      "FRAME_BAD_SIGNATURE",
    ],
  ];
  const before = [await lab.published("sealed"), await lab.published("contributions")];
  const verdicts = await lab.verdicts(...cases.map(([, item]) => item));
  for (const [index, [name, , code]] of cases.entries()) {
    assert.equal(verdicts[index], `refused ${code}`, name);
  }
  assert.deepEqual([await lab.published("sealed"), await lab.published("contributions")], before);
  assert.deepEqual(await lab.verdicts(good.item), ["accepted"]);
});

test("a new cohort version: outdated terms are refused, and taken once they are the registry's", async () => {
  const { world } = lab;
  const { networkDocument: document } = world;
  const block = await lab.home(1).frames.next({ blockStart: world.dayStart(5) }, day());
  const [cohort] = document.cohorts;
  assert(cohort !== undefined);
  const next = { ...cohort, version: 2, loadValueBits: cohort.loadValueBits + 1 };
  const with2 = (fromBlock: number) =>
    indexNetworkView({ ...document, cohorts: [cohort, { ...next, fromBlock }] });
  world.network.set(1, with2(world.dayStart(5)));
  assert.deepEqual(await lab.verdicts(block.item), ["refused FRAME_TERMS"]);
  world.network.set(2, with2(world.dayStart(6)));
  assert.deepEqual(await lab.verdicts(block.item), ["accepted"]);
});

test("a service point that counts a cost contributes COST after BILL: exactly there, and exactly then", async () => {
  const startSeconds = dayStartOf("2025-02-01", "Europe/Zurich");
  const days = { startSeconds, endSeconds: startSeconds + 2 * 86_400 };
  const spot = await openLab({
    world: {
      profile: "meter-encrypts",
      exportLoad: true,
      loadIntervalSeconds: 3600,
      tariff: dayAheadTariff(),
      prices: [dayAheadPrices(days)],
    },
  });
  try {
    const { world } = spot;
    const { frames } = spot.home(0);
    const previous = addLocalDays(startSeconds, -1, world.zone);
    const none = { importMilliwattHours: [] };
    const installation = await frames.next({ blockStart: previous, firstSlot: SLOTS }, none);
    const block = await frames.next({ blockStart: startSeconds }, day());
    assert.deepEqual(await spot.verdicts(installation.item, block.item), ["accepted", "accepted"]);
    const [before, hash] = [toHex(installation.hash), toHex(block.hash)];
    const streams = ["LOAD", "LOAD_EXPORT", "BILL", "COST"];
    assert.deepEqual(await spot.published("contributions"), [
      `${before}/BILL`,
      `${before}/COST`,
      ...streams.map((stream) => `${hash}/${stream}`),
    ]);

    const next = await frames.next({ blockStart: world.dayStart(1) }, day());
    const [load, exported, bill, cost] = next.contributions;
    assert(load !== undefined && exported !== undefined && bill !== undefined);
    assert(cost !== undefined);
    const without = [load, exported, bill];
    const wrong: readonly (readonly [name: string, contributions: readonly Uint8Array[]])[] = [
      ["without its cost", without],
      ["the cost in the bill's place", [load, exported, cost, bill]],
      ["the cost alone", [load, exported, cost]],
      ["the bill twice", [load, exported, bill, bill]],
    ];
    for (const [name, contributions] of wrong) {
      const item = itemOf(next, contributions);
      assert.deepEqual(await spot.verdicts(item), ["refused FRAME_TERMS"], name);
    }
    assert.deepEqual(await spot.verdicts(next.item), ["accepted"]);

    // To a registry that knows of no cost there, it is one contribution too many.
    const { networkDocument: document } = world;
    const servicePoints = document.servicePoints.map(({ prices: _, ...point }) => point);
    world.network.set(1, indexNetworkView({ ...document, servicePoints }));
    const other = await spot.home(1).frames.next({ blockStart: startSeconds }, day());
    assert.deepEqual(await spot.verdicts(other.item), ["refused FRAME_TERMS"]);
    assert.deepEqual(await spot.verdicts(itemOf(other, other.contributions.slice(0, 3))), [
      "accepted",
    ]);
  } finally {
    await spot.close();
  }
});

test("a service point whose prices are known afterwards contributes STEPS after BILL: every whole hour, each in a ciphertext", async () => {
  const startSeconds = dayStartOf("2025-02-01", "Europe/Zurich");
  const later = await openLab({
    world: {
      profile: "meter-encrypts",
      exportLoad: true,
      loadIntervalSeconds: 3600,
      tariff: dayAheadTariff(afterwardsTerms),
    },
  });
  try {
    const { world } = later;
    const block = await later.home(0).frames.next({ blockStart: startSeconds }, day());
    const [load, exported, bill, steps] = block.contributions;
    assert(load !== undefined && exported !== undefined);
    assert(bill !== undefined && steps !== undefined);
    const { header, headerBytes, signature, ciphertext } = decodeContribution(steps);
    const shorter = ciphertext.subarray(world.paillier.publicKey.bits / 4);
    const hoursLess = encodeContribution({ header, headerBytes, signature, ciphertext: shorter });
    const wrong: readonly (readonly [name: string, contributions: readonly Uint8Array[]])[] = [
      ["without its steps", [load, exported, bill]],
      ["the steps in the bill's place", [load, exported, steps, bill]],
      ["an hour too few", [load, exported, bill, hoursLess]],
    ];
    for (const [name, contributions] of wrong) {
      const item = itemOf(block, contributions);
      assert.deepEqual(await later.verdicts(item), ["refused FRAME_TERMS"], name);
    }
    assert.deepEqual(await later.verdicts(block.item), ["accepted"]);
    const hash = toHex(block.hash);
    assert.deepEqual(
      await later.published("contributions"),
      ["LOAD", "LOAD_EXPORT", "BILL", "STEPS"].map((stream) => `${hash}/${stream}`),
    );
    // To a registry whose prices are known before, there is a cost to be counted.
    const { networkDocument: document } = world;
    const servicePoints = document.servicePoints.map(({ stepSeconds: _, ...point }) => point);
    world.network.set(1, indexNetworkView({ ...document, servicePoints }));
    const other = await later.home(1).frames.next({ blockStart: startSeconds }, day());
    assert.deepEqual(await later.verdicts(other.item), ["refused FRAME_TERMS"]);
  } finally {
    await later.close();
  }
});
