/**
 * The meters' uplink through a real broker (docs/protocol.md §4.3, decision 0030): who may connect
 * and say what, and that nothing is lost or doubled whoever dies. Needs `mosquitto`.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import {
  mqttUplink,
  startFleet,
  type Readings,
  type Uplink,
  type UplinkEntry,
  type UplinkVerdict,
} from "@smarter-metering/meter";
import { encodeEnrolmentCode, primitives, toHex } from "@smarter-metering/protocol";
import {
  createMetrics,
  silentLogger,
  type Clock,
  type TlsMaterial,
} from "@smarter-metering/runtime";
import mqtt, { type MqttClient } from "mqtt";
import { day, openLab, type Lab } from "../../services/concentrator/test/lab.ts";
import { mosquittoAcl, mosquittoConf } from "../../cli/src/deployment/mosquitto-files.ts";
import { worldTariff } from "../support/world.ts";
import { CONCENTRATOR, startMosquitto, type MosquittoServer } from "./mosquitto.ts";

/** Connected at the same time. */
const METERS = 200;
/** Of a fleet, after those. */
const FLEET = 6;
let broker: MosquittoServer;
let lab: Lab;
const folder = mkdtempSync(join(tmpdir(), "uplink-test-"));

before(async () => {
  broker = await startMosquitto();
  lab = await openLab({ broker: linkOf(broker), world: { households: METERS + 3 * FLEET } });
  await until(() => /^concentrator_broker_connected 1$/m.test(lab.metrics.render()));
});
after(async () => {
  await lab?.close();
  await broker?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const linkOf = ({ url, concentrator }: MosquittoServer) => ({
  url,
  clientId: CONCENTRATOR,
  tls: () => concentrator,
});

/** Looks again until it holds; a test that waits in vain ends with the runner's own limit. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await wait(20);
}

function uplinkTo(server: MosquittoServer, verdictTimeoutMs = 2000): Uplink {
  const { url, tlsOf } = server;
  return mqttUplink({ url, protocolVersion: 5, tlsOf, verdictTimeoutMs });
}

const connect = (tls: Partial<TlsMaterial>, clientId: string, more = {}): Promise<MqttClient> =>
  mqtt.connectAsync(broker.url, {
    ...tls,
    protocolVersion: 5,
    clientId,
    reconnectPeriod: 0,
    ...more,
  });

const textOf = (verdict: UplinkVerdict): string =>
  "code" in verdict ? `${verdict.status} ${verdict.code}` : verdict.status;

const topic = (way: "up" | "down", meterId: string): string =>
  `smarter-metering/v1/${way}/${meterId}`;

describe("who may connect, and say what", () => {
  test("a line break in a path, or a name that is no name, never reaches the broker's files", () => {
    const files = {
      ca: "/ca",
      certificate: "/cert",
      key: "/key\nallow_anonymous true",
      acl: "/acl",
    };
    const place = { host: "0.0.0.0", port: 8883, files, persistenceFolder: "/data/" };
    assert.throws(() => mosquittoConf(place), /line break/);
    assert.match(mosquittoConf({ ...place, files: { ...files, key: "/key" } }), /^keyfile \/key$/m);
    for (const name of ["", "a b", "a\ntopic readwrite #"]) assert.throws(() => mosquittoAcl(name));
  });

  test("without a certificate, with another authority's, with an old TLS: nobody is let in", async () => {
    const { meterId } = lab.home(0);
    const other = await startMosquitto();
    try {
      const tls = broker.tlsOf(meterId);
      const foreign = { ...other.tlsOf(meterId), ca: tls.ca };
      const rows: readonly (readonly [tls: Partial<TlsMaterial>, more?: object])[] = [
        [{ ca: tls.ca }],
        [foreign],
        [{ ...tls, cert: foreign.cert }],
        [tls, { maxVersion: "TLSv1.2" }],
        // And a meter speaks to no broker of another authority.
        [{ ...tls, ca: foreign.cert }],
        [{ cert: tls.cert, key: tls.key }],
      ];
      for (const [index, [shown, more]] of rows.entries()) {
        await assert.rejects(connect(shown, meterId, more), `row ${index}`);
      }
      await (await connect(tls, meterId)).endAsync();
    } finally {
      await other.remove();
    }
  });

  test("a meter speaks and listens under the name in its certificate, whatever it calls itself", async () => {
    const [own, other] = [lab.home(0).meterId, lab.home(1).meterId];
    const meter = await connect(broker.tlsOf(own), other);
    const victim = await connect(broker.tlsOf(other), other);
    const heard: string[] = [];
    meter.on("message", (at) => heard.push(at));
    await meter.subscribeAsync(["#", topic("up", "+"), topic("down", other)], { qos: 1 });
    const refused = [topic("up", other), topic("down", own), topic("down", other)];
    for (const at of [
      ...refused,
      "smarter-metering/v1/opener-keys",
      "smarter-metering/v1/prices/x/1",
    ]) {
      await assert.rejects(meter.publishAsync(at, "forged", { qos: 1 }), { code: 135 }, at);
    }
    // The answer to the other goes past this one, and the other is still connected.
    const answered = new Promise<string>((resolve) =>
      victim.on("message", (at, payload) => {
        if (at === topic("down", other)) resolve(payload.toString());
      }),
    );
    await victim.subscribeAsync(topic("down", other), { qos: 1 });
    await victim.publishAsync(topic("up", other), Buffer.from([9]), { qos: 1 });
    assert.match(await answered, /FRAME_MALFORMED/);
    await meter.publishAsync(topic("up", own), Buffer.from([9]), { qos: 1 });
    await until(() => heard.includes(topic("down", own)));
    assert.deepEqual(
      heard.filter((at) => at.includes(other) || at.includes("/up/")),
      [],
    );
    await meter.endAsync();
    await victim.endAsync();
  });
});

test(`${METERS} meters, connected at the same time: a verdict for each frame of each`, async () => {
  const uplink = uplinkTo(broker, 20_000);
  const before = (await lab.published("sealed")).length;
  const frames: UplinkEntry[] = [];
  for (let index = 0; index < METERS; index++) {
    const { meterId, frames: maker } = lab.home(index);
    for (const at of [0, 1]) {
      const made = await maker.next({ blockStart: lab.world.dayStart(at) }, day());
      frames.push({ meterId, item: made.item });
    }
  }
  const [bad] = frames;
  assert(bad !== undefined);
  const { verdicts } = await uplink.send([...frames, { ...bad, item: Uint8Array.of(9) }]);
  assert.deepEqual(
    verdicts.slice(0, -1).map(textOf),
    frames.map(() => "accepted"),
  );
  assert.equal(verdicts.at(-1)?.status, "refused");
  const again = await uplink.send(frames.slice(0, 10));
  assert.deepEqual(
    again.verdicts.map(textOf),
    Array.from({ length: 10 }, () => "duplicate"),
  );
  assert.equal((await lab.published("sealed")).length - before, 2 * METERS);
  await uplink.close();
});

describe("nothing is lost, nothing comes twice", () => {
  const DAYS = 14;

  test("when the broker is killed, again and again, in the middle of it", async () => {
    const before = await counts();
    const { fleet, close } = await openFleet(METERS);
    const sending = fleet.sendDay(lab.world.dayStart(DAYS));
    for (const share of [0.1, 0.4, 0.8]) {
      await until(async () => (await taken(before)) >= share * FLEET * DAYS);
      await broker.kill();
      await broker.start();
    }
    const report = await sending;
    assert(report.complete);
    assert(report.attemptsFailed > 0, "it was noticed");
    assert.equal(report.framesSealed, FLEET * (DAYS + 1));
    await close();
    assert.equal(await taken(before), FLEET * (DAYS + 1));
  });

  test("when the concentrator is away: meters keep what has no verdict, the broker what came", async () => {
    const before = await counts();
    const { fleet, failures, close } = await openFleet(METERS + FLEET);
    const sending = fleet.sendDay(lab.world.dayStart(DAYS));
    const isDone = (): boolean => fleet.status().every(({ waitingFrames }) => waitingFrames === 0);
    // It goes while frames come, and is away for longer than a meter waits for a verdict.
    await until(async () => (await taken(before)) > 0);
    await lab.restart(() => until(() => failures() > 0 || isDone()));
    assert((await sending).complete);
    await close();
    assert.equal(await taken(before), FLEET * (DAYS + 1));
  });

  test("when a stream is full: meters are told to wait, and go on when there is room", async () => {
    const before = await counts();
    const { fleet, close } = await openFleet(METERS + 2 * FLEET);
    lab.faults.full.add("frames");
    const sending = fleet.sendDay(lab.world.dayStart(DAYS));
    const putOff = /verdict="retry",code="FRAME_QUEUE_FULL"\} (\d+)/;
    await until(() => Number(putOff.exec(lab.metrics.render())?.[1] ?? 0) > 64);
    assert.equal(await taken(before, "frames"), 0);
    lab.faults.full.delete("frames");
    assert((await sending).complete);
    await close();
    assert.equal(await taken(before, "frames"), FLEET * (DAYS + 1));
    assert.equal(await taken(before), FLEET * (DAYS + 1));
  });

  test("when a meter leaves before its verdict: the session has it when the meter is back", async () => {
    const { meterId, frames } = lab.home(0);
    const { item } = await frames.next({ blockStart: lab.world.dayStart(2) }, day());
    const before = await counts();
    const session = { clean: false, properties: { sessionExpiryInterval: 600 } };
    const first = await connect(broker.tlsOf(meterId), meterId, session);
    await first.subscribeAsync(topic("down", meterId), { qos: 1 });
    await lab.restart(async () => {
      await first.publishAsync(topic("up", meterId), Buffer.from(item), { qos: 1 });
      await first.endAsync();
    });
    const answered = /concentrator_items_total\{verdict="accepted",code=""\} 1$/m;
    await until(() => answered.test(lab.metrics.render()));
    assert.equal(await taken(before), 1);
    const uplink = uplinkTo(broker);
    const { verdicts } = await uplink.send([{ meterId, item }]);
    // "duplicate" would be right too; that it was accepted is known from the session alone.
    assert.deepEqual(verdicts.map(textOf), ["accepted"]);
    await uplink.close();
  });

  /** Distinct frames on each stream. */
  async function counts(): Promise<ReadonlyMap<string, number>> {
    const streams = ["sealed", "frames"].map(async (stream) => {
      const ids: string[] = [];
      let from = 0n;
      for (;;) {
        const page = await lab.bus.read(stream, { from, limit: 1000 });
        ids.push(...page.map(({ id }) => id));
        const last = page.at(-1);
        if (last === undefined) break;
        from = last.sequence + 1n;
      }
      assert.equal(new Set(ids).size, ids.length, "no frame is there twice");
      return [stream, ids.length] as const;
    });
    return new Map(await Promise.all(streams));
  }

  const taken = async (before: ReadonlyMap<string, number>, stream = "sealed"): Promise<number> =>
    ((await counts()).get(stream) ?? 0) - (before.get(stream) ?? 0);
});

