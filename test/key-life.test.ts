/**
 * The life of keys end to end (docs/protocol.md §3.3): weeks of real meters and a real opener whose key changes every week. What
 * is released stays exact, a stolen key opens its own week, what is old is gone, and no meter is led back to an older list.
 */
import assert from "node:assert/strict";
import { constants, createPrivateKey, privateDecrypt, type KeyObject } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { MeterError, startFleet, type Fleet, type Uplink } from "@smarter-metering/meter";
import {
  destroyedAt,
  makeKey,
  openKeyFolder,
  openKeyRing,
  startOpener,
  type KeyFolder,
  type OpenerService,
} from "@smarter-metering/opener";
import { unpack } from "@smarter-metering/paillier";
import {
  billPacking,
  decodeContribution,
  decodeEnvelope,
  encodeEnrolmentCode,
  encodeUplinkItem,
  fromUtf8,
  loadPacking,
  loadValueBits,
  openEnvelope,
  primitives,
  signOpenerKeys,
  toBase64Url,
  toHex,
  type Contribution,
  type OpenerKey,
  type Signer,
} from "@smarter-metering/protocol";
import {
  createLogger,
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  systemClock,
  type EmbeddedBus,
  type ManualClock,
  type Store,
} from "@smarter-metering/runtime";
import { textbookDecrypt } from "../packages/paillier/test/textbook.ts";
import { testPlace } from "../packages/runtime/test/test-place.ts";
import { FakeConcentrator, type AcceptedFrame } from "../services/meter/test/fake-concentrator.ts";
import { makeWorld, testRecipient, worldTariff, type World } from "./support/world.ts";

const SLOT_SECONDS = 3600;
const HOME_COUNT = 3;
const WEEKS = ["opener", "mdms", "other"] as const;
/** Keys change an hour after midnight, when some meters have sent their day and others have not. */
const CHANGE_HOUR = 1;

