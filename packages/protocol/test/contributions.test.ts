/** The judgement of chains (docs/protocol.md §2.7), what a frame contributes (§6.3), blinding (§6.4) and the Merkle tree (§8.1, §13.1). */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  arePrescribed,
  billPacking,
  blindingOf,
  ciphertextsIn,
  encodeContributionHeader,
  encryptContributions,
  metersBlinding,
  contributionLeaf,
  fromHex,
  frameHash,
  instantOf,
  judgeFrame,
  leafHash,
  loadPacking,
  loadValueBits,
  merkleRoot,
  merkleTree,
  messagesOf,
  placeInBlock,
  planContributions,
  rootOfPath,
  splitOf,
  toHex,
  wipeBody,
  type ChainHead,
  type ContributionContext,
  type FrameBody,
  type Contribution,
  type ContributionHeader,
  type FrameHeader,
  type Judgement,
  type PlannedContribution,
} from "@smarter-metering/protocol";
import { unpack } from "@smarter-metering/paillier";
import { blockStart, dataKey, filled, frameHeader } from "./samples.ts";

interface Link {
  readonly header: FrameHeader;
  readonly hash: Uint8Array;
}

/** A meter's honest chain; the hash of a link stands for its frame. */
async function chainOf(length: number, keyEpoch: number, salt = 0): Promise<Link[]> {
  const links: Link[] = [];
  let previousFrameHash: Uint8Array = filled(32, 0);
  for (let counter = 0; counter < length; counter++) {
    const header = await frameHeader({ keyEpoch, counter, firstSlot: counter, previousFrameHash });
    const hash = filled(32, 0);
    new DataView(hash.buffer).setUint32(0, keyEpoch);
    hash.set([counter, salt], 4);
    links.push({ header, hash });
    previousFrameHash = hash;
  }
  return links;
}

/** The concentrator's memory of one meter, in its simplest form. */
class Memory {
  head: ChainHead | undefined;
  readonly accepted: Link[] = [];

  receive({ header, hash }: Link): Judgement {
    const find = (same: (known: FrameHeader) => boolean): Uint8Array | undefined =>
      this.accepted.find((known) => same(known.header))?.hash;
    const verdict = judgeFrame(header, hash, {
      head: this.head,
      sameCounter: find(
        (known) => known.keyEpoch === header.keyEpoch && known.counter === header.counter,
      ),
      sameSlot: find(
        (known) =>
          known.kind === "BLOCK" &&
          known.blockStart === header.blockStart &&
          placeInBlock(known) === placeInBlock(header),
      ),
    });
    if (verdict.verdict === "accept") {
      this.accepted.push({ header, hash });
      this.head = { keyEpoch: header.keyEpoch, counter: header.counter, frameHash: hash };
    }
    return verdict;
  }
}

test("law: whatever is lost, doubled or reordered, each frame is accepted once and in order", async () => {
  const chain = await chainOf(12, 100);
  fc.assert(
    fc.property(fc.array(fc.nat(chain.length - 1), { maxLength: 60 }), (deliveries) => {
      const memory = new Memory();
      for (const index of [...deliveries, ...chain.keys()]) {
        const link = chain[index];
        assert.ok(link);
        const before = memory.accepted.length;
        const judgement = memory.receive(link);
        // The meter keeps what was not accepted, and is told what is expected.
        if (index < before) assert.equal(judgement.verdict, "duplicate");
        else if (index === before) assert.equal(judgement.verdict, "accept");
        else assert.deepEqual(judgement, { verdict: "gap", expectedCounter: before });
      }
      assert.deepEqual(memory.accepted, chain);
    }),
  );
});

test("law: a second chain under the same epoch is a fork from its first frame on", async () => {
  const [honest, forged] = [await chainOf(6, 100), await chainOf(6, 100, 1)];
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(5), (seen, index) => {
      const memory = new Memory();
      for (const link of honest.slice(0, seen)) memory.receive(link);
      const link = forged[index];
      assert.ok(link);
      const { verdict } = memory.receive(link);
      assert.equal(verdict, index <= seen ? "fork" : "gap");
      assert.equal(memory.accepted.length, seen);
    }),
  );
});