/** Pauses take a fiftieth of their time, and 20 ms at least: a broker that is down is not hammered. */
function hastyClock(nowMs: () => number): Clock {
  return {
    nowMs,
    at(timeMs, fn) {
      const timer = setTimeout(() => void fn(), 20 + (timeMs - nowMs()) / 50);
      return () => clearTimeout(timer);
    },
    every: () => () => undefined,
  };
}

/** Meters of the households from `first` on, with readings of their own. */
async function openFleet(first: number) {
  const { world, clock } = lab;
  const between = (from: number, to: number): Readings => {
    const values = (value: number): number[] =>
      Array.from({ length: (to - from) / 900 }, () => value);
    return {
      importMilliwattHours: values(1000),
      exportMilliwattHours: values(0),
      quality: values(0),
    };
  };
  const meters = Array.from({ length: FLEET }, (_, index) => {
    const household = lab.home(first + index);
    const provisioning = {
      label: household.label,
      networkPseudonym: household.network,
      meterId: household.meterId,
      signingSeed: toHex(household.seed),
      zone: world.zone,
      intervalSeconds: 900,
      calendar: worldTariff.calendar,
      contractStart: world.startSeconds,
      ...world.meterTerms,
      enrolmentCode: encodeEnrolmentCode(household.enrolmentCode),
      concentrator: "http://127.0.0.1:1",
    };
    return { provisioning, source: { day: between, live: between } };
  });
  const uplink = uplinkTo(broker, 500);
  let warnings = 0;
  const fleet = await startFleet(
    { meters },
    {
      clock: hastyClock(() => clock.nowMs()),
      log: { ...silentLogger, warn: () => void (warnings += 1) },
      metrics: createMetrics(),
      journalFolder: mkdtempSync(join(folder, "fleet-")),
      uplink,
      random: (length) => primitives.randomBytes(length),
    },
  );
  return {
    fleet,
    failures: () => warnings,
    close: async () => {
      await fleet.close();
      await uplink.close();
    },
  };
}
