/**
 * Meters of profile `meter-encrypts` (docs/protocol.md §2.6, §4.1, §6.3, §6.4): their own contributions,
 * blindings that are used once whatever crashes, and a profile that never goes back.
 */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { recomputeContributions } from "@smarter-metering/customer";
import {
  decryptBatch,
  engineKeyOf,
  unpack,
  validateCiphertexts,
  type Engine,
} from "@smarter-metering/paillier";
import {
  arePrescribed,
  billPacking,
  decodeContribution,
  decodeFrame,
  decodeUplinkItem,
  fromHex,
  keyCommitment,
  openFrame,
  signDocument,
  toHex,
  verifyContribution,
  type ContributionContext,
  type SealedFrame,
} from "@smarter-metering/protocol";
import { addLocalDays } from "@smarter-metering/tariff";
import {
  afterwardsTerms,
  dayAheadPrices,
  dayAheadTariff,
} from "../../../test/support/day-ahead.ts";
import { makeWorld } from "../../../test/support/world.ts";
import { MeterError, type MeterSource, type UplinkEntry } from "../src/index.ts";
import type { AcceptedFrame } from "./fake-concentrator.ts";
import {
  closeRig,
  home,
  JOURNAL,
  newConcentrator,
  newFolder,
  registersAt,
  sourceOf,
  startRig,
  world,
  type Rig,
  type RigOptions,
  type Send,
} from "./rig.ts";

const twin = await makeWorld({
  households: 3,
  startDate: "2025-03-29",
  profile: "meter-encrypts",
  exportLoad: true,
  loadIntervalSeconds: 3600, // 2048-bit test keys hold no day of quarters.
});
after(async () => {
  await twin.close();
  await closeRig();
});

const { publicKey, secretKey } = world.paillier;
const terms = twin.meterTerms as {
  readonly contribution: { readonly load: readonly { readonly valueBits: number }[] };
};
/** As the rig's meters, but encrypting for themselves. */
const encrypting: object = { opener: undefined, ...terms };
const withLoad = (load: readonly object[]): object => ({
  ...encrypting,
  contribution: { ...terms.contribution, load },
});

const contextAt = (blockStart: number): ContributionContext => ({
  paillierKeyId: fromHex(publicKey.id),
  modulusBits: publicKey.bits,
  blockSeconds: addLocalDays(blockStart, 1, world.zone) - blockStart,
  bandCount: 2,
  load: {
    intervalSeconds: 3600,
    valueBits: terms.contribution.load[0]?.valueBits ?? 0,
    exportToo: true,
  },
});

/** What a meter drew, so that a test can open its frames as its customer could. */
class Drawn {
  readonly #all: Uint8Array[] = [];
  readonly keep = (bytes: Uint8Array): void => void this.#all.push(bytes);

  async keyOf({ header }: SealedFrame): Promise<Uint8Array> {
    for (const bytes of this.#all.filter(({ length }) => length === 32)) {
      const commitment = await keyCommitment(header.meterId, header.keyEpoch, bytes);
      if (toHex(commitment) === toHex(header.keyCommitment)) return bytes;
    }
    throw new Error("no such key was drawn");
  }
}

const start = (send: Send, options: RigOptions = {}): Promise<Rig> =>
  startRig(send, { provisioning: encrypting, ...options });

const encrypt = (message: Uint8Array, blinding: Uint8Array): Promise<Uint8Array> =>
  world.engine.encrypt(engineKeyOf(publicKey), message, blinding);

const streamsOf = ({ contributions }: AcceptedFrame): string[] =>
  contributions.map((bytes) => decodeContribution(bytes).header.stream);

