/**
 * Meters and fleets: write-ahead, restarts, lost journals, bad networks, enrolment
 * (docs/protocol.md §2.5, §2.6, §2.9, §10.1).
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  customerMac,
  decodeEnrolmentAnswer,
  decodeEnvelope,
  decodeOffer,
  decodeUplink,
  encodeEnrolmentCode,
  encodeEnrolmentRequest,
  fromHex,
  meterMac,
  openEnvelope,
  openFrame,
  primitives,
  toBase64Url,
  toHex,
  verifyEnrolmentAnswer,
  verifyEnvelope,
  verifyOffer,
  type EnrolmentRequest,
} from "@smarter-metering/protocol";
import { silentLogger, type Clock } from "@smarter-metering/runtime";
import { bandAt, localDayStart } from "@smarter-metering/tariff";
import { Aedes } from "aedes";
import * as fc from "fast-check";
import {
  makeWorld,
  named,
  worldTariff,
  type World,
  type WorldHousehold,
} from "../../../test/support/world.ts";
import {
  httpUplink,
  MeterError,
  mqttUplink,
  parseProvisioning,
  seriesSource,
  startFleet,
  type Fleet,
  type MeterSource,
  type Readings,
  type Uplink,
  type UplinkEntry,
} from "../src/index.ts";
import { FakeConcentrator, TestOpener } from "./fake-concentrator.ts";

const JOURNAL = "meters.journal";
let world: World;
let folder: string;
let folders = 0;
before(async () => {
  // The last Sunday of March is in the days that are sent: a day of 23 hours.
  world = await makeWorld({ households: 3, startDate: "2025-03-29" });
  folder = mkdtempSync(join(tmpdir(), "meter-test-"));
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await world.close();
});

/** A new journal folder, with `journal` as its journal if given. */
function newFolder(journal?: Uint8Array): string {
  const path = mkdtempSync(join(folder, `${folders++}-`));
  if (journal !== undefined) writeFileSync(join(path, JOURNAL), journal);
  return path;
}

const home = (index: number): WorldHousehold => {
  const household = world.households[index];
  assert(household !== undefined);
  return household;
};

const provisioningOf = (household: WorldHousehold, changes: object = {}): object => ({
  label: household.label,
  networkPseudonym: household.network,
  meterId: household.meterId,
  signingSeed: toHex(household.seed),
  zone: world.zone,
  intervalSeconds: 900,
  profile: "pes-encrypts",
  calendar: worldTariff.calendar,
  contractStart: world.startSeconds,
  openerKey: toBase64Url(world.opener.recipient.spki),
  enrolmentCode: encodeEnrolmentCode(household.enrolmentCode),
  concentrator: "http://127.0.0.1:1",
  ...changes,
});

/** What household `index` uses in the interval that begins at `instant`. */
const energyAt = (index: number, instant: number): number => 1000 + index + ((instant / 60) % 977);
const exportAt = (index: number, instant: number): number => (instant / 60 + index) % 13;

function sourceOf(index: number, intervalSeconds = 900, dataUntil = Infinity): MeterSource {
  const between = (from: number, to: number): Readings | undefined => {
    if (to > dataUntil) return undefined;
    const count = (to - from) / intervalSeconds;
    const at = (value: (index: number, instant: number) => number): number[] =>
      Array.from({ length: count }, (_, slot) => value(index, from + slot * intervalSeconds));
    return {
      importMilliwattHours: at(energyAt),
      exportMilliwattHours: at(exportAt),
      quality: at(() => 0),
    };
  };
  return { day: between, live: between };
}

/** Registers at `end`, summed one interval at a time: the reference. */
function registersAt(index: number, end: number, intervalSeconds = 900): bigint[] {
  const registers = Array.from({ length: 8 }, () => 0n);
  const add = (register: number, value: number): void => {
    registers[register] = (registers[register] ?? 0n) + BigInt(value);
  };
  for (let at = world.startSeconds; at < end; at += intervalSeconds) {
    add(bandAt(worldTariff.calendar, at, world.zone), energyAt(index, at));
    add(worldTariff.calendar.bands.length, exportAt(index, at));
  }
  return registers;
}

/**
 * A clock that stands where it is put; timers fire at the next turn, so that pauses cost no time.
 */
interface TestClock extends Clock {
  seconds: number;
  pauses: number;
}

