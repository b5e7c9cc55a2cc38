/** How meters come back after an outage, and what they do about a clock that is off (docs/quality.md). */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  customerMac,
  decodeOffer,
  encodeEnrolmentRequest,
  primitives,
  toHex,
} from "@smarter-metering/protocol";
import { createLogger, createMetrics, silentLogger } from "@smarter-metering/runtime";
import * as fc from "fast-check";
import { backoffMs } from "../src/backoff.ts";
import { driftOf } from "../src/clock-watch.ts";
import { httpUplink, MeterError, type Fleet } from "../src/index.ts";
import { backlogDays } from "../src/pace.ts";
import { spread } from "../src/send-window.ts";
import { Turns } from "../src/turns.ts";
import type { FakeConcentrator } from "./fake-concentrator.ts";
import {
  checkAccepted,
  closeRig,
  home,
  JOURNAL,
  newConcentrator,
  startRig,
  testClock,
  world,
} from "./rig.ts";

after(closeRig);

describe("after an outage of months", () => {
  const DAYS = 130;

  test("all days go out in order, at a limited rate, in constant memory, and one can see how many wait", async () => {
    const concentrator = newConcentrator();
    const metrics = createMetrics();
    const requests: { atMs: number; items: number; waiting: number; backlog: number }[] = [];
    const gauge = (): number => Number(/^meter_backlog_days (\d+)$/m.exec(metrics.render())?.[1]);
    const clock = movingClock();
    let journalBytesMax = 0;
    const { fleet, path } = await startRig(
      (entries) => {
        const waiting = Math.max(...fleet.status().map((meter) => meter.waitingFrames));
        requests.push({ atMs: clock.nowMs(), items: entries.length, waiting, backlog: gauge() });
        journalBytesMax = Math.max(journalBytesMax, statSync(join(path, JOURNAL)).size);
        return concentrator.take(entries);
      },
      { clock, metrics, compactAtBytes: 100_000 },
    );
    const startMs = clock.nowMs();
    const report = await fleet.sendDay(world.dayStart(DAYS));
    assert(report.complete);
    assert.equal(report.accepted, 2 * (DAYS + 1));
    await fleet.close();
    await checkAccepted(concentrator, DAYS);
    const [first] = requests;
    assert(first !== undefined && first.atMs - startMs <= 60_000, "begins within a minute");
    for (const [index, { atMs, items, waiting }] of requests.entries()) {
      assert(items <= 64 && waiting <= 64);
      const previous = requests[index - 1];
      if (previous !== undefined) assert(atMs - previous.atMs >= 500, "pauses between requests");
    }
    const backlogs = requests.map(({ backlog }) => backlog);
    assert.equal(backlogs[0], DAYS);
    assert.deepEqual(
      backlogs,
      backlogs.toSorted((a, b) => b - a),
      "it only goes down",
    );
    assert.equal(gauge(), 0);
    assert(journalBytesMax < 250_000, `${journalBytesMax} bytes: what waits, not what went out`);
  });

  test("two meters begin apart; a day that is late waits for nothing", async () => {
    const starts = new Set<number>();
    for (let meter = 0; meter < 3; meter++) {
      const clock = movingClock();
      const startMs = clock.nowMs();
      const concentrator = newConcentrator();
      const { fleet } = await startRig(
        (entries) => {
          starts.add(clock.nowMs() - startMs);
          return concentrator.take(entries);
        },
        { clock, households: 1 },
      );
      await fleet.sendDay(world.dayStart(3));
      await fleet.close();
    }
    assert(starts.size > 1);
    const clock = movingClock();
    const concentrator = newConcentrator();
    const { fleet } = await startRig((entries) => concentrator.take(entries), { clock });
    await fleet.sendDay(world.dayStart(2));
    assert.equal(clock.pauses, 0);
    await fleet.close();
    assert.deepEqual(
      [backlogDays(0, 0), backlogDays(86_400, 0), backlogDays(0, 1), backlogDays(0, 259_200)],
      [0, 0, 1, 3],
    );
  });
});

const random = (length: number): Uint8Array => primitives.randomBytes(length);

