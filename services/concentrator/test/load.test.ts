/**
 * The concentrator under load (docs/protocol.md §4.5): what goes first, what has no room, what one
 * meter may send, and whose clock is off.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { encodeUplink, encodeUplinkItem } from "@smarter-metering/protocol";
import { createMetrics, silentLogger, systemClock } from "@smarter-metering/runtime";
import * as fc from "fast-check";
import { Quota } from "../src/quota.ts";
import { createUplinkApp } from "../src/uplink-app.ts";
import { WaitingRoom } from "../src/waiting-room.ts";
import { day, openLab, type Lab } from "./lab.ts";

let lab: Lab;
before(async () => {
  lab = await openLab({ quota: { itemsMax: 4, itemsPerSecond: 1, bytesPerDay: 1_000_000 } });
});
after(() => lab.close());

const HOUR = 3600;

/** Where a header has its meter and its block (§2.1). */
const METER_AT = 19;
const BLOCK_AT = 79;

/** Items that look like frames of many meters and days; no signature of theirs is good. */
async function frameMaker(): Promise<(meter: number, blockStart: number) => Uint8Array> {
  const made = await lab.home(0).frames.next({ blockStart: lab.world.dayStart(0) }, day());
  return (meter, blockStart) => {
    const frame = Uint8Array.from(made.bytes);
    const view = new DataView(frame.buffer);
    view.setUint32(METER_AT, meter);
    view.setBigUint64(BLOCK_AT, BigInt(blockStart));
    return encodeUplinkItem({ kind: "FRAME", frame, openerEnvelope: made.openerEnvelope });
  };
}

describe("who waits", () => {
  interface Entry {
    readonly items: readonly Uint8Array[];
    readonly age: "fresh" | "old";
    readonly meter: number;
    readonly order: number;
    readonly tick: number;
  }

  test("200 meters come back after days: what is new waits for a round or two, what is old drains in order", async () => {
    const frame = await frameMaker();
    const midnight = lab.world.dayStart(10);
    const now = midnight + HOUR;
    const room = new WaitingRoom<Entry>();
    const done: (Entry & { round: number })[] = [];
    let order = 0;
    const offer = (age: "fresh" | "old", meter: number, days: readonly number[], tick: number) => {
      const items = days.map((each) => frame(meter, lab.world.dayStart(each)));
      assert(room.offer({ items, age, meter, order: order++, tick }, now));
    };
    // 200 meters with 10 days each, in requests of 5; then, each tick, as many fresh ones as a round takes.
    for (let part = 0; part < 2; part++) {
      const days = [0, 1, 2, 3, 4].map((each) => 5 * part + each - 2);
      for (let meter = 0; meter < 200; meter++) offer("old", meter, days, 0);
    }
    assert.deepEqual([room.oldItems, room.freshItems], [2000, 0]);
    let rounds = 0;
    for (let tick = 1; room.oldItems > 0; tick++) {
      for (let meter = 1000; meter < 1448; meter++) offer("fresh", meter, [9], tick);
      const round = room.nextRound();
      rounds += 1;
      assert(round.reduce((sum, { items }) => sum + items.length, 0) <= 512);
      done.push(...round.map((entry) => ({ ...entry, round: tick })));
      assert(tick < 100, "the backlog drains");
    }
    const latency = done
      .filter(({ age }) => age === "fresh")
      .map(({ round, tick }) => round - tick);
    assert(Math.max(...latency) <= 2, `${Math.max(...latency)} rounds`);
    assert(rounds > 8 && rounds < 60, `${rounds} rounds, while fresh ones took seven eighths`);
    for (let meter = 0; meter < 200; meter++) {
      const orders = done.filter((entry) => entry.meter === meter).map((entry) => entry.order);
      assert.equal(orders.length, 2);
      assert.deepEqual(
        orders,
        orders.toSorted((a, b) => a - b),
      );
    }
  });

  test("a meter's newest frame stays behind its old ones; the next meter's does not", async () => {
    const frame = await frameMaker();
    const [yesterday, longAgo] = [lab.world.dayStart(9), lab.world.dayStart(1)];
    const now = lab.world.dayStart(10) + HOUR;
    const room = new WaitingRoom<{ name: string; items: readonly Uint8Array[] }>();
    room.offer({ name: "old", items: [frame(1, longAgo)] }, now);
    room.offer({ name: "new of the same", items: [frame(1, yesterday)] }, now);
    room.offer({ name: "new of another", items: [frame(2, yesterday)] }, now);
    room.offer({ name: "unreadable", items: [Uint8Array.of(9)] }, now);
    assert.deepEqual(
      room.nextRound().map(({ name }) => name),
      ["new of another", "unreadable", "old", "new of the same"],
    );
    assert(room.isEmpty);
    room.offer({ name: "now it is fresh", items: [frame(1, yesterday)] }, now);
    assert.deepEqual([room.freshItems, room.oldItems], [1, 0]);
    // At the cut-off a day becomes old.
    const cutoff = lab.world.dayStart(10) + 6 * HOUR;
    room.offer({ name: "in time", items: [frame(3, yesterday)] }, cutoff);
    room.offer({ name: "late", items: [frame(4, yesterday)] }, cutoff + 1);
    assert.deepEqual([room.freshItems, room.oldItems], [2, 1]);
  });

  test("there is room for so many items, half of it for old ones, and for so many bytes", async () => {
    const frame = await frameMaker();
    const now = lab.world.dayStart(10) + HOUR;
    const old = Array.from({ length: 256 }, () => frame(1, lab.world.dayStart(1)));
    const fresh = Array.from({ length: 256 }, () => frame(2, lab.world.dayStart(9)));
    const fill = (items: readonly Uint8Array[], room: WaitingRoom<{ items: typeof items }>) => {
      let count = 0;
      while (room.offer({ items }, now)) count += items.length;
      return count;
    };
    const room = new WaitingRoom<{ items: readonly Uint8Array[] }>();
    assert.equal(fill(old, room), 4096);
    assert.equal(fill(fresh, room), 4096);
    assert.equal(fill(old.slice(0, 1), room), 0);
    room.nextRound();
    assert.equal(fill(fresh, room), 512);
    while (!room.isEmpty) room.nextRound();
    assert.deepEqual([room.oldItems, room.freshItems], [0, 0]);
    assert.equal(fill(fresh, room), 8192, "nothing of what has gone takes room");
    const large = [new Uint8Array(8 * 1024 * 1024)];
    assert.equal(fill(large, new WaitingRoom<{ items: readonly Uint8Array[] }>()), 16);
  });
});