test("epochs go up only, start at 0, and bring no second BLOCK for a known slot", async () => {
  const old = await chainOf(3, 100);
  const [first, second] = await chainOf(2, 101);
  assert.ok(first && second);
  const memory = new Memory();
  for (const link of old) memory.receive(link);
  assert.deepEqual(memory.receive(second), { verdict: "fork", knownHash: old[1]?.hash });
  const fresh = (link: Link): Link => ({ ...link, header: { ...link.header, blockStart: 0 } });
  assert.deepEqual(memory.receive(fresh(second)), { verdict: "gap", expectedCounter: 0 });
  assert.deepEqual(memory.receive(fresh(first)), { verdict: "accept" });
  assert.deepEqual(memory.receive(fresh(second)), { verdict: "accept" });
  const straggler = (await chainOf(4, 100)).at(-1);
  assert.ok(straggler);
  assert.deepEqual(memory.receive(straggler), { verdict: "stale" });
  // A live frame and the block that covers it have the same slot, and both are right.
  const third = (await chainOf(3, 101)).at(-1);
  assert.ok(third);
  const live: Link = { ...third, header: { ...third.header, kind: "LIVE", firstSlot: 0 } };
  assert.deepEqual(memory.receive(fresh(live)), { verdict: "accept" });
  // A counter that the memory has forgotten is stale, never accepted again.
  const head = { keyEpoch: 100, counter: 2, frameHash: filled(32, 0) };
  const link = old[1];
  assert.ok(link);
  const forgotten = { head, sameCounter: undefined, sameSlot: undefined };
  assert.deepEqual(judgeFrame(link.header, link.hash, forgotten), { verdict: "stale" });
});

const modulusBits = 3072;
const daySeconds = 86_400;

function context(changes: Partial<ContributionContext> = {}): ContributionContext {
  return {
    paillierKeyId: filled(32, 0x11),
    modulusBits,
    blockSeconds: daySeconds,
    bandCount: 2,
    load: { intervalSeconds: 900, valueBits: 14, exportToo: false },
    ...changes,
  };
}

function body(imports: readonly number[], registers: readonly bigint[]): FrameBody {
  return {
    importMilliwattHours: Uint32Array.from(imports),
    exportMilliwattHours: Uint32Array.from(imports, () => 0),
    quality: new Uint8Array(imports.length),
    registersMilliwattHours: [...registers, ...filled(8 - registers.length, 0)].map(BigInt),
  };
}

/** Of a contribution that has one. */
function onlyMessage({ messages }: Pick<PlannedContribution, "messages">): Uint8Array {
  const [message, ...more] = messages;
  assert.ok(message !== undefined && more.length === 0);
  return message;
}

function slotsOf(message: Uint8Array, valueBits: number, slots: number): number[] {
  const opened = unpack(loadPacking(valueBits, modulusBits), BigInt(`0x${toHex(message)}`), {
    slots,
    count: 1,
  });
  assert.ok(opened.ok);
  return opened.values.map(Number);
}

test("law: watt-hours telescope over the day, however it is split into frames", async () => {
  const slots = 96;
  const milliwattHours = fc.array(fc.nat(3_000_000), { minLength: slots, maxLength: slots });
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: slots - 1 }), { maxLength: 5 });
  const start = fc.bigInt(0n, 2n ** 47n);
  const header = await frameHeader();
  fc.assert(
    fc.property(milliwattHours, cuts, start, (values, cutPoints, registerStart) => {
      const borders = [0, ...cutPoints.toSorted((a, b) => a - b), slots];
      let register = registerStart;
      const day = Array.from({ length: slots }, () => 0);
      let bills = 0;
      for (const [index, from] of borders.slice(0, -1).entries()) {
        const to = borders[index + 1] ?? slots;
        const part = values.slice(from, to);
        register += BigInt(part.reduce((sum, value) => sum + value, 0));
        // The bands share the register between them; only their sum is the meter's.
        const registers = [register / 3n, register - register / 3n];
        const planned = planContributions(
          { ...header, firstSlot: from, count: to - from },
          filled(32, 1),
          body(part, registers),
          context(),
        );
        for (const { header: planHeader, ...plan } of planned) {
          if (planHeader.stream === "BILL") bills++;
          else
            slotsOf(onlyMessage(plan), 14, to).forEach(
              (value, slot) => (day[slot] = (day[slot] ?? 0) + value),
            );
        }
      }
      const total = day.reduce((sum, value) => sum + value, 0);
      assert.equal(BigInt(total), register / 1000n - registerStart / 1000n);
      assert.equal(bills, 1);
      let running = registerStart;
      for (const [slot, value] of values.entries()) {
        const next = running + BigInt(value);
        assert.equal(BigInt(day[slot] ?? -1), next / 1000n - running / 1000n);
        running = next;
      }
    }),
    { numRuns: 50 },
  );
});