describe("when meters send", () => {
  test("law: each in its window, anywhere in it; at once when that is over; all, or none any more", async () => {
    const meters = Array.from({ length: 600 }, (_, index) => index);
    const atSeconds = async (fromSeconds: number, seconds: number, stopAfter = Infinity) => {
      const clock = movingClock();
      const closing = new AbortController();
      const sent: number[] = [];
      await new Turns().run((turn) => {
        const ports = { clock, random, signal: closing.signal, turn };
        return spread(meters, { fromSeconds, seconds }, ports, (due) => {
          for (const meter of due) sent[meter] = clock.nowMs() / 1000;
          if (Object.keys(sent).length >= stopAfter) closing.abort();
          return Promise.resolve();
        });
      });
      return sent;
    };
    const now = world.dayStart(140);
    const moments = await atSeconds(now, 3600);
    assert.equal(moments.filter(() => true).length, 600);
    assert(moments.every((at) => at >= now - 0.25 && at < now + 3600));
    for (let part = 0; part < 6; part++) {
      const [from, to] = [now + 600 * part, now + 600 * (part + 1)];
      const count = moments.filter((at) => at >= from && at < to).length;
      // 100 are expected; fewer than 40 come once in 10^11 runs.
      assert(count > 40, `${count} meters in part ${part}`);
    }
    const again = await atSeconds(now, 3600);
    const near = again.filter((at, meter) => Math.abs(at - (moments[meter] ?? 0)) < 60).length;
    assert(near < 100, "nobody has a habit");
    for (const late of [await atSeconds(now - 3600, 3600), await atSeconds(now, 0)]) {
      assert.deepEqual(new Set(late), new Set([now]));
    }
    const stopped = await atSeconds(now, 3600, 50);
    const count = Object.keys(stopped).length;
    assert(count >= 50 && count < 600);
  });

  test("LIVE does not wait for the day before it, which waits for its moment", async () => {
    const concentrator = newConcentrator();
    const clock = movingClock();
    clock.setSeconds(world.dayStart(7));
    const { fleet } = await startRig((entries) => concentrator.take(entries), {
      clock,
      households: 1,
      windows: { blockSeconds: 3600, liveSeconds: 3 },
    });
    const today = world.dayStart(7);
    assert((await fleet.sendDay(world.dayStart(6))).complete);
    await enrol(concentrator, fleet);
    clock.setSeconds(today);
    const sending = fleet.sendDay(today);
    await fleet.sendLive(today, today + 900);
    assert((await sending).complete);
    const [live, block] = concentrator.accepted.slice(-2).map(({ frame }) => frame.header);
    assert.deepEqual([live?.kind, live?.blockStart, live?.count], ["LIVE", today, 1]);
    assert.deepEqual([block?.kind, block?.blockStart], ["BLOCK", world.dayStart(6)]);
    assert(clock.nowMs() < 1000 * (today + 3600 + 10));
    await fleet.close();
    await checkAccepted(concentrator, 7, { households: 1 });
  });

  test("while the concentrator is away for three days, nothing piles up, and LIVE is back with it", async () => {
    const concentrator = newConcentrator();
    let isAway = false;
    const clock = movingClock();
    clock.setSeconds(world.dayStart(7));
    const { fleet } = await startRig(
      (entries) => {
        if (isAway) throw new MeterError("UPLINK_UNREACHABLE", "away");
        return concentrator.take(entries);
      },
      { clock, households: 2 },
    );
    assert((await fleet.sendDay(world.dayStart(4))).complete);
    await enrol(concentrator, fleet);
    const before = concentrator.accepted.length;
    isAway = true;
    const days: ReturnType<typeof fleet.sendDay>[] = [];
    for (let day = 4; day < 7; day++) {
      for (let hour = 0; hour < 23; hour++) {
        const at = world.dayStart(day) + 3600 * hour;
        await fleet.sendLive(at, at + 900); // Its turn comes, though a day is on its way.
      }
      assert.equal(await fleet.poll(), false);
      days.push(fleet.sendDay(world.dayStart(day + 1)));
      assert(fleet.status().every(({ waitingFrames }) => waitingFrames <= 5));
    }
    isAway = false;
    for (const report of await Promise.all(days)) assert(report.complete);
    const stale = concentrator.accepted.slice(before).filter(({ frame }) => {
      return frame.header.kind === "LIVE";
    });
    assert(stale.length <= 4, `${stale.length} LIVE frames of the outage`);
    const now = world.dayStart(7);
    await fleet.sendLive(now, now + 900);
    assert.equal(concentrator.accepted.at(-1)?.frame.header.kind, "LIVE");
    await fleet.close();
    await checkAccepted(concentrator, 7);
  });

  test("whoever is told to come later does, and later than asked; what he has stays", async () => {
    const concentrator = newConcentrator();
    const clock = movingClock();
    const attempts: number[] = [];
    const answers = [
      (): never => {
        throw new MeterError("UPLINK_UNREACHABLE", "full", undefined, 5000);
      },
      (code: string, items: number) => ({
        verdicts: Array.from({ length: items }, () => ({ status: "retry", code }) as const),
        downlink: [],
      }),
    ];
    const plan = ["503", "FRAME_QUEUE_FULL", "FRAME_QUOTA"];
    const { fleet } = await startRig(
      async (entries) => {
        attempts.push(clock.nowMs());
        const step = plan.shift();
        if (step === undefined) return concentrator.take(entries);
        return (
          answers[step === "503" ? 0 : 1]?.(step, entries.length) ?? concentrator.take(entries)
        );
      },
      { clock, households: 1 },
    );
    const report = await fleet.sendDay(world.dayStart(1));
    assert(report.complete);
    assert.equal(report.attemptsFailed, 1);
    await fleet.close();
    const pauses = attempts.slice(1, 4).map((at, index) => at - (attempts[index] ?? 0));
    assert((pauses[0] ?? 0) >= 5000 && (pauses[0] ?? 0) <= 7500, `${pauses[0]} ms`);
    assert(
      pauses.slice(1).every((pause) => pause >= 500 && pause <= 2000),
      pauses.join(" "),
    );
    await checkAccepted(concentrator, 1, { households: 1 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.nat(10 ** 6), (failures, asked) => {
        const pause = backoffMs(failures, random, asked);
        assert(pause >= asked && pause >= 250 && pause <= Math.max(60_000, 1.5 * asked) + 1);
      }),
    );
  });

  test("over HTTP: Retry-After in seconds, ten minutes at most; a date or anything else is not understood", async () => {
    const rows: readonly (readonly [header: string | undefined, ms: number | undefined])[] = [
      ["5", 5000],
      ["0", 0],
      ["999999", 600_000],
      ["1000000", undefined],
      ["-1", undefined],
      ["1.5", undefined],
      ["Wed, 21 Oct 2026 07:28:00 GMT", undefined],
      [undefined, undefined],
    ];
    for (const [header, retryAfterMs] of rows) {
      const headers = { ...(header !== undefined && { "retry-after": header }) };
      const uplink = httpUplink({
        url: "http://concentrator",
        fetch: () => Promise.resolve(new Response("", { status: 503, headers })),
      });
      const refused = { code: "UPLINK_UNREACHABLE", retryAfterMs };
      await assert.rejects(uplink.send([{ meterId: "", item: Uint8Array.of(9) }]), refused);
    }
  });
});