function testClock(): TestClock {
  const clock: TestClock = {
    seconds: world.dayStart(10),
    pauses: 0,
    nowMs: () => clock.seconds * 1000,
    at(_timeMs, fn) {
      clock.pauses += 1;
      const timer = setImmediate(() => void fn());
      return () => clearImmediate(timer);
    },
    every: () => () => undefined,
  };
  return clock;
}

interface Rig {
  readonly fleet: Fleet;
  readonly clock: TestClock;
  readonly path: string;
}

interface RigOptions {
  readonly path?: string;
  readonly clock?: TestClock;
  readonly households?: number;
  readonly provisioning?: object;
  readonly compactAtBytes?: number;
  readonly source?: (index: number) => MeterSource;
}

type Send = Uplink["send"];

async function startRig(send: Send, options: RigOptions = {}): Promise<Rig> {
  const path = options.path ?? newFolder();
  const clock = options.clock ?? testClock();
  const meters = world.households.slice(0, options.households ?? 2).map((household, index) => ({
    provisioning: provisioningOf(household, options.provisioning),
    source: (options.source ?? sourceOf)(index),
  }));
  const uplink: Uplink = { send, close: () => Promise.resolve() };
  const fleet = await startFleet(
    { meters, compactAtBytes: options.compactAtBytes ?? Infinity },
    {
      clock,
      log: silentLogger,
      journalFolder: path,
      uplink,
      random: (bytes) => primitives.randomBytes(bytes),
    },
  );
  return { fleet, clock, path };
}

const newConcentrator = (): FakeConcentrator =>
  new FakeConcentrator(
    new Map(world.households.map((household) => [household.meterId, household.meter.publicKey])),
  );

/** Every block of every meter once, in order, and every register exact. */
async function checkAccepted(
  concentrator: FakeConcentrator,
  days: number,
  options: { readonly households?: number; readonly intervalSeconds?: number } = {},
): Promise<void> {
  const { households = 2, intervalSeconds = 900 } = options;
  const opener = new TestOpener(world.opener.secret);
  for (let index = 0; index < households; index++) {
    const blocks = concentrator.accepted.filter(
      ({ frame: { header } }) =>
        header.kind === "BLOCK" && toHex(header.meterId) === home(index).meterId,
    );
    const [installation, ...rest] = blocks;
    assert(installation !== undefined);
    assert.equal(installation.frame.header.count, 0);
    let at = world.startSeconds;
    for (const block of rest) {
      const { blockStart, firstSlot, count } = block.frame.header;
      assert.equal(blockStart + firstSlot * intervalSeconds, at, "no block missing, none twice");
      assert.equal(blockStart, localDayStart(at, world.zone));
      at += count * intervalSeconds;
      const body = await opener.open(block);
      assert.deepEqual(body.registersMilliwattHours, registersAt(index, at, intervalSeconds));
    }
    assert.equal(at, world.dayStart(days));
  }
}

test("days go out as one chain from the installation on, each frame on disk before anyone sees it", async () => {
  const concentrator = newConcentrator();
  const path = newFolder();
  let frames = 0;
  const { fleet } = await startRig(
    (entries) => {
      const journal = readFileSync(join(path, JOURNAL));
      for (const { item } of entries) {
        if (item[0] !== 1) continue;
        frames += 1;
        const frame = item.subarray(3, 3 + ((item[1] ?? 0) << 8) + (item[2] ?? 0));
        assert(journal.includes(Buffer.from(frame)), "write-ahead");
      }
      return concentrator.take(entries);
    },
    { path },
  );
  assert.equal(fleet.nextBlock(), world.startSeconds);
  const report = await fleet.sendDay(world.dayStart(3));
  assert.equal(frames, 8);
  assert.deepEqual(
    { ...report, held: report.held.size },
    {
      complete: true,
      framesSealed: 8,
      accepted: 8,
      duplicates: 0,
      forked: 0,
      held: 0,
      lackingData: 0,
      attemptsFailed: 0,
    },
  );
  assert.equal(fleet.nextBlock(), world.dayStart(3));
  assert.deepEqual((await fleet.sendDay(world.dayStart(3))).framesSealed, 0);
  assert.deepEqual(fleet.status()[1]?.registersMilliwattHours, registersAt(1, world.dayStart(3)));
  await checkAccepted(concentrator, 3);
  const days = concentrator.accepted.filter(
    ({ frame: { header } }) => toHex(header.meterId) === home(0).meterId,
  );
  assert.deepEqual(
    days.map(({ frame: { header } }) => [header.firstSlot, header.count]),
    [
      [96, 0],
      [0, 96],
      [0, 92],
      [0, 96],
    ],
  );
  for (const [index, { frame }] of days.entries()) {
    const previous = days[index - 1]?.hash ?? "0".repeat(64);
    assert.equal(toHex(frame.header.previousFrameHash), previous);
  }
  assert.equal(statSync(join(path, JOURNAL)).mode & 0o077, 0);
  await fleet.close();
  await assert.rejects(fleet.sendDay(world.dayStart(4)), { code: "METER_CLOSED" });
});