test("minutes make quarters; one missing minute empties its quarter and clears its bit", async () => {
  const minutes = Array.from({ length: 30 }, () => 1_000);
  const frame = body(minutes, [100_000n, 50_000n]);
  frame.quality[29] = 1;
  frame.quality[3] = 4;
  const header = await frameHeader({ intervalSeconds: 60, firstSlot: 30, count: 30 });
  const [load, ...rest] = planContributions(header, filled(32, 1), frame, context());
  assert.ok(load);
  assert.equal(rest.length, 0);
  assert.deepEqual(slotsOf(onlyMessage(load), 14, 4), [0, 0, 15, 0]);
  const { firstSlot, count, intervalSeconds, bitmap } = load.header;
  assert.deepEqual(
    { firstSlot, count, intervalSeconds },
    { firstSlot: 2, count: 2, intervalSeconds: 900 },
  );
  assert.deepEqual(bitmap, Uint8Array.of(0b01));
  assert.equal(instantOf(load.header), blockStart + 3600);
  assert.equal(onlyMessage(load).length, modulusBits / 8);
});

test("streams: export only where the cohort has it, bills at a block's end, bills alone while waiting", async () => {
  const whole = await frameHeader({ count: 96 });
  const day = body(
    Array.from({ length: 96 }, () => 2000),
    [200_000n, 100_000n, 5_999n],
  );
  day.exportMilliwattHours[95] = 1_000;
  const load = { intervalSeconds: 900, valueBits: 14, exportToo: true };
  const planned = planContributions(whole, filled(32, 1), day, context({ load }));
  assert.deepEqual(
    planned.map(({ header }) => header.stream),
    ["LOAD", "LOAD_EXPORT", "BILL"],
  );
  const [, exported, bill] = planned;
  assert.ok(exported && bill);
  assert.equal(slotsOf(onlyMessage(exported), 14, 96)[95], 1);
  const opened = unpack(billPacking(modulusBits), BigInt(`0x${toHex(onlyMessage(bill))}`), {
    slots: 8,
    count: 1,
  });
  assert.deepEqual(opened, { ok: true, values: day.registersMilliwattHours });
  assert.equal(instantOf(bill.header), blockStart + daySeconds);
  assert.equal(bill.header.bitmap.length, 0);

  const streams = (header: FrameHeader, changes: Partial<ContributionContext>): string[] =>
    planContributions(
      header,
      filled(32, 1),
      header.count === 0 ? body([], [9n]) : day,
      context(changes),
    ).map((entry) => entry.header.stream);
  assert.deepEqual(streams(whole, { load: undefined }), ["BILL"]);
  assert.deepEqual(streams(whole, { blockSeconds: 90_000 }), ["LOAD"]);
  assert.deepEqual(streams({ ...whole, firstSlot: 96, count: 0 }, {}), ["BILL"]);
  // An exchange of meters in the middle of a day: the last frame of one, the installation of the next.
  const exchange = { blockSeconds: 90_000, servedUntil: blockStart + daySeconds };
  assert.deepEqual(streams(whole, exchange), ["LOAD", "BILL"]);
  assert.deepEqual(streams({ ...whole, firstSlot: 42, count: 0 }, {}), ["BILL"]);

  wipeBody(day);
  assert.ok(
    [day.importMilliwattHours, day.exportMilliwattHours].every((list) =>
      list.every((x) => x === 0),
    ),
  );
});