describe("a meter's own contributions", () => {
  test("are, byte for byte, what its customer computes; nothing else is made for anybody", async () => {
    const concentrator = newConcentrator();
    const drawn = new Drawn();
    const { fleet } = await start((entries) => concentrator.take(entries), { drawn: drawn.keep });
    assert((await fleet.sendDay(world.dayStart(2))).complete);
    await fleet.close();
    assert.equal(concentrator.accepted.length, 6);
    for (const accepted of concentrator.accepted) {
      const { frame, contributions, openerEnvelope } = accepted;
      const { header } = frame;
      assert.equal(openerEnvelope.length, 0);
      const index = [0, 1].findIndex((each) => home(each).meterId === toHex(header.meterId));
      const dataKey = await drawn.keyOf(frame);
      const context = contextAt(header.blockStart);
      const own = contributions.map(decodeContribution);
      assert(arePrescribed(own, header, fromHex(accepted.hash), context));
      const expected = await recomputeContributions(frame, dataKey, context, encrypt);
      assert.deepEqual(
        own.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
        expected.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
      );
      for (const each of own) await verifyContribution(each, home(index).meter.publicKey);
      const wanted = header.count === 0 ? ["BILL"] : ["LOAD", "LOAD_EXPORT", "BILL"];
      assert.deepEqual(streamsOf(accepted), wanted);
      const bill = own.at(-1)?.ciphertext ?? new Uint8Array(0);
      const [valid] = await validateCiphertexts(world.engine, publicKey, [bill]);
      assert(valid?.ok);
      const [message = 0n] = await decryptBatch(world.engine, secretKey, [valid.ciphertext]);
      const opened = unpack(billPacking(publicKey.bits), message, { slots: 8, count: 1 });
      const end = header.blockStart + (header.firstSlot + header.count) * 900;
      assert(opened.ok);
      assert.deepEqual(opened.values, registersAt(index, end));
    }
  });

  test("have the cost beside the bill, each in a ciphertext of its own that the customer computes", async () => {
    const concentrator = newConcentrator();
    const drawn = new Drawn();
    const days = { startSeconds: world.startSeconds, endSeconds: world.dayStart(3) };
    const prices = await signDocument("smarter-metering/prices", dayAheadPrices(days), world.root);
    const counting = {
      ...encrypting,
      calendar: dayAheadTariff().calendar,
      prices: { registryRootKey: toHex(world.root.publicKey) },
    };
    const asked: number[] = [];
    const options: RigOptions = {
      drawn: drawn.keep,
      // Under one key with a meter that counts no cost, whose blindings come from the same stock.
      provisioning: (index) => (index === 0 ? counting : encrypting),
      prices: (_meterId, _series, from) => {
        asked.push(from);
        return Promise.resolve([prices]);
      },
    };
    let down = false;
    const send: Send = (entries) =>
      down
        ? Promise.reject(new MeterError("UPLINK_UNREACHABLE", "down"))
        : concentrator.take(entries);
    const { fleet, path, clock } = await startRig(send, options);
    assert((await fleet.sendDay(world.dayStart(1))).complete);
    down = true;
    const stuck = fleet.sendDay(world.dayStart(2));
    while (fleet.status().some(({ waitingFrames }) => waitingFrames === 0)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await fleet.close();
    assert.equal((await stuck).complete, false);
    down = false;
    const again = await startRig(send, { ...options, path, clock });
    const waiting = again.fleet.status().map(({ waitingFrames }) => waitingFrames);
    assert.deepEqual(waiting, [1, 1], "what waited is what it would make now");
    asked.length = 0;
    assert((await again.fleet.sendDay(world.dayStart(2))).complete);
    assert.equal(asked[0], world.dayStart(1), "what waits may have to be made again");
    await again.fleet.close();
    let blocks = 0;
    for (const { frame, hash, contributions } of concentrator.accepted) {
      const { header } = frame;
      const own = contributions.map(decodeContribution);
      const context = { ...contextAt(header.blockStart), bandCount: 1, hasCost: true };
      if (toHex(header.meterId) !== home(0).meterId) {
        assert(own.every((each) => each.header.stream !== "COST"));
        continue;
      }
      assert(arePrescribed(own, header, fromHex(hash), context));
      assert(!arePrescribed(own, header, fromHex(hash), { ...context, hasCost: false }));
      const wanted = header.count === 0 ? [] : ["LOAD", "LOAD_EXPORT"];
      assert.deepEqual(
        own.map((each) => each.header.stream),
        [...wanted, "BILL", "COST"],
      );
      const dataKey = await drawn.keyOf(frame);
      const expected = await recomputeContributions(frame, dataKey, context, encrypt);
      assert.deepEqual(
        own.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
        expected.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
      );
      const checked = await validateCiphertexts(
        world.engine,
        publicKey,
        own.slice(-2).map(({ ciphertext }) => ciphertext),
      );
      const valid = checked.map((each) => (each.ok ? each.ciphertext : assert.fail()));
      const messages = await decryptBatch(world.engine, secretKey, valid);
      const [bill, cost] = messages.map((message) => {
        const opened = unpack(billPacking(publicKey.bits), message, { slots: 8, count: 1 });
        return opened.ok ? opened.values : assert.fail();
      });
      const { registersMilliwattHours: registers } = await openFrame(frame, dataKey);
      const zeros = [0n, 0n, 0n, 0n, 0n, 0n];
      assert.deepEqual(bill, [registers[0], registers[1], ...zeros]);
      assert.deepEqual(cost, [registers[2], 0n, ...zeros]);
      assert.equal(registers[2] !== 0n, header.count > 0);
      blocks += 1;
    }
    assert.equal(blocks, 3);
  });

  test("have the energy of each hour by itself where prices are known afterwards, and wait for no price", async () => {
    const concentrator = newConcentrator();
    const drawn = new Drawn();
    const { calendar } = dayAheadTariff(afterwardsTerms);
    const { fleet } = await startRig((entries) => concentrator.take(entries), {
      drawn: drawn.keep,
      provisioning: { ...encrypting, calendar },
    });
    assert((await fleet.sendDay(world.dayStart(1))).complete);
    await fleet.close();
    const frames = concentrator.accepted.filter(({ frame }) => frame.header.count > 0);
    assert(frames.length > 0);
    for (const { frame, hash, contributions } of frames) {
      const { header } = frame;
      const own = contributions.map(decodeContribution);
      const context = { ...contextAt(header.blockStart), bandCount: 1, stepSeconds: 3600 };
      assert(arePrescribed(own, header, fromHex(hash), context));
      assert.deepEqual(
        own.map((each) => each.header.stream),
        ["LOAD", "LOAD_EXPORT", "BILL", "STEPS"],
      );
      const dataKey = await drawn.keyOf(frame);
      const expected = await recomputeContributions(frame, dataKey, context, encrypt);
      assert.deepEqual(
        own.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
        expected.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
      );
      const steps = own.at(-1);
      assert(steps !== undefined);
      const width = publicKey.bits / 4;
      const parts = Array.from({ length: steps.header.count }, (_, step) =>
        steps.ciphertext.slice(step * width, (step + 1) * width),
      );
      const checked = await validateCiphertexts(world.engine, publicKey, parts);
      const valid = checked.map((each) => (each.ok ? each.ciphertext : assert.fail()));
      const body = await openFrame(frame, dataKey);
      const energies = parts.map((_, hour) =>
        body.importMilliwattHours
          .slice(4 * hour, 4 * hour + 4)
          .reduce((sum, energy) => sum + BigInt(energy), 0n),
      );
      assert.deepEqual(await decryptBatch(world.engine, secretKey, valid), energies);
      assert(body.registersMilliwattHours.slice(2).every((register) => register === 0n));
    }
  });

  test("are to BILL alone without a cohort, in parts for minutes, and none of what cannot be", async () => {
    const waiting = newConcentrator();
    const load = [{ ...terms.contribution.load[0], fromBlock: world.dayStart(1) }];
    const joiner = await start((entries) => waiting.take(entries), {
      provisioning: withLoad(load),
      households: 1,
    });
    await joiner.fleet.sendDay(world.dayStart(2));
    await joiner.fleet.close();
    const joined = ["LOAD", "LOAD_EXPORT", "BILL"];
    assert.deepEqual(waiting.accepted.map(streamsOf), [["BILL"], ["BILL"], joined]);

    const minutes = newConcentrator();
    const impossible = (index: number): MeterSource => {
      const source = sourceOf(index, 60);
      const day: MeterSource["day"] = (from, to) => {
        const readings = source.day(from, to);
        const imported = Array.from(readings?.importMilliwattHours ?? []);
        if (from === world.dayStart(1)) imported[800] = 90_000_000;
        return readings && { ...readings, importMilliwattHours: imported };
      };
      return { day, live: day };
    };
    const { fleet } = await start((entries) => minutes.take(entries), {
      provisioning: { ...encrypting, intervalSeconds: 60 },
      source: impossible,
      households: 1,
    });
    assert((await fleet.sendDay(world.dayStart(2))).complete);
    assert.equal(fleet.status()[0]?.framesOutOfRange, 1);
    await fleet.close();
    const part = ["LOAD", "LOAD_EXPORT"];
    assert.deepEqual(minutes.accepted.map(streamsOf), [["BILL"], part, joined, part, []]);
  });

  test("of many meters share the engine's calls, with blindings that wait for them", async () => {
    const calls = { blind: 0, encryptBlinded: 0 };
    const { engine } = world;
    const counting: Engine = {
      ...engine,
      blind(key, blindings) {
        calls.blind += 1;
        return engine.blind(key, blindings);
      },
      encryptBlinded(key, messages, powers) {
        calls.encryptBlinded += 1;
        return engine.encryptBlinded(key, messages, powers);
      },
    };
    const concentrator = newConcentrator();
    const send: Send = (entries) => concentrator.take(entries);
    const { fleet } = await start(send, { engine: counting, households: 3 });
    assert((await fleet.sendDay(world.dayStart(1))).complete);
    await fleet.close();
    assert.equal(concentrator.accepted.length, 6);
    assert(calls.encryptBlinded <= 3, `${calls.encryptBlinded} calls for 12 contributions`);
    assert(calls.blind <= 5, `${calls.blind} calls for 6 blindings and those that wait`);
  });
});

describe("a blinding", () => {
  /** Every item that was ever on the way, by its frame's hash: never two of one hash. */
  class Seen {
    readonly items = new Map<string, string>();
    readonly frames = new Map<string, SealedFrame>();
    readonly ciphertexts = new Map<string, string>();

    async note(entries: readonly UplinkEntry[]): Promise<void> {
      for (const { item } of entries) {
        const decoded = decodeUplinkItem(item);
        if (decoded.kind !== "CONTRIBUTED_FRAME") continue;
        const name = toHex(decoded.frame);
        assert.equal(this.items.get(name) ?? toHex(item), toHex(item), "with other contributions");
        this.items.set(name, toHex(item));
        this.frames.set(name, decodeFrame(decoded.frame));
        for (const bytes of decoded.contributions) {
          const ciphertext = toHex(decodeContribution(bytes).ciphertext);
          assert.equal(this.ciphertexts.get(ciphertext) ?? name, name, "a ciphertext came twice");
          this.ciphertexts.set(ciphertext, name);
        }
      }
    }

    /** Each frame's seed, in hex; one is in no other frame. */
    async seeds(drawn: Drawn): Promise<Map<string, string>> {
      const owners = new Map<string, string>();
      for (const [name, frame] of this.frames) {
        const { blindingSeed } = await openFrame(frame, await drawn.keyOf(frame));
        assert(blindingSeed !== undefined);
        const seed = toHex(blindingSeed);
        assert.equal(owners.get(seed) ?? name, name, "a seed in two frames");
        owners.set(seed, name);
      }
      return owners;
    }
  }

  test("is used once: over a crash after each write, before or after each request, and a lost journal", async () => {
    const concentrator = newConcentrator();
    const path = newFolder();
    const drawn = new Drawn();
    const seen = new Seen();
    const history = [{ bytes: 0, state: concentrator.clone() }];
    const first = await start(
      async (entries) => {
        await seen.note(entries);
        const answer = await concentrator.take(entries);
        history.push({ bytes: statSync(join(path, JOURNAL)).size, state: concentrator.clone() });
        return answer;
      },
      { path, drawn: drawn.keep },
    );
    await first.fleet.sendDay(world.dayStart(2));
    await first.fleet.close();
    const journal = readFileSync(join(path, JOURNAL));
    const ends = [8];
    for (let end = 8; end < journal.length; ends.push(end)) end += 12 + journal.readUInt32LE(end);
    for (const end of ends) {
      const late = history.findLast(({ bytes }) => bytes <= end);
      const early = history.findLast(({ bytes }) => bytes < end);
      for (const moment of new Set([late, early, history.at(-1)])) {
        const state = moment?.state.clone();
        assert(state !== undefined);
        const again = await start(
          async (entries) => {
            await seen.note(entries);
            return state.take(entries);
          },
          { path: newFolder(journal.subarray(0, end)), drawn: drawn.keep },
        );
        const report = await again.fleet.sendDay(world.dayStart(2));
        assert(report.complete);
        await again.fleet.close();
        assert.equal(state.accepted.length, 6, "each block once");
      }
    }
    const seeds = await seen.seeds(drawn);
    assert(seen.frames.size > 6, "blocks were sealed again");
    assert.equal(seeds.size, seen.frames.size);
    for (const seed of seeds.keys()) {
      assert(!journal.includes(Buffer.from(seed, "hex")), "a seed is on disk inside a frame alone");
    }
  });

  test("differs when a block is sealed again; were it the same, the difference would show", async () => {
    const sealings: SealedFrame[] = [];
    const sent: Uint8Array[][] = [];
    for (let life = 0; life < 2; life++) {
      const concentrator = newConcentrator();
      const { fleet } = await start((entries) => concentrator.take(entries), { households: 1 });
      await fleet.sendDay(world.dayStart(1));
      await fleet.close();
      const block = concentrator.accepted[1];
      assert(block !== undefined);
      sealings.push(block.frame);
      sent.push(block.contributions.map((bytes) => decodeContribution(bytes).ciphertext));
    }
    const big = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
    const quotient = async (a: Uint8Array, b: Uint8Array): Promise<bigint> =>
      big(await world.engine.subtract(engineKeyOf(publicKey), a, b));
    const [once, again] = sent;
    assert(once?.length === 3 && again !== undefined);
    for (const [index, ciphertext] of once.entries()) {
      // The same readings: of one blinding the quotient would be 1.
      const other = again[index] ?? ciphertext;
      assert.notEqual((await quotient(ciphertext, other)) % publicKey.n, 1n);
    }
    // The control: two messages under one blinding, and what everybody then computes.
    const message = (value: bigint): Uint8Array =>
      fromHex(value.toString(16).padStart(publicKey.bits / 4, "0"));
    const twice = new Uint8Array(publicKey.bits / 16).fill(7);
    const [day, night] = [4711n, 4000n];
    const shown = await quotient(
      await encrypt(message(day), twice),
      await encrypt(message(night), twice),
    );
    assert.equal((shown - 1n) / publicKey.n, day - night);
  });
});

describe("a meter that encrypts", () => {
  test("never goes back to an opener: not after a restart, a compaction or a change of tenant", async () => {
    const concentrator = newConcentrator();
    const send: Send = (entries) => concentrator.take(entries);
    const before = await startRig(send, { households: 1 });
    await before.fleet.sendDay(world.dayStart(1));
    await before.fleet.close();
    const { path, clock } = before;
    const raised = await start(send, { households: 1, path, clock });
    await raised.fleet.close();
    const lowered = { code: "METER_PROFILE_LOWERED" };
    for (let times = 0; times < 2; times++) {
      await assert.rejects(startRig(send, { households: 1, path, clock }), lowered);
    }
    const tenant = { networkPseudonym: "ab".repeat(16), contractStart: world.dayStart(2) };
    const next = { households: 1, path, clock, provisioning: tenant };
    await assert.rejects(startRig(send, next), lowered);
    const again = await start(send, { ...next, provisioning: { ...encrypting, ...tenant } });
    await again.fleet.close();
  });

  test("whose terms are outdated is held, loses nothing, and goes on when it is provisioned anew", async () => {
    const concentrator = newConcentrator();
    const send: Send = (entries) => concentrator.take(entries);
    const { fleet, path, clock } = await start(send, { households: 1 });
    await fleet.sendDay(world.dayStart(1));
    concentrator.refuse.set(home(0).meterId, "FRAME_TERMS");
    const report = await fleet.sendDay(world.dayStart(2));
    assert.deepEqual([...report.held.values()], ["FRAME_TERMS"]);
    assert.equal(fleet.status()[0]?.waitingFrames, 1);
    await fleet.close();
    concentrator.refuse.clear();
    const [old] = terms.contribution.load;
    assert(old !== undefined);
    const load = [old, { ...old, fromBlock: world.dayStart(1), valueBits: old.valueBits + 1 }];
    const options = { households: 1, path, clock, provisioning: withLoad(load) };
    const anew = await start(send, options);
    assert.equal(anew.fleet.status()[0]?.waitingFrames, 0, "it is made again");
    assert((await anew.fleet.sendDay(world.dayStart(2))).complete);
    await anew.fleet.close();
    const bits = concentrator.accepted.map(({ contributions }) =>
      contributions.map((bytes) => decodeContribution(bytes).header.valueBits),
    );
    const v = old.valueBits;
    assert.deepEqual(bits, [[48], [v, v, 48], [v + 1, v + 1, 48]]);
  });

  test("under the same terms sends after a restart what it had, as it was", async () => {
    const concentrator = newConcentrator();
    const items: string[] = [];
    let down = true;
    const send: Send = async (entries) => {
      items.push(...entries.filter(({ item }) => item[0] === 5).map(({ item }) => toHex(item)));
      if (down) throw new MeterError("UPLINK_UNREACHABLE", "down");
      return concentrator.take(entries);
    };
    const { fleet, path, clock } = await start(send, { households: 1 });
    const stuck = fleet.sendDay(world.dayStart(1));
    while (items.length < 4) await new Promise((resolve) => setImmediate(resolve));
    await fleet.close();
    assert.equal((await stuck).complete, false);
    down = false;
    const again = await start(send, { households: 1, path, clock });
    assert((await again.fleet.sendDay(world.dayStart(1))).complete);
    await again.fleet.close();
    assert.equal(new Set(items).size, 2, "two frames, however often they were sent");
  });

  test("is provisioned with terms and without an opener's key, and needs an engine", async () => {
    const send: Send = () => Promise.reject(new MeterError("UPLINK_UNREACHABLE", "down"));
    const bad = { code: "METER_PROVISIONING" };
    const [load] = terms.contribution.load;
    const wrong: object[] = [
      { profile: "meter-encrypts" },
      { profile: "meter-encrypts", opener: undefined },
      { opener: undefined },
      { contribution: terms.contribution },
      { ...encrypting, profile: "pes-encrypts" },
      { ...encrypting, contribution: { ...terms.contribution, paillierKey: { n: "00" } } },
      { ...encrypting, contribution: { ...terms.contribution, paillierKey: undefined } },
      withLoad([load ?? {}, load ?? {}]),
      withLoad([{ ...load, valueBits: 0 }]),
    ];
    for (const provisioning of wrong) {
      await assert.rejects(startRig(send, { households: 1, provisioning }), bad);
    }
  });
});