test("a minute meter sends a day in parts of quarters; meter-encrypts has no opener", async () => {
  const concentrator = newConcentrator();
  const options = {
    households: 1,
    provisioning: { intervalSeconds: 60 },
    source: (index: number) => sourceOf(index, 60),
  };
  const { fleet } = await startRig((entries) => concentrator.take(entries), options);
  await fleet.sendDay(world.dayStart(2));
  assert.deepEqual(
    concentrator.accepted.slice(1).map(({ frame: { header } }) => [header.firstSlot, header.count]),
    [
      [0, 720],
      [720, 720],
      [0, 720],
      [720, 660],
    ],
  );
  await checkAccepted(concentrator, 2, { households: 1, intervalSeconds: 60 });
  await fleet.close();

  const other = newConcentrator();
  const rig = await startRig((entries) => other.take(entries), {
    households: 1,
    provisioning: { profile: "meter-encrypts" },
  });
  await rig.fleet.sendDay(world.dayStart(1));
  assert(other.accepted.every(({ openerEnvelope }) => openerEnvelope.length === 0));
  await rig.fleet.close();
});

test("a source without data holds its meter back, not the others; bad readings are an error", async () => {
  const concentrator = newConcentrator();
  const send: Send = (entries) => concentrator.take(entries);
  const late = (index: number): MeterSource =>
    sourceOf(index, 900, index === 0 ? world.dayStart(1) : Infinity);
  const { fleet } = await startRig(send, { source: late });
  const report = await fleet.sendDay(world.dayStart(2));
  assert.equal(report.lackingData, 1);
  assert.equal(fleet.nextBlock(), world.dayStart(1));
  assert.equal(fleet.status()[1]?.nextBlock, world.dayStart(2));
  await fleet.close();
  for (const value of [-1, 0.5, 2 ** 32, Number.NaN]) {
    const day = (): Readings => ({
      importMilliwattHours: Array.from({ length: 96 }, () => value),
      exportMilliwattHours: new Float64Array(96),
      quality: new Uint8Array(96),
    });
    const bad = await startRig(send, { source: () => ({ day, live: day }), households: 1 });
    await assert.rejects(bad.fleet.sendDay(world.dayStart(1)), { code: "METER_SOURCE" });
    await bad.fleet.close();
  }
  const source = seriesSource({
    label: "x",
    startSeconds: world.dayStart(0) + 900,
    intervalSeconds: 900,
    importMilliwattHours: Float64Array.of(5, 6),
    exportMilliwattHours: Float64Array.of(0, 1),
    quality: Uint8Array.of(0, 2),
  });
  const start = world.dayStart(0);
  assert.deepEqual(source.day(start, start + 2700), {
    importMilliwattHours: [0, 5, 6],
    exportMilliwattHours: [0, 0, 1],
    quality: [1, 0, 2],
  });
  assert.equal(source.day(start, start + 3600), undefined);
});

/**
 * Ends of the journal's writes: the magic, then `u32 length` in a header of 12 bytes
 * (packages/runtime).
 */
function writeEnds(journal: Buffer): number[] {
  const ends = [8];
  for (let end = 8; end < journal.length; ends.push(end)) end += 12 + journal.readUInt32LE(end);
  return ends;
}