test("a frame that cannot be contributes nothing", async () => {
  const range = { code: "FRAME_OUT_OF_RANGE" };
  const header = await frameHeader({ count: 2 });
  const plan = (changes: Partial<FrameHeader>, frame: FrameBody, terms = {}) =>
    planContributions({ ...header, ...changes }, filled(32, 1), frame, context(terms));
  const good = body([1000, 1000], [2000n]);
  assert.equal(plan({}, good).length, 1);
  // 2^14 Wh in a quarter is more than the fuse lets through; one watt-hour less is not.
  const limit = 2 ** 14 * 1000;
  assert.equal(plan({}, body([0, limit - 1000], [BigInt(limit) * 2n])).length, 1);
  assert.throws(() => plan({}, body([0, limit], [BigInt(limit) * 2n])), range);
  assert.throws(() => plan({}, body([1000, 1000], [1999n])), range);
  assert.throws(() => plan({ intervalSeconds: 60, firstSlot: 15, count: 2 }, good), range);
  assert.throws(() => plan({ intervalSeconds: 60, firstSlot: 1, count: 15 }, good), range);
  assert.throws(() => plan({ intervalSeconds: 3600 }, good), range);
  assert.throws(() => plan({ firstSlot: 95 }, good), range);
  assert.throws(() => plan({ firstSlot: 125 }, good, { blockSeconds: 10 * daySeconds }), range);
  assert.throws(() => plan({ kind: "LIVE" }, good), { code: "PROTOCOL_MALFORMED" });
});

test("packing: the documented sizes, and enough bits for every fuse", () => {
  assert.equal(loadValueBits({ amps: 63, phases: 3 }, 900), 14);
  const load = loadPacking(14, modulusBits);
  assert.deepEqual([load.valueBits, load.slotBits, load.slots], [14, 24, 126]);
  const bill = billPacking(modulusBits);
  assert.deepEqual([bill.valueBits, bill.slotBits], [48, 58]);
  assert.ok(bill.slots >= 8);
  assert.equal(loadValueBits({ amps: 1, phases: 1 }, 1), 1);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 250 }),
      fc.constantFrom(1, 3),
      fc.constantFrom(60, 900, 3600),
      (amps, phases, seconds) => {
        const bits = loadValueBits({ amps, phases }, seconds);
        const wattHours = (amps * phases * 230 * 1.25 * seconds) / 3600;
        assert.ok(2 ** bits - 1 >= wattHours);
        assert.ok(bits === 1 || 2 ** (bits - 1) - 1 < Math.ceil(wattHours));
      },
    ),
  );
});

/** The opener's blinding of a contribution. */
function openersBlinding(
  key: Uint8Array,
  { headerBytes, message }: { readonly headerBytes: Uint8Array; readonly message: Uint8Array },
): Promise<Uint8Array> {
  const header = { profile: "pes-encrypts", stream: "LOAD" } as const;
  return blindingOf({ header, headerBytes, message, index: 0 }, { dataKey: key }, modulusBits);
}

test("blinding: a function of key, header and message, different when any of them is", async () => {
  const message = filled(modulusBits / 8, 7);
  const headerBytes = filled(100, 8);
  const blinding = await openersBlinding(dataKey, { headerBytes, message });
  assert.equal(8 * blinding.length, modulusBits / 2);
  assert.equal(toHex(blinding).slice(0, 32), "689d61bbc3bdc040aecae35626e42809");
  assert.deepEqual(await openersBlinding(dataKey, { headerBytes, message }), blinding);
  const flip = (bytes: Uint8Array, bit: number): Uint8Array =>
    bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
  await fc.assert(
    fc.asyncProperty(fc.nat(255), fc.nat(799), fc.nat(modulusBits - 1), async (a, b, c) => {
      const others = await Promise.all([
        openersBlinding(flip(dataKey, a), { headerBytes, message }),
        openersBlinding(dataKey, { headerBytes: flip(headerBytes, b), message }),
        openersBlinding(dataKey, { headerBytes, message: flip(message, c) }),
      ]);
      assert.equal(new Set([blinding, ...others].map(toHex)).size, 4);
    }),
    { numRuns: 30 },
  );
});

test("blinding: two streams of one frame never share one", async () => {
  const planned = planContributions(
    await frameHeader({ count: 96 }),
    await frameHash({ headerBytes: filled(1, 1), body: filled(1, 1) }),
    body(
      Array.from({ length: 96 }, () => 0),
      [],
    ),
    context({ load: { intervalSeconds: 900, valueBits: 14, exportToo: true } }),
  );
  const blindings = await Promise.all(
    planned.flatMap(messagesOf).map((each) => blindingOf(each, { dataKey }, modulusBits)),
  );
  // All three messages are 0 here: only the headers tell them apart.
  assert.equal(new Set(planned.map((plan) => toHex(onlyMessage(plan)))).size, 1);
  assert.equal(new Set(blindings.map(toHex)).size, 3);
});