describe("no room", () => {
  const uplinkApp = (concentrate: Parameters<typeof createUplinkApp>[0]["concentrate"]) =>
    createUplinkApp({
      log: silentLogger,
      clock: systemClock,
      metrics: createMetrics(),
      uplinkItemsMax: 256,
      concentrate,
      view: () => lab.world.network.current().view,
    });
  const request = (bytes?: number): RequestInit => ({
    method: "POST",
    headers: {
      "content-type": "application/octet-stream",
      ...(bytes !== undefined && { "content-length": String(bytes) }),
    },
    body: Uint8Array.from(encodeUplink([Uint8Array.of(9)])),
  });

  test("is a 503 that says when to come again, for a full room and for a store that fails", async () => {
    for (const concentrate of [
      () => Promise.resolve(undefined),
      () => Promise.reject(new Error("the disk is gone")),
    ]) {
      const response = await uplinkApp(concentrate).request("/v1/uplink", request(14));
      assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
      assert.equal(((await response.json()) as { code: string }).code, "FRAME_QUEUE_FULL");
    }
  });

  test("for more bodies at a time: those that do not say their length count in full", async () => {
    let finish = (): void => undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    const app = uplinkApp(async () => {
      await held;
      return { verdicts: [{ status: "accepted" }], downlink: [] };
    });
    const first = Array.from({ length: 32 }, () =>
      Promise.resolve(app.request("/v1/uplink", request())),
    );
    assert.equal((await app.request("/v1/uplink", request(1))).status, 503);
    assert.equal((await app.request("/v1/time")).status, 200, "questions are answered");
    finish();
    for (const response of await Promise.all(first)) assert.equal(response.status, 200);
    assert.equal((await app.request("/v1/uplink", request(14))).status, 200, "there is room again");
  });
});