test("a restart after any write, before or after any request: each block once, registers exact", async () => {
  const concentrator = newConcentrator();
  const path = newFolder();
  /** The concentrator as it was from the journal's length on. */
  const history = [{ bytes: 0, state: concentrator.clone() }];
  const { fleet } = await startRig(
    async (entries) => {
      const answer = await concentrator.take(entries);
      history.push({ bytes: statSync(join(path, JOURNAL)).size, state: concentrator.clone() });
      return answer;
    },
    { path },
  );
  await fleet.sendDay(world.dayStart(1));
  await fleet.sendDay(world.dayStart(2));
  await fleet.close();
  const journal = readFileSync(join(path, JOURNAL));
  const ends = writeEnds(journal);
  assert(ends.length > 6 && history.length > 2);
  for (const end of ends) {
    // As it stood when this write was the last one, and, when there was a request since, also
    // before it.
    const after = history.findLast(({ bytes }) => bytes <= end);
    const before = history.findLast(({ bytes }) => bytes < end);
    for (const seen of new Set([after, before])) {
      const state = seen?.state.clone();
      assert(state !== undefined);
      const rig = await startRig((entries) => state.take(entries), {
        path: newFolder(journal.subarray(0, end)),
      });
      assert.equal(rig.fleet.tornBytes, 0);
      const report = await rig.fleet.sendDay(world.dayStart(3));
      assert(report.complete);
      assert.equal(report.forked, 0, "what was on disk is sent as it was");
      await rig.fleet.close();
      await checkAccepted(state, 3);
    }
  }
});

test("a journal cut anywhere, or lost, while the concentrator has it all: nothing twice, registers exact", async () => {
  const concentrator = newConcentrator();
  const { fleet, path } = await startRig((entries) => concentrator.take(entries));
  await fleet.sendDay(world.dayStart(3));
  await fleet.close();
  const journal = readFileSync(join(path, JOURNAL));
  const lost = { end: 0, forkedMin: 8 };
  const cut = fc.record({ end: fc.nat(journal.length), forkedMin: fc.constant(0) });
  await fc.assert(
    fc.asyncProperty(cut, async ({ end, forkedMin }) => {
      const state = concentrator.clone();
      const rig = await startRig((entries) => state.take(entries), {
        path: newFolder(journal.subarray(0, end)),
      });
      const report = await rig.fleet.sendDay(world.dayStart(4));
      assert(report.complete);
      assert(report.forked >= forkedMin);
      assert.equal(
        rig.fleet.status().reduce((sum, { forkedFrames }) => sum + forkedFrames, 0),
        report.forked,
      );
      await rig.fleet.close();
      await checkAccepted(state, 4);
    }),
    { numRuns: 20, examples: [[lost]] },
  );
});