/** Computed with another implementation of HKDF: LOAD, BILL, LOAD_EXPORT. */
const METERS_BLINDINGS = [
  "282fbb0b0755183c370a0ed6039e28f7",
  "34884b9bbb314f71083bfc242cfc7cd4",
  "ddd40056e7502af3c2a51e8ce4ab6c24",
];

test("blinding: a meter's follows from its seed and the stream alone", async () => {
  const seed = filled(32, 0x99);
  const streams = ["LOAD", "BILL", "LOAD_EXPORT"] as const;
  const all = await Promise.all(streams.map((stream) => metersBlinding(seed, stream, modulusBits)));
  assert.deepEqual(
    all.map((blinding) => toHex(blinding).slice(0, 32)),
    METERS_BLINDINGS,
  );
  assert(all.every(({ length }) => 8 * length === modulusBits / 2));
  const [load] = all;
  for (const value of [1, 2]) {
    const header = { profile: "meter-encrypts", stream: "LOAD" } as const;
    const planned = {
      header,
      headerBytes: filled(9, value),
      message: filled(384, value),
      index: 0,
    };
    const source = { dataKey: filled(32, value), blindingSeed: seed };
    assert.deepEqual(await blindingOf(planned, source, modulusBits), load);
    assert.throws(() => blindingOf(planned, { dataKey }, modulusBits), {
      code: "PROTOCOL_MALFORMED",
    });
  }
  const other = await metersBlinding(filled(32, 0x98), "LOAD", modulusBits);
  assert.notDeepEqual(other, load);
});

const bigOf = (message: Uint8Array): bigint => BigInt(`0x${toHex(message)}`);

test("steps: one message for each whole step, whichever of its intervals are where", async () => {
  const stepSeconds = 3600;
  const minutes = Array.from({ length: 720 }, (_, minute) => 1000 + minute);
  const steps = async (firstSlot: number, values: readonly number[], missing: number[] = []) => {
    const frame = body(values, [9_999_999n]);
    for (const at of missing) frame.quality[at] = 1;
    const { length: count } = values;
    const header = await frameHeader({ intervalSeconds: 60, firstSlot, count });
    const all = planContributions(header, filled(32, 1), frame, context({ stepSeconds }));
    return all.find((plan) => plan.header.stream === "STEPS");
  };
  const half = await steps(0, minutes, [61, 719]);
  assert.ok(half);
  const { firstSlot, count, intervalSeconds, bitmap } = half.header;
  assert.deepEqual([firstSlot, count, intervalSeconds], [0, 12, stepSeconds]);
  assert.deepEqual(bitmap, Uint8Array.of(0b1111_1101, 0b0111));
  const energies = Array.from({ length: 12 }, (_, hour) =>
    minutes.slice(60 * hour, 60 * (hour + 1)).reduce((sum, energy) => sum + BigInt(energy), 0n),
  );
  // An hour without all of its minutes contributes nothing.
  energies[1] = energies[11] = 0n;
  assert.deepEqual(half.messages.map(bigOf), energies);
  assert.equal(ciphertextsIn(half.header), 12);
  // A frame that begins or ends inside a step has those that are whole.
  const late = await steps(45, minutes.slice(0, 150));
  assert.deepEqual([late?.header.firstSlot, late?.header.count], [1, 2]);
  assert.equal(await steps(45, minutes.slice(0, 60)), undefined);
  const header = await frameHeader({ count: 0, firstSlot: 96 });
  const installed = planContributions(
    header,
    filled(32, 1),
    body([], [1n]),
    context({ stepSeconds }),
  );
  assert.deepEqual(
    installed.map((plan) => plan.header.stream),
    ["BILL"],
  );
});