describe("what one meter may send", () => {
  test("law: never more than its room and what came back, bytes alike; a neighbour notices nothing", () => {
    const terms = { itemsMax: 8, itemsPerSecond: 0.5, bytesPerDay: 10_000 };
    const step = fc.record({ wait: fc.nat(40), bytes: fc.nat(900), back: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const quota = new Quota(terms);
        let [now, items, bytes] = [1_000_000, 0, 0];
        const start = now;
        for (const each of steps) {
          now += each.wait;
          // A clock that leaps back for one item gives nothing.
          if (quota.admit("one", each.bytes, each.back ? now - 1 : now)) {
            items += 1;
            bytes += each.bytes;
          }
        }
        const passed = now - start + steps.length;
        assert(items <= terms.itemsMax + passed * terms.itemsPerSecond);
        assert(bytes <= terms.bytesPerDay * (1 + passed / 86_400));
        assert(quota.admit("neighbour", terms.bytesPerDay, now));
      }),
    );
  });

  test("over HTTP: FRAME_QUOTA, which is no refusal; forged frames use up nobody's room", async () => {
    const { world, clock } = lab;
    const household = lab.home(1);
    const { item } = await household.frames.next({ blockStart: world.dayStart(0) }, day());
    const forged = Uint8Array.from(item);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    for (let round = 0; round < 3; round++) {
      const answers = new Set(await lab.verdicts(...Array.from({ length: 10 }, () => forged)));
      assert.deepEqual([...answers], ["refused FRAME_BAD_SIGNATURE"]);
    }
    assert.deepEqual(await lab.verdicts(item, item, item, item, item), [
      "accepted",
      "duplicate",
      "duplicate",
      "duplicate",
      "retry FRAME_QUOTA",
    ]);
    const next = await household.frames.next({ blockStart: world.dayStart(1) }, day());
    assert.deepEqual(await lab.verdicts(next.item), ["retry FRAME_QUOTA"]);
    const other = await lab.home(2).frames.next({ blockStart: world.dayStart(0) }, day());
    assert.deepEqual(await lab.verdicts(other.item), ["accepted"], "the neighbour's");
    await clock.advanceTo(clock.nowMs() + 1000);
    assert.deepEqual(await lab.verdicts(next.item), ["accepted"]);
    assert.match(lab.metrics.render(), /verdict="retry",code="FRAME_QUOTA"\} 2$/m);
  });
});

test("whose clock is off: by what arrives before its end, or long after it; a day's frame may wait", async () => {
  const own = await openLab();
  try {
    const { world, clock } = own;
    const today = world.dayStart(20);
    const live = async (index: number, slot: number): Promise<Uint8Array> => {
      const { frames } = own.home(index);
      const place = { kind: "LIVE", blockStart: today, firstSlot: slot } as const;
      return (await frames.next(place, { importMilliwattHours: [5] })).item;
    };
    const block = await own.home(2).frames.next({ blockStart: world.dayStart(1) }, day());
    await clock.advanceTo(1000 * (today + 900 - 120));
    assert.deepEqual(await own.verdicts(await live(0, 0), block.item), ["accepted", "accepted"]);
    await clock.advanceTo(1000 * (today + 900 + 700));
    assert.deepEqual(await own.verdicts(await live(1, 0)), ["accepted"]);
    assert.deepEqual(own.service.clockSkew(), [
      { meterId: own.home(1).meterId, aheadSeconds: -700 },
      { meterId: own.home(0).meterId, aheadSeconds: 120 },
    ]);
    await clock.advanceTo(1000 * (today + 1800 + 3));
    assert.deepEqual(await own.verdicts(await live(1, 1)), ["accepted"]);
    const only = [{ meterId: own.home(0).meterId, aheadSeconds: 120 }];
    assert.deepEqual(
      own.service.clockSkew(),
      only,
      "one frame in time: it was the way, not the clock",
    );
    const text = own.metrics.render();
    assert.match(text, /concentrator_frame_lag_seconds_bucket\{kind="LIVE",le="-60"\} 1$/m);
    assert.match(text, /concentrator_frame_lag_seconds_bucket\{kind="LIVE",le="5"\} 2$/m);
    assert.match(text, /concentrator_frame_lag_seconds_bucket\{kind="BLOCK",le="604800"\} 0$/m);
    assert(!text.includes(own.home(0).meterId), "no metric names a meter");
    await clock.advanceTo(clock.nowMs() + 3_600_000);
    assert.deepEqual(own.service.clockSkew(), [], "each hour anew");
  } finally {
    await own.close();
  }
});