test("an uplink that loses, repeats, delays, bends and refuses, and restarts at any time", async () => {
  const fault = fc.constantFrom("none", "lost", "unanswered", "twice", "late", "bent", "full");
  const step = fc.record({
    faults: fc.array(fault, { maxLength: 6 }),
    restart: fc.boolean(),
    days: fc.integer({ min: 1, max: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      const concentrator = newConcentrator();
      let faults: string[] = [];
      const past: (readonly UplinkEntry[])[] = [];
      const send: Send = async (entries) => {
        past.push(entries);
        const unreachable = new MeterError("UPLINK_UNREACHABLE", "lost");
        switch (faults.shift()) {
          case "lost":
            throw unreachable;
          case "unanswered":
            await concentrator.take(entries);
            throw unreachable;
          case "twice":
            await concentrator.take(entries);
            break;
          case "late":
            for (const old of past.toReversed()) await concentrator.take(old);
            break;
          case "bent":
            return concentrator.take(
              entries.map(({ meterId, item }) => {
                const bent = Uint8Array.from(item);
                bent[40] = (bent[40] ?? 0) ^ 1;
                return { meterId, item: bent };
              }),
            );
          case "full":
            return {
              verdicts: entries.map(() => ({ status: "retry", code: "FRAME_QUEUE_FULL" })),
              downlink: [],
            };
        }
        return concentrator.take(entries);
      };
      // Small, so that compaction is among the things that happen.
      const compactAtBytes = 8000;
      let rig = await startRig(send, { compactAtBytes });
      let day = 0;
      for (const { faults: next, restart, days } of steps) {
        faults = [...next];
        day += days;
        await rig.fleet.sendDay(world.dayStart(day));
        if (!restart) continue;
        await rig.fleet.close();
        rig = await startRig(send, { path: rig.path, clock: rig.clock, compactAtBytes });
      }
      faults = [];
      const last = await rig.fleet.sendDay(world.dayStart(day));
      assert(last.complete);
      await rig.fleet.close();
      await checkAccepted(concentrator, day);
      const journalBytes = statSync(join(rig.path, JOURNAL)).size;
      assert(journalBytes < 8000 + 30_000, "settled frames leave the journal");
    }),
    { numRuns: 25 },
  );
});

test("a refusal holds the meter with its frames; a concentrator that is down is waited for, until close", async () => {
  const concentrator = newConcentrator();
  concentrator.refuse.set(home(0).meterId, "FRAME_FUTURE");
  let down = 3;
  const { fleet, clock } = await startRig((entries) => {
    down -= 1;
    if (down >= 0) return Promise.reject(new MeterError("UPLINK_UNREACHABLE", "down"));
    return concentrator.take(entries);
  });
  const report = await fleet.sendDay(world.dayStart(1));
  assert.equal(report.attemptsFailed, 3);
  assert.equal(clock.pauses, 3);
  assert.equal(report.complete, false);
  assert.deepEqual([...report.held], [[home(0).meterId, "FRAME_FUTURE"]]);
  assert.equal(report.accepted, 2, "the other meter is not held up");
  assert.equal(fleet.status()[0]?.waitingFrames, 2);
  concentrator.refuse.clear();
  assert((await fleet.sendDay(world.dayStart(2))).complete);
  await checkAccepted(concentrator, 2);
  down = Infinity;
  const stuck = fleet.sendDay(world.dayStart(3));
  await new Promise((resolve) => setImmediate(resolve));
  await fleet.close();
  assert.equal((await stuck).complete, false);
});

test("a gap that the same answer fills is no reason to start over", async () => {
  const concentrator = newConcentrator();
  let requests = 0;
  const { fleet } = await startRig(async (entries) => {
    // The first request arrives backwards: each frame before the one it follows.
    if (requests++ > 0) return concentrator.take(entries);
    const answer = await concentrator.take(entries.toReversed());
    return { ...answer, verdicts: answer.verdicts.toReversed() };
  });
  const before = fleet.status().map(({ keyEpoch }) => keyEpoch);
  assert((await fleet.sendDay(world.dayStart(1))).complete);
  const after = fleet.status().map(({ keyEpoch }) => keyEpoch);
  assert.deepEqual(after, before);
  await fleet.close();
  await checkAccepted(concentrator, 1);
});

test("a later epoch at the concentrator (a rolled-back meter) makes the meter start over", async () => {
  const concentrator = newConcentrator();
  const ahead = testClock();
  ahead.seconds += 1_000_000;
  const first = await startRig((entries) => concentrator.take(entries), { clock: ahead });
  await first.fleet.sendDay(world.dayStart(1));
  await first.fleet.close();
  // Journal lost and clock set back: its epochs are below the one known.
  const second = await startRig((entries) => concentrator.take(entries));
  assert((await second.fleet.sendDay(world.dayStart(2))).complete);
  await second.fleet.close();
  await checkAccepted(concentrator, 2);
});

test("enrolment: the code once, both sides proven, the contract's keys to that customer, then LIVE", async () => {
  const concentrator = newConcentrator();
  const household = home(0);
  const rig = await startRig((entries) => concentrator.take(entries));
  await rig.fleet.sendDay(world.dayStart(1));
  await rig.fleet.close();
  // A second epoch, also of this contract.
  const { fleet, clock } = await startRig((entries) => concentrator.take(entries), {
    path: rig.path,
  });
  await fleet.sendDay(world.dayStart(2));
  const live = (): number =>
    concentrator.accepted.filter(({ frame }) => frame.header.kind === "LIVE").length;
  const now = world.dayStart(2);
  await fleet.sendLive(now + 900, now + 1800);
  assert.equal(live(), 0, "nobody to see it");

  const offers = concentrator.messages.filter(({ kind }) => kind === "ENROLMENT_OFFER");
  const offer = offers
    .map(({ message }) => decodeOffer(message))
    .find(({ meterId }) => toHex(meterId) === household.meterId);
  assert(offer !== undefined);
  await verifyOffer(offer, household.meter.publicKey);
  const context = {
    meterId: offer.meterId,
    networkPseudonym: offer.networkPseudonym,
    account: "anna",
    customerSpki: world.customer.recipient.spki,
    nonce: offer.nonce,
  };
  const mac = await customerMac(household.enrolmentCode, context);
  const message = encodeEnrolmentRequest({ ...context, mac });
  concentrator.downlink = [{ meterId: household.meterId, message }];
  concentrator.messages = [];
  assert(await fleet.poll());
  concentrator.downlink = [];
  const answers = concentrator.messages.filter(({ kind }) => kind === "ENROLMENT_ANSWER");
  assert.equal(new Set(answers.map(({ message }) => toHex(message))).size, 1);
  const answer = decodeEnrolmentAnswer(answers[0]?.message ?? new Uint8Array(0));
  const meterKey = household.meter.publicKey;
  assert(answer.accepted);
  await verifyEnrolmentAnswer(answer, meterKey);
  assert.deepEqual(answer.mac, await meterMac(household.enrolmentCode, context, meterKey));
  assert.deepEqual(
    fleet.status().map(({ isEnrolled }) => isEnrolled),
    [true, false],
  );

  const envelopes = () =>
    concentrator.messages
      .filter(({ kind }) => kind === "ENVELOPE")
      .map(({ message }) => decodeEnvelope(message));
  assert.equal(envelopes().length, 2, "both epochs, once each");
  const keys = new Map<number, Uint8Array>();
  for (const envelope of envelopes()) {
    await verifyEnvelope(envelope, meterKey);
    keys.set(envelope.keyEpoch, await openEnvelope(envelope, world.customer.secret));
  }
  for (const { frame } of concentrator.accepted) {
    if (toHex(frame.header.meterId) !== household.meterId) continue;
    await openFrame(frame, keys.get(frame.header.keyEpoch) ?? named("no key"));
  }

  await fleet.sendLive(now + 900, now + 1800);
  assert.equal(live(), 1);
  const newest = concentrator.accepted.at(-1);
  assert(newest !== undefined);
  assert.equal(newest.openerEnvelope.length, 0, "never to the opener");
  const body = await openFrame(newest.frame, keys.get(newest.frame.header.keyEpoch) ?? named("x"));
  assert.deepEqual([...body.importMilliwattHours], [energyAt(0, now + 900)]);
  assert.deepEqual(body.registersMilliwattHours, registersAt(0, now + 1800));
  await fleet.sendLive(world.dayStart(4), world.dayStart(4) + 900);
  assert.equal(live(), 1, "a meter that is behind sends its days first");

  // A new epoch's key follows by itself; the request that comes again gets the same answer, also
  // after a restart.
  await fleet.close();
  concentrator.messages = [];
  concentrator.downlink = [{ meterId: household.meterId, message }];
  const again = await startRig((entries) => concentrator.take(entries), { path: rig.path, clock });
  assert(await again.fleet.poll());
  const repeated = concentrator.messages.filter(({ kind }) => kind === "ENROLMENT_ANSWER");
  assert.deepEqual(repeated[0]?.message, answers[0]?.message);
  assert.deepEqual(
    envelopes().map(({ keyEpoch }) => keyEpoch),
    [again.fleet.status()[0]?.keyEpoch],
  );
  await again.fleet.sendDay(world.dayStart(3));
  await again.fleet.close();
  await checkAccepted(concentrator, 3);
});

test("enrolment: guesses, stale nonces, strangers and a used code get nothing", async () => {
  const concentrator = newConcentrator();
  const household = home(0);
  const code = household.enrolmentCode;
  let rig = await startRig((entries) => concentrator.take(entries), { households: 1 });
  const { clock, path } = rig;
  const offered = (): Uint8Array => {
    const { message } =
      concentrator.messages.findLast(({ kind }) => kind === "ENROLMENT_OFFER") ?? {};
    assert(message !== undefined);
    return decodeOffer(message).nonce;
  };
  const ask = async (
    changes: Partial<EnrolmentRequest> & { readonly code?: Uint8Array } = {},
  ): Promise<string> => {
    const context = {
      meterId: fromHex(household.meterId),
      networkPseudonym: fromHex(household.network),
      account: "mallory",
      customerSpki: world.customer.recipient.spki,
      nonce: offered(),
      ...changes,
    };
    const mac = changes.mac ?? (await customerMac(changes.code ?? code, context));
    const message = encodeEnrolmentRequest({ ...context, mac });
    concentrator.messages = [];
    concentrator.downlink = [{ meterId: household.meterId, message }];
    await rig.fleet.poll();
    concentrator.downlink = [];
    const answers = concentrator.messages.filter(({ kind }) => kind === "ENROLMENT_ANSWER");
    const [answer] = answers.map(({ message }) => decodeEnrolmentAnswer(message));
    if (answer === undefined) return "nothing";
    await verifyEnrolmentAnswer(answer, household.meter.publicKey);
    if (answer.accepted) return "accepted";
    assert.deepEqual(answer.mac, new Uint8Array(32));
    return "refused";
  };
  await rig.fleet.poll();
  const first = offered();
  const weakSpki = named("not a key", 64);
  assert.equal(await ask({ meterId: fromHex(home(1).meterId) }), "nothing");
  assert.equal(await ask({ networkPseudonym: fromHex(home(1).network) }), "nothing");
  assert.equal(await ask({ nonce: named("made up", 16) }), "refused");
  assert.deepEqual(offered(), first, "a nonce that was not on offer costs nothing");
  assert.equal(await ask({ customerSpki: weakSpki }), "refused");
  assert.notDeepEqual(offered(), first, "a failure costs the nonce");
  assert.equal(await ask({ nonce: first }), "refused");
  for (let guess = 0; guess < 4; guess++) {
    assert.equal(await ask({ code: named(`guess ${guess}`, 16) }), "refused");
  }
  assert.equal(await ask(), "nothing", "five failures a day, even for the right code");
  await rig.fleet.close();
  rig = await startRig((entries) => concentrator.take(entries), { path, clock, households: 1 });
  assert.equal(await ask(), "nothing", "a restart does not forget them");
  clock.seconds += 86_400;
  assert.equal(await ask({ mac: new Uint8Array(32) }), "refused");
  assert.equal(await ask(), "accepted");
  assert.equal(await ask({ customerSpki: world.mdms.recipient.spki }), "refused", "used");
  assert.equal(await ask({ account: "other" }), "refused", "used");
  assert(rig.fleet.status()[0]?.isEnrolled);
  const recipients = new Set(
    concentrator.messages
      .filter(({ kind }) => kind === "ENVELOPE")
      .map(({ message }) => toHex(decodeEnvelope(message).recipientKeyId)),
  );
  assert(!recipients.has(toHex(world.mdms.recipient.keyId)));
  concentrator.downlink = [{ meterId: household.meterId, message: Uint8Array.of(1, 2, 3) }];
  assert(await rig.fleet.poll(), "junk from above is ignored");
  await rig.fleet.close();
});

test("a new tenant: the old one's keys leave the journal, epochs go on rising", async () => {
  const concentrator = newConcentrator();
  const send: Send = (entries) => concentrator.take(entries);
  const first = await startRig(send, { households: 1 });
  await first.fleet.sendDay(world.dayStart(2));
  const oldEpoch = first.fleet.status()[0]?.keyEpoch ?? 0;
  await first.fleet.close();
  const path = join(first.path, JOURNAL);
  const old = Buffer.from(home(0).network, "hex");
  assert(readFileSync(path).includes(old));
  const second = await startRig(send, {
    path: first.path,
    households: 1,
    provisioning: {
      networkPseudonym: toHex(named("new tenant", 16)),
      contractStart: world.dayStart(2),
    },
  });
  assert(!readFileSync(path).includes(old));
  assert.equal(second.fleet.status()[0]?.keyEpoch, oldEpoch + 1);
  assert(!second.fleet.status()[0]?.isEnrolled);
  assert((await second.fleet.sendDay(world.dayStart(3))).complete);
  await second.fleet.close();
});

test("provisioning: what is wrong is named, what is secret is not repeated", async () => {
  const household = home(0);
  const good = await parseProvisioning(provisioningOf(household));
  assert.equal(good.meterName, household.meterId);
  const cases: readonly object[] = [
    { signingSeed: "secret-secret" },
    { meterId: household.meterId.toUpperCase() },
    { enrolmentCode: "00000-11111" },
    { contractStart: world.startSeconds + 60 },
    { zone: "Mars/Olympus" },
    { calendar: {} },
    { openerKey: "AAAA" },
    { profile: "none" },
    { intervalSeconds: 30 },
    { surprise: 1 },
  ];
  for (const changes of cases) {
    await assert.rejects(parseProvisioning(provisioningOf(household, changes)), (error) => {
      assert(error instanceof MeterError);
      assert.equal(error.code, "METER_PROVISIONING", JSON.stringify(changes));
      assert(!error.message.includes("secret"));
      return true;
    });
  }
  const meter = { provisioning: provisioningOf(household), source: sourceOf(0) };
  const ports = {
    clock: testClock(),
    log: silentLogger,
    journalFolder: newFolder(),
    uplink: { send: () => Promise.reject(new Error("unused")), close: () => Promise.resolve() },
    random: (bytes: number) => primitives.randomBytes(bytes),
  };
  await assert.rejects(startFleet({ meters: [meter, meter] }, ports), {
    code: "METER_PROVISIONING",
  });
});

test("HTTP uplink: one request, verdicts and messages; every other answer has its code", async () => {
  const concentrator = newConcentrator();
  const message = Uint8Array.of(1, 2, 3);
  let reply: (body: Uint8Array) => Promise<Response> = async (body) => {
    const items = decodeUplink(body);
    const entries = items.map((item) => ({ meterId: home(0).meterId, item }));
    const { verdicts } = await concentrator.take(entries);
    const downlink = [{ meterId: home(0).meterId, message: toBase64Url(message) }];
    return Response.json({ verdicts, downlink });
  };
  const uplink = httpUplink({
    url: "http://concentrator",
    fetch: async (input, init) => {
      const request = new Request(input, init);
      assert.equal(request.url, "http://concentrator/v1/uplink");
      return reply(new Uint8Array(await request.arrayBuffer()));
    },
  });
  const { fleet } = await startRig((entries) => uplink.send(entries), { households: 1 });
  assert((await fleet.sendDay(world.dayStart(2))).complete);
  await checkAccepted(concentrator, 2, { households: 1 });
  await fleet.close();

  const entries = [{ meterId: home(0).meterId, item: Uint8Array.of(9) }];
  const answer = await uplink.send(entries);
  assert.deepEqual(answer.downlink, [{ meterId: home(0).meterId, message }]);
  const verdict = { status: "accepted" };
  const cases: readonly (readonly [string, () => Response, string])[] = [
    ["503", () => new Response("", { status: 503 }), "UPLINK_UNREACHABLE"],
    ["413", () => new Response("", { status: 413 }), "UPLINK_ANSWER"],
    ["no JSON", () => new Response("{"), "UPLINK_ANSWER"],
    ["no verdicts", () => Response.json({ verdicts: [], downlink: [] }), "UPLINK_ANSWER"],
    ["two", () => Response.json({ verdicts: [verdict, verdict], downlink: [] }), "UPLINK_ANSWER"],
    ["other", () => Response.json({ verdicts: [{ status: "ok" }], downlink: [] }), "UPLINK_ANSWER"],
    ["too long", () => new Response(new Uint8Array(3 * 1024 * 1024)), "UPLINK_UNREACHABLE"],
  ];
  for (const [name, response, code] of cases) {
    reply = () => Promise.resolve(response());
    await assert.rejects(uplink.send(entries), { code }, name);
  }
  reply = () => Promise.reject(new TypeError("refused"));
  await assert.rejects(uplink.send(entries), { code: "UPLINK_UNREACHABLE" });
});

test("MQTT uplink: a connection per meter; a PUBACK without a verdict means nothing", async () => {
  const concentrator = newConcentrator();
  let silent = false;
  const broker = await Aedes.createBroker({
    authorizePublish(client, packet, done) {
      const meterId = client?.id ?? "";
      assert.equal(packet.topic, `smarter-metering/v1/up/${meterId}`);
      const item = Uint8Array.from(Buffer.from(packet.payload));
      const publish = async (): Promise<void> => {
        const { verdicts } = await concentrator.take([{ meterId, item }]);
        if (silent) return done(null);
        const payload = { item: toHex(await primitives.sha256(item)), verdict: verdicts[0] };
        const topic = `smarter-metering/v1/down/${meterId}`;
        const down = { cmd: "publish", topic, qos: 0, dup: false, retain: false } as const;
        broker.publish({ ...down, payload: JSON.stringify(payload) }, () => done(null));
      };
      void publish();
    },
  });
  const server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const uplink = mqttUplink({ url: `mqtt://127.0.0.1:${port}` });
  const { fleet } = await startRig((entries) => uplink.send(entries));
  const report = await fleet.sendDay(world.dayStart(2));
  assert(report.complete);
  assert.equal(report.attemptsFailed, 0);
  await checkAccepted(concentrator, 2);
  silent = true;
  assert.equal(await fleet.poll(), false);
  silent = false;
  await fleet.close();
  await uplink.close();
  await new Promise<void>((resolve) => broker.close(() => resolve()));
  await new Promise((resolve) => server.close(resolve));
  const entries = [{ meterId: home(0).meterId, item: Uint8Array.of(9) }];
  await assert.rejects(uplink.send(entries), { code: "UPLINK_UNREACHABLE" });
});