test("steps: none where they do not fit intervals or block, and everything else is contributed", async () => {
  const day = body(
    Array.from({ length: 96 }, () => 2000),
    [200_000n],
  );
  const streams = async (changes: Partial<FrameHeader>, stepSeconds = 3600): Promise<string[]> => {
    const header = await frameHeader({ count: 96, ...changes });
    const terms = context({ stepSeconds });
    return planContributions(header, filled(32, 1), day, terms).map((plan) => plan.header.stream);
  };
  assert.deepEqual(await streams({}), ["LOAD", "BILL", "STEPS"]);
  assert.deepEqual(await streams({ blockStart: blockStart + 1800 }), ["LOAD", "BILL"]);
  assert.deepEqual(await streams({}, 1000), ["LOAD", "BILL"]);
});

test("steps: equal energies have blindings of their own, in both profiles", async () => {
  const day = body(
    Array.from({ length: 96 }, () => 2000),
    [200_000n],
  );
  for (const profile of ["pes-encrypts", "meter-encrypts"] as const) {
    const header = await frameHeader({ count: 96, profile });
    const terms = context({ stepSeconds: 3600, load: undefined });
    const planned = planContributions(header, filled(32, 1), day, terms);
    const all = planned.flatMap(messagesOf);
    assert.equal(new Set(all.map(({ message }) => toHex(message))).size, 2);
    const source = { dataKey, blindingSeed: filled(32, 0x99) };
    const blindings = await Promise.all(all.map((each) => blindingOf(each, source, modulusBits)));
    assert.equal(new Set(blindings.map(toHex)).size, 25);
  }
  const seed = filled(32, 0x99);
  const [first, second] = await Promise.all(
    [0, 1].map((index) => metersBlinding(seed, "STEPS", modulusBits, index)),
  );
  assert.notDeepEqual(first, second);
});

test("steps: encrypted in their order, each alone, and all messages wiped", async () => {
  const day = body(
    Array.from({ length: 96 }, (_, quarter) => quarter),
    [200_000n],
  );
  const header = await frameHeader({ count: 96, profile: "meter-encrypts" });
  const terms = context({ stepSeconds: 3600 });
  const hash = filled(32, 0x22);
  const planned = planContributions(header, hash, day, terms);
  const width = modulusBits / 4;
  const encrypted = await encryptContributions(planned, ({ message, index }) =>
    Promise.resolve(filled(width, Number(bigOf(message) % 200n) + index)),
  );
  assert.ok(planned.every((plan) => plan.messages.every((each) => each.every((b) => b === 0))));
  const made = encrypted.map((each): Contribution => ({ ...each, signature: filled(64, 0) }));
  const steps = made.at(-1);
  assert.ok(steps?.header.stream === "STEPS");
  const hours = Array.from({ length: 24 }, (_, hour) => steps.ciphertext[hour * width]);
  assert.deepEqual(
    hours,
    Array.from({ length: 24 }, (_, hour) => ((16 * hour + 6) % 200) + hour),
  );
  assert.ok(arePrescribed(made, header, hash, terms));
  const shorter = { ...steps, ciphertext: steps.ciphertext.subarray(width) };
  const wrong = [...made.slice(0, -1), shorter];
  assert.equal(arePrescribed(wrong, header, hash, terms), false);
  assert.equal(arePrescribed(made, header, hash, context()), false);
});