/** Anna becomes the customer of household 0. */
async function enrol(concentrator: FakeConcentrator, fleet: Fleet): Promise<void> {
  const household = home(0);
  const offer = concentrator.messages
    .filter(({ kind }) => kind === "ENROLMENT_OFFER")
    .map(({ message }) => decodeOffer(message))
    .findLast(({ meterId }) => toHex(meterId) === household.meterId);
  assert(offer !== undefined);
  const { meterId, networkPseudonym, nonce } = offer;
  const { spki: customerSpki } = world.customer.recipient;
  const context = { meterId, networkPseudonym, account: "anna", customerSpki, nonce };
  const mac = await customerMac(household.enrolmentCode, context);
  const message = encodeEnrolmentRequest({ ...context, mac });
  concentrator.downlink = [{ meterId: household.meterId, message }];
  assert(await fleet.poll());
  assert(fleet.status()[0]?.isEnrolled);
}

/** A clock that jumps to whatever is waited for. */
function movingClock() {
  const clock = testClock();
  clock.seconds = world.dayStart(140);
  let ms = 1000 * clock.seconds;
  return Object.assign(clock, {
    nowMs: () => ms,
    setSeconds: (seconds: number) => void (ms = 1000 * seconds),
    at(timeMs: number, fn: () => void) {
      clock.pauses += 1;
      const timer = setImmediate(() => {
        ms = Math.max(ms, timeMs);
        fn();
      });
      return () => clearImmediate(timer);
    },
  });
}