let world: World;
let store: Store;
const folder = mkdtempSync(join(tmpdir(), "key-life-"));
let folders = 0;
const newFolder = (): string => mkdtempSync(join(folder, `${folders++}-`));
before(async () => {
  world = await makeWorld({
    households: HOME_COUNT,
    intervalSeconds: SLOT_SECONDS,
    loadIntervalSeconds: SLOT_SECONDS,
  });
  store = await openStore({ place: await testPlace(), schema: "test", migrations: [] });
});
after(async () => {
  await store.close();
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

const at = (day: number, hour = 0): number => world.dayStart(day) + hour * 3600;
const periodOf = (week: number) => ({
  from: week === 0 ? at(-1) : at(7 * week, CHANGE_HOUR),
  to: at(7 * (week + 1), CHANGE_HOUR),
});
const weekOf = (instant: number): number =>
  WEEKS.findIndex((_, week) => instant < periodOf(week).to);

/** What a home uses in the slot that begins at `instant`: whole watt-hours, so that sums are exact. */
const wattHoursAt = (home: number, instant: number): number =>
  100 + 37 * home + ((instant / SLOT_SECONDS) % 211);

const listOf = (version: number, keys: readonly OpenerKey[], root: Signer = world.root) =>
  signOpenerKeys({ version, keys: [...keys] }, root);

interface MeterLife {
  readonly fleet: Fleet;
  readonly clock: { seconds: number };
  /** Codes of what it warned of. */
  readonly codes: string[];
}

interface MeterOptions {
  readonly uplink: Uplink;
  /** The list at installation. */
  readonly keys: string;
  readonly journal?: string;
  /** Of another contract, where the meter's journal is of an earlier one. */
  readonly network?: string;
  readonly seconds?: number;
}

async function startMeter(home: number, options: MeterOptions): Promise<MeterLife> {
  const household = world.households[home];
  assert(household !== undefined);
  const codes: string[] = [];
  const clock = { seconds: options.seconds ?? at(0) };
  const readings = (from: number, to: number) => {
    const instants = Array.from(
      { length: (to - from) / SLOT_SECONDS },
      (_, slot) => from + slot * SLOT_SECONDS,
    );
    return {
      importMilliwattHours: instants.map((instant) => 1000 * wattHoursAt(home, instant)),
      exportMilliwattHours: instants.map(() => 0),
      quality: instants.map(() => 0),
    };
  };
  const provisioning = {
    label: household.label,
    networkPseudonym: options.network ?? household.network,
    meterId: household.meterId,
    signingSeed: toHex(household.seed),
    zone: world.zone,
    intervalSeconds: SLOT_SECONDS,
    profile: "pes-encrypts",
    calendar: worldTariff.calendar,
    contractStart: world.startSeconds,
    opener: { registryRootKey: toHex(world.root.publicKey), keys: options.keys },
    enrolmentCode: encodeEnrolmentCode(household.enrolmentCode),
    concentrator: "http://127.0.0.1:1",
  };
  const fleet = await startFleet(
    { meters: [{ provisioning, source: { day: readings, live: readings } }] },
    {
      clock: { ...systemClock, nowMs: () => 1000 * clock.seconds },
      log: createLogger({
        fields: { errorCode: "text", count: "number", meterId: "text" },
        clock: systemClock,
        sink: (line) => {
          const { errorCode } = JSON.parse(line) as { errorCode?: string };
          if (errorCode !== undefined) codes.push(errorCode);
        },
      }),
      journalFolder: options.journal ?? newFolder(),
      uplink: options.uplink,
      random: (length) => primitives.randomBytes(length),
    },
  );
  return { fleet, clock, codes };
}

interface OpenerLife {
  readonly opener: OpenerService;
  readonly bus: EmbeddedBus;
  readonly clock: ManualClock;
  readonly keyPath: string;
  readonly keys: readonly (OpenerKey & { readonly keyId: string })[];
  open(frame: AcceptedFrame): Promise<void>;
  settle(): Promise<void>;
  contributions(): Promise<Contribution[]>;
  close(): Promise<void>;
}

async function startOpenerLife(): Promise<OpenerLife> {
  const clock = manualClock(1000 * at(0));
  const limits = { messagesMax: 10_000, retainAcked: true };
  const bus = await openBus({
    store,
    clock,
    streams: [
      { name: "frames", consumers: ["opener"], ...limits },
      { name: "contributions", consumers: ["aggregator"], ...limits },
    ],
  });
  const keyPath = newFolder();
  const keyFolder: KeyFolder = await openKeyFolder(keyPath);
  const keys: (OpenerKey & { readonly keyId: string })[] = [];
  for (const [week, name] of WEEKS.entries()) {
    keys.push(await makeKey(keyFolder, periodOf(week), () => testRecipient(name)));
  }
  const opener = await startOpener(
    {},
    {
      clock,
      log: silentLogger,
      metrics: createMetrics(),
      bus,
      registry: world.network,
      engine: world.engine,
      signer: world.parties.opener.signer,
      keys: await openKeyRing(keyFolder, at(0)),
    },
  );
  return {
    opener,
    bus,
    clock,
    keyPath,
    keys,
    async open({ bytes, hash, openerEnvelope }) {
      const body = encodeUplinkItem({ kind: "FRAME", frame: bytes, openerEnvelope });
      await bus.publish("frames", [{ id: hash, subject: "", body }]);
    },
    async settle() {
      while ((await bus.pending("frames", "opener")) > 0) {
        await new Promise((resolve) => setImmediate(resolve));
        await clock.advanceTo(clock.nowMs() + 1000);
      }
    },
    async contributions() {
      const stored = await bus.read("contributions", { from: 0n, limit: 1000 });
      return stored.map(({ body }) => decodeContribution(body));
    },
    async close() {
      await opener.close();
      await bus.close();
    },
  };
}

/** RSA-OAEP on the wrapped key of an envelope: what a thief does. */
function unwrap(openerEnvelope: Uint8Array, key: KeyObject): Uint8Array | undefined {
  const jwe = fromUtf8(decodeEnvelope(openerEnvelope).jwe);
  const wrapped = Buffer.from(jwe.split(".")[1] ?? "", "base64url");
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  try {
    return privateDecrypt({ key, padding, oaepHash: "sha256" }, wrapped);
  } catch {
    return undefined;
  }
}

const stolen = (der: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });

const big = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

describe("two weeks and some days of three meters, with a key a week", () => {
  const DAYS = 16;
  /** A meter that the concentrator refuses for a week; days 4 to 6 were sealed under the first key. */
  const LATE = { home: 2, fromDay: 5, toDay: 13, firstLost: 4, firstKept: 7 } as const;
  let life: OpenerLife;
  let concentrator: FakeConcentrator;
  let contributions: Contribution[];
  /** When a frame was accepted, epoch seconds. */
  const acceptedAt = new Map<string, number>();
  let seizedInWeekTwo: Uint8Array;

  before(async () => {
    life = await startOpenerLife();
    const keys = world.households.map(({ meterId, meter }) => [meterId, meter.publicKey] as const);
    concentrator = new FakeConcentrator(new Map(keys));
    const listed = life.keys.map(({ keyId: _, ...key }) => key);
    /** The registry's list as it was in that week: the current key and the next. */
    const lists = await Promise.all(
      WEEKS.map((_, week) => listOf(week + 1, listed.slice(week, week + 2))),
    );
    const listAt = (instant: number): string => lists[Math.max(0, weekOf(instant))] ?? "";
    let now = at(0);
    const uplink: Uplink = {
      send: (entries) => concentrator.take(entries),
      openerKeys: () => Promise.resolve(listAt(now)),
      close: () => Promise.resolve(),
    };
    const meters = await Promise.all(
      world.households.map((_, home) => startMeter(home, { uplink, keys: lists[0] ?? "" })),
    );
    /** The first sends at midnight, the second after the change of keys, the third in between. */
    const minutesAfterMidnight = [1, 120, 30];
    for (let day = 1; day <= DAYS; day++) {
      const late = world.households[LATE.home]?.meterId ?? "";
      if (day === LATE.fromDay) concentrator.refuse.set(late, "FRAME_FOREIGN");
      if (day === LATE.toDay) concentrator.refuse.delete(late);
      const order = [...meters.keys()].toSorted(
        (a, b) => (minutesAfterMidnight[a] ?? 0) - (minutesAfterMidnight[b] ?? 0),
      );
      for (const home of order) {
        const meter = meters[home];
        now = at(day) + 60 * (minutesAfterMidnight[home] ?? 0);
        assert(meter !== undefined);
        meter.clock.seconds = now;
        await life.clock.advanceTo(Math.max(1000 * now, life.clock.nowMs()));
        const known = concentrator.accepted.length;
        await meter.fleet.sendDay(at(day));
        for (const frame of concentrator.accepted.slice(known)) {
          acceptedAt.set(frame.hash, now);
          await life.open(frame);
        }
        await life.settle();
      }
      if (day === 10) {
        const second = life.keys[1];
        seizedInWeekTwo = readFileSync(join(life.keyPath, `${second?.keyId}.secret`));
      }
    }
    contributions = await life.contributions();
    for (const { fleet } of meters) await fleet.close();
  });
  after(() => life.close());

  const envelopes = (): (AcceptedFrame & { readonly week: number })[] =>
    concentrator.accepted.map((frame) => {
      const keyId = toHex(decodeEnvelope(frame.openerEnvelope).recipientKeyId);
      return { ...frame, week: life.keys.findIndex((key) => key.keyId === keyId) };
    });
  const isLate = ({ frame: { header } }: AcceptedFrame): boolean =>
    toHex(header.meterId) === world.households[LATE.home]?.meterId &&
    header.blockStart >= at(LATE.firstLost) &&
    header.blockStart < at(LATE.firstKept);

  test("both keys are in use within one block, and what is released is exact", () => {
    const sealed = envelopes();
    const weeksOf = (day: number): Set<number> =>
      new Set(
        sealed.filter(({ frame }) => frame.header.blockStart === at(day)).map(({ week }) => week),
      );
    assert.deepEqual(weeksOf(6), new Set([0, 1]), "rotated in the middle of a block's frames");
    assert.deepEqual(weeksOf(13), new Set([1, 2]));
    assert.deepEqual(weeksOf(10), new Set([1]));

    const { publicKey, secretKey } = world.paillier;
    const n2 = publicKey.n * publicKey.n;
    const valueBits = loadValueBits({ amps: 63, phases: 3 }, SLOT_SECONDS);
    for (let day = 0; day < DAYS; day++) {
      const loads = contributions.filter(
        ({ header }) => header.stream === "LOAD" && header.blockStart === at(day),
      );
      const homes = world.households.flatMap(({ network }, home) =>
        loads.some(({ header }) => toHex(header.networkPseudonym) === network) ? [home] : [],
      );
      const lost = day >= LATE.firstLost && day < LATE.firstKept;
      assert.deepEqual(homes, lost ? [0, 1] : [0, 1, 2], `day ${day}`);
      const product = loads.reduce((sum, { ciphertext }) => (sum * big(ciphertext)) % n2, 1n);
      const opened = unpack(
        loadPacking(valueBits, publicKey.bits),
        textbookDecrypt(secretKey, product),
        { count: loads.length, slots: 24 },
      );
      assert(opened.ok);
      const truth = Array.from({ length: 24 }, (_, slot) =>
        homes.reduce((sum, home) => sum + wattHoursAt(home, at(day) + slot * SLOT_SECONDS), 0),
      );
      assert.deepEqual(opened.values, truth.map(BigInt), `day ${day}`);
    }
  });

  test("a frame under a destroyed key is a dead letter with a code, and the next border carries its energy", async () => {
    const late = envelopes().filter(isLate);
    assert.equal(late.length, 3, "sealed in time, sent a week late");
    assert(late.every(({ week }) => week === 0));
    const [first] = life.keys;
    assert(first !== undefined);
    assert(late.every(({ hash }) => (acceptedAt.get(hash) ?? 0) >= destroyedAt(first)));
    const dead = await life.bus.deadLetters("frames");
    assert(dead.every(({ reason }) => reason === "OPENER_KEY_DESTROYED"));
    assert.deepEqual(new Set(dead.map(({ id }) => id)), new Set(late.map(({ hash }) => hash)));
    assert.deepEqual(life.opener.status().framesRefused, { OPENER_KEY_DESTROYED: 3 });

    // A window from day 2 to day 5 extends to day 8, the first border there is; it is exact.
    const { publicKey, secretKey } = world.paillier;
    const network = world.households[LATE.home]?.network;
    const registersAt = (day: number): bigint | undefined => {
      const bill = contributions.find(
        ({ header }) =>
          header.stream === "BILL" &&
          toHex(header.networkPseudonym) === network &&
          header.blockStart === at(day - 1) &&
          header.count > 0,
      );
      if (bill === undefined) return undefined;
      const opened = unpack(
        billPacking(publicKey.bits),
        textbookDecrypt(secretKey, big(bill.ciphertext)),
        { count: 1, slots: 8 },
      );
      assert(opened.ok);
      return (opened.values[0] ?? 0n) + (opened.values[1] ?? 0n);
    };
    for (const day of [5, 6, 7]) assert.equal(registersAt(day), undefined);
    let energy = 0;
    for (let instant = at(2); instant < at(8); instant += SLOT_SECONDS) {
      energy += 1000 * wattHoursAt(LATE.home, instant);
    }
    assert.equal((registersAt(8) ?? 0n) - (registersAt(2) ?? 0n), BigInt(energy));
  });

  test("the key stolen in its week opens that week's envelopes alone, of all that was recorded", () => {
    const key = stolen(seizedInWeekTwo);
    const recorded = envelopes();
    const opened = recorded.filter(
      ({ openerEnvelope }) => unwrap(openerEnvelope, key) !== undefined,
    );
    assert(opened.length >= 7 * HOME_COUNT - 1);
    const others = recorded.filter(({ week }) => week !== 1);
    assert(others.some(({ week }) => week === 0) && others.some(({ week }) => week === 2));
    assert(
      opened.every(({ week }) => week === 1),
      "nothing of the week before, nothing of this week",
    );
    assert.equal(opened.length, recorded.length - others.length, "the attack works where it can");
    // A data key is of one week too: what a stolen key yields seals no frame of another week.
    const commitments = (week: number): Set<string> =>
      new Set(
        recorded
          .filter((frame) => frame.week === week)
          .map(({ frame }) => toHex(frame.header.keyCommitment)),
      );
    for (const commitment of commitments(1)) {
      assert(!commitments(0).has(commitment) && !commitments(2).has(commitment));
    }
  });

  test("what the disk still holds in the end opens nothing older", async () => {
    const [first, second] = life.keys;
    assert(first !== undefined && second !== undefined);
    await life.clock.advanceTo(1000 * (destroyedAt(second) + 3600));
    const left = readdirSync(life.keyPath).filter((name) => name.endsWith(".secret"));
    assert.deepEqual(left, [`${life.keys[2]?.keyId}.secret`]);
    assert.equal(life.opener.status().openerKeysDestroyed, 2);
    assert.equal(life.opener.status().openerKeysHeld, 1);
    const keys = readdirSync(life.keyPath).map((name) => readFileSync(join(life.keyPath, name)));
    for (const bytes of keys) {
      let key: KeyObject;
      try {
        key = stolen(bytes);
      } catch {
        continue; // A public part.
      }
      for (const { openerEnvelope, week } of envelopes()) {
        assert.equal(unwrap(openerEnvelope, key) !== undefined, week === 2);
      }
    }
    // The right key of the past would still open its frames: only nobody has it any more.
    const { secret } = await testRecipient(WEEKS[0]);
    const old = envelopes().find(({ week }) => week === 0);
    assert(old !== undefined);
    assert.equal((await openEnvelope(decodeEnvelope(old.openerEnvelope), secret)).length, 32);
  });
});

describe("a meter and the list of opener keys", () => {
  const keyOf = async (week: number): Promise<OpenerKey> => {
    const { spki } = await testRecipient(WEEKS[week] ?? "other");
    return { spki: toBase64Url(spki), ...periodOf(week) };
  };
  let keys: readonly OpenerKey[];
  before(async () => {
    keys = await Promise.all(WEEKS.map((_, week) => keyOf(week)));
  });
  const home = () => {
    const [household] = world.households;
    assert(household !== undefined);
    return household;
  };
  const newConcentrator = (): FakeConcentrator =>
    new FakeConcentrator(new Map([[home().meterId, home().meter.publicKey]]));
  /** What is on offer can be changed; "down" answers nothing. */
  const offering = (concentrator: FakeConcentrator) => {
    const offer = { jws: undefined as string | undefined, down: false, asked: 0 };
    const uplink: Uplink = {
      send: (entries) => concentrator.take(entries),
      openerKeys() {
        offer.asked += 1;
        if (offer.down) return Promise.reject(new MeterError("UPLINK_UNREACHABLE", "down"));
        return Promise.resolve(offer.jws);
      },
      close: () => Promise.resolve(),
    };
    return { offer, uplink };
  };
  const versionOf = ({ fleet }: MeterLife): number | undefined =>
    fleet.status()[0]?.openerKeysVersion;

  test("a list is taken forwards alone, also over restarts and compactions; any other is refused with a code", async () => {
    const concentrator = newConcentrator();
    const { offer, uplink } = offering(concentrator);
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map((version) => listOf(version, keys.slice(version - 1, version + 1))),
    );
    const journal = newFolder();
    const start = (): Promise<MeterLife> =>
      startMeter(0, { uplink, keys: first ?? "", journal, seconds: at(8) });
    const hours = { now: 0 };
    const offered = async (life: MeterLife, jws: string | undefined): Promise<string[]> => {
      offer.jws = jws;
      const before = life.codes.length;
      hours.now += 1;
      life.clock.seconds = at(8, hours.now);
      assert(await life.fleet.poll());
      return life.codes.slice(before);
    };
    let life = await start();
    assert.equal(versionOf(life), 1);
    assert.deepEqual(await offered(life, undefined), []);
    assert.deepEqual(await offered(life, second), []);
    assert.equal(versionOf(life), 2);
    const foreign = await listOf(4, keys.slice(0, 1), home().meter);
    const other = await listOf(2, keys.slice(0, 1));
    const refused: readonly (readonly [string | undefined, string])[] = [
      [first, "OPENER_KEYS_ROLLBACK"],
      [other, "OPENER_KEYS_ROLLBACK"],
      [foreign, "OPENER_KEYS_INVALID"],
      [`${second}x`, "OPENER_KEYS_INVALID"],
      ["", "OPENER_KEYS_INVALID"],
    ];
    const refuseAll = async (what: string): Promise<void> => {
      for (const [jws, code] of refused) {
        assert.deepEqual(await offered(life, jws), [code], what);
        assert.equal(versionOf(life), 2, what);
      }
    };
    await refuseAll("as it runs");
    // The installer's list is the first: the journal's counts, also after a start has compacted it.
    for (const what of ["after a restart", "after a second one"]) {
      await life.fleet.close();
      offer.jws = undefined;
      life = await start();
      assert.equal(versionOf(life), 2, what);
      await refuseAll(what);
    }
    assert.deepEqual(await offered(life, third), []);
    assert.equal(versionOf(life), 3);
    await life.fleet.close();
    // A new tenant, and an installer with the list of the first day: what the meter knows it keeps.
    const network = world.households[1]?.network ?? "";
    for (const _ of ["the first start", "the journal is compacted"]) {
      const tenant = await startMeter(0, { uplink, keys: first ?? "", journal, network });
      assert.equal(versionOf(tenant), 3);
      await tenant.fleet.close();
    }
  });

  test("without a current key the days wait, and go out whole under the next one; an hour is between two looks", async () => {
    const concentrator = newConcentrator();
    const { offer, uplink } = offering(concentrator);
    const [first = "", second = ""] = await Promise.all(
      [1, 2].map((version) => listOf(version, keys.slice(version - 1, version))),
    );
    const life = await startMeter(0, { uplink, keys: first });
    offer.jws = first;
    life.clock.seconds = at(6);
    assert((await life.fleet.sendDay(at(6))).complete);
    const asked = offer.asked;
    await life.fleet.poll();
    life.clock.seconds = at(6, 1);
    await life.fleet.poll();
    assert.equal(offer.asked, asked + 1);

    const before = concentrator.accepted.length;
    for (const [index, down] of [true, false].entries()) {
      offer.down = down;
      life.clock.seconds = at(8 + index);
      const report = await life.fleet.sendDay(at(8 + index));
      assert.deepEqual(
        [report.complete, report.lackingOpenerKey, report.framesSealed],
        [false, 1, 0],
        "the key's period is over, and no other is known",
      );
      assert.equal(life.codes.at(-1), "METER_OPENER_KEY_OVER");
    }
    assert.equal(concentrator.accepted.length, before);
    offer.jws = second;
    const report = await life.fleet.sendDay(at(9));
    assert.deepEqual([report.complete, report.lackingOpenerKey, report.framesSealed], [true, 0, 3]);
    const waited = concentrator.accepted.slice(before);
    const { secret } = await testRecipient(WEEKS[1]);
    for (const { openerEnvelope } of waited) {
      const envelope = decodeEnvelope(openerEnvelope);
      assert.deepEqual(envelope.recipientKeyId, secret.keyId);
      assert.equal((await openEnvelope(envelope, secret)).length, 32);
    }
    assert.deepEqual(
      waited.map(({ frame }) => frame.header.blockStart),
      [at(6), at(7), at(8)],
    );
    await life.fleet.close();
  });
});