test("prescribed contributions: those of §6.3 or none, each header to the byte", async () => {
  const frame = await frameHeader({ profile: "meter-encrypts", count: 96 });
  const hash = filled(32, 0x22);
  const load = { intervalSeconds: 900, valueBits: 14, exportToo: true };
  const terms = context({ load });
  const day = body(
    Array.from({ length: 96 }, () => 2000),
    [200_000n],
  );
  const made = planContributions(frame, hash, day, terms).map(
    ({ header, headerBytes }): Contribution => ({
      header,
      headerBytes,
      ciphertext: filled(modulusBits / 4, 1),
      signature: filled(64, 0),
    }),
  );
  const [first, second, bill] = made;
  assert.ok(first && second && bill);
  const prescribed = (list: readonly Contribution[], other = terms, header = frame): boolean =>
    arePrescribed(list, header, hash, other);
  assert.ok(prescribed(made));
  assert.ok(prescribed([]));
  // A missing reading clears its bit: which ones are missing, only the meter can say.
  const gaps = { ...first.header, bitmap: filled(12, 0x55) };
  assert.ok(prescribed([remade(first, gaps), second, bill]));
  const wrong: Record<string, boolean> = {
    order: prescribed([second, first, bill]),
    "one missing": prescribed([first, bill]),
    "one twice": prescribed([first, first, bill]),
    "one too many": prescribed([...made, bill]),
    "short ciphertext": prescribed([{ ...first, ciphertext: filled(9, 1) }, second, bill]),
    "no export": prescribed(made, context({ load: { ...load, exportToo: false } })),
    "no cohort": prescribed(made, context({ load: undefined })),
    "other bits": prescribed(made, context({ load: { ...load, valueBits: 15 } })),
    "other interval": prescribed(made, context({ load: { ...load, intervalSeconds: 3600 } })),
    "other grid": prescribed(made, context({ load: { ...load, intervalSeconds: 1000 } })),
    "other key": prescribed(made, context({ load, paillierKeyId: filled(32, 0x12) })),
    "other modulus": prescribed(made, context({ load, modulusBits: 2048 })),
    "longer block": prescribed(made, context({ load, blockSeconds: 90_000 })),
    "other frame": arePrescribed(made, frame, filled(32, 0x23), terms),
  };
  const headers: Record<string, Partial<FrameHeader>> = {
    "other meter": { meterId: filled(16, 1) },
    "other pseudonym": { networkPseudonym: filled(16, 1) },
    "other block": { blockStart: 0 },
    "other slots": { firstSlot: 1, count: 95 },
    "other bank": { registerBank: filled(8, 1) },
    "other profile": { profile: "pes-encrypts" },
  };
  for (const [name, change] of Object.entries(headers)) {
    wrong[name] = prescribed(made, terms, { ...frame, ...change });
  }
  const accepted = Object.entries(wrong).filter(([, isPrescribed]) => isPrescribed);
  assert.deepEqual(accepted, []);
});

const remade = (contribution: Contribution, header: ContributionHeader): Contribution => ({
  ...contribution,
  header,
  headerBytes: encodeContributionHeader(header),
});

test("Merkle root: RFC 6962's published roots; order, number and level all count", async () => {
  // Test inputs and roots of the Certificate Transparency reference implementation.
  const inputs = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ];
  const roots = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ];
  const leaves = await Promise.all(inputs.map((hex) => leafHash(fromHex(hex))));
  for (const [index, root] of roots.entries()) {
    assert.equal(toHex(await merkleRoot(leaves.slice(0, index + 1))), root);
  }
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.equal(toHex(await merkleRoot([])), empty);
  const [first, second, third] = leaves;
  assert.ok(first && second && third);
  const different = [
    [second, first, third],
    [first, second],
    [first, second, third, third],
    // An inner node in a leaf's place.
    [await leafHash(first, second), third],
  ];
  for (const list of different) assert.notEqual(toHex(await merkleRoot(list)), roots[2]);
  assert.deepEqual(
    await contributionLeaf(filled(2, 1)),
    await leafHash(filled(1, 1), filled(1, 1)),
  );
});

test("law: the path of each leaf leads to the root, from no other place and at no other length", async () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const trees = fc.uniqueArray(bytes, { minLength: 1, maxLength: 40, selector: toHex });
  await fc.assert(
    fc.asyncProperty(trees, async (leaves) => {
      const { root, paths } = await merkleTree(leaves);
      assert.deepEqual(await merkleRoot(leaves), root);
      for (const [index, leaf] of leaves.entries()) {
        const path = paths[index] ?? assert.fail();
        const found = (at: number, by: readonly Uint8Array[]) =>
          rootOfPath(leaf, at, leaves.length, by);
        assert.deepEqual(await found(index, path), root);
        assert.equal(await found(index, [...path, leaf]), undefined);
        if (leaves.length === 1) continue;
        assert.equal(await found(index, path.slice(1)), undefined);
        const elsewhere = await found((index + 1) % leaves.length, path);
        assert.ok(elsewhere === undefined || toHex(elsewhere) !== toHex(root));
      }
    }),
    { numRuns: 40 },
  );
  await assert.rejects(merkleTree([]), RangeError);
  // Beside large powers of two, where a logarithm of floating point is wrong.
  assert.deepEqual([2, 3, 2 ** 49, 2 ** 49 + 1].map(splitOf), [1, 2, 2 ** 48, 2 ** 49]);
});