describe("a clock that is off", () => {
  interface Life {
    /** Seconds by which the concentrator's clock differs, or what asking it throws. */
    theirs: number | undefined;
    readonly codes: string[];
  }
  async function start(theirs: number | undefined) {
    const life: Life = { theirs, codes: [] };
    const concentrator = newConcentrator();
    const metrics = createMetrics();
    const clock = testClock();
    const rig = await startRig((entries) => concentrator.take(entries), {
      clock,
      metrics,
      households: 1,
      log: createLogger({
        fields: { errorCode: "text", count: "number" },
        clock,
        sink: (line) => {
          const { level, errorCode, count } = JSON.parse(line) as Record<string, unknown>;
          life.codes.push(`${String(level)} ${String(errorCode)} ${String(count)}`);
        },
      }),
      time: () => (life.theirs === undefined ? undefined : clock.seconds + life.theirs),
    });
    const drift = (): string =>
      /^meter_clock_drift_seconds (.+)$/m.exec(metrics.render())?.[1] ?? "";
    return { ...rig, life, concentrator, drift };
  }

  test("is warned of from 30 seconds on, once, and seals nothing 300 seconds ahead", async () => {
    const rows: readonly (readonly [
      theirs: number | undefined,
      drift: number,
      warned: boolean,
      sealed: boolean,
    ])[] = [
      [undefined, 0, false, true],
      [0, 0, false, true],
      [-31, 30, false, true],
      [30, -30, false, true],
      [-32, 31, true, true],
      [-301, 300, true, true],
      [-302, 301, true, false],
      [-86_400, 86_399, true, false],
      [31, -31, true, true],
      [86_400, -86_400, true, true],
    ];
    for (const [theirs, drift, warned, sealed] of rows) {
      const { fleet, life, drift: shown } = await start(theirs);
      const report = await fleet.sendDay(world.dayStart(1));
      await fleet.poll();
      assert.equal(report.framesSealed, sealed ? 2 : 0, `${theirs}`);
      assert.deepEqual([report.clockAhead, report.complete], [!sealed, sealed], `${theirs}`);
      assert.equal(shown(), String(drift));
      assert.deepEqual(life.codes, warned ? [`warn METER_CLOCK_DRIFT ${drift}`] : []);
      await fleet.close();
    }
  });

  test("that is set right seals what has waited, and nothing was lost", async () => {
    const { fleet, life, concentrator } = await start(-4000);
    assert.equal((await fleet.sendDay(world.dayStart(2))).framesSealed, 0);
    life.theirs = 0;
    assert((await fleet.sendDay(world.dayStart(2))).complete);
    assert.equal(life.codes.at(-1), "info undefined 0");
    await fleet.close();
    await checkAccepted(concentrator, 2, { households: 1 });
  });

  test("that one odd answer speaks of is looked at again before anybody is warned", async () => {
    const codes: unknown[] = [];
    const odd = [-4000, 0, 0, 0];
    const concentrator = newConcentrator();
    const clock = testClock();
    const log = { ...silentLogger, warn: (message: string) => void codes.push(message) };
    const { fleet } = await startRig((entries) => concentrator.take(entries), {
      clock,
      log,
      households: 1,
      time: () => clock.seconds + (odd.shift() ?? 0),
    });
    assert((await fleet.sendDay(world.dayStart(1))).complete);
    assert.deepEqual(codes, []);
    await fleet.close();
  });

  test("a concentrator that does not answer tells nothing, and is asked again", async () => {
    const { fleet, life } = await start(0);
    await fleet.close();
    const concentrator = newConcentrator();
    let asked = 0;
    const rig = await startRig((entries) => concentrator.take(entries), {
      households: 1,
      time: () => {
        asked += 1;
        throw new MeterError("UPLINK_UNREACHABLE", "away");
      },
    });
    assert((await rig.fleet.sendDay(world.dayStart(1))).complete);
    await rig.fleet.poll();
    assert.equal(asked, 2);
    await rig.fleet.close();
    assert.equal(life.codes.length, 0);
  });

  test("is asked for over HTTP; what is no time is refused, and a concentrator may have none", async () => {
    const rows: readonly (readonly [
      status: number,
      text: string,
      outcome: number | string | undefined,
    ])[] = [
      [200, "1743202800", 1_743_202_800],
      [404, "", undefined],
      [200, "", "UPLINK_ANSWER"],
      [200, "soon", "UPLINK_ANSWER"],
      [200, "1.5", "UPLINK_ANSWER"],
      [200, "-5", "UPLINK_ANSWER"],
      [302, "", "UPLINK_ANSWER"],
      [503, "", "UPLINK_UNREACHABLE"],
    ];
    for (const [status, text, outcome] of rows) {
      const uplink = httpUplink({
        url: "http://concentrator",
        fetch: (address) => {
          assert.equal(address, "http://concentrator/v1/time");
          return Promise.resolve(new Response(text, { status }));
        },
      });
      const answer = uplink.time?.();
      if (typeof outcome === "string") await assert.rejects(async () => answer, { code: outcome });
      else assert.equal(await answer, outcome);
    }
  });

  test("law: the drift is never more than it is, and 0 while the two may agree", () => {
    const at = fc.integer({ min: 0, max: 10 ** 7 });
    fc.assert(
      fc.property(
        at,
        at,
        fc.integer({ min: -(10 ** 6), max: 10 ** 6 }),
        (beforeMs, took, offMs) => {
          const base = 10 ** 12;
          const theirMs = base + beforeMs + Math.floor(took / 2) + offMs;
          const drift = driftOf(
            base + beforeMs,
            base + beforeMs + took,
            Math.floor(theirMs / 1000),
          );
          assert(Math.abs(1000 * drift) <= Math.abs(offMs));
          assert(drift === 0 || Math.sign(drift) === -Math.sign(offMs));
        },
      ),
    );
    assert.deepEqual([driftOf(10_000, 10_100, 5), driftOf(10_000, 10_100, 20)], [4, -9]);
  });
});
