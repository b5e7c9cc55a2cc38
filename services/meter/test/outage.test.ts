/** How meters come back after an outage, and what they do about a clock that is off (docs/quality.md). */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createLogger, createMetrics, silentLogger } from "@smarter-metering/runtime";
import * as fc from "fast-check";
import { driftOf } from "../src/clock-watch.ts";
import { httpUplink, MeterError } from "../src/index.ts";
import { backlogDays } from "../src/pace.ts";
import {
  checkAccepted,
  closeRig,
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

/** A clock that jumps to whatever is waited for. */
function movingClock() {
  const clock = testClock();
  clock.seconds = world.dayStart(140);
  let ms = 1000 * clock.seconds;
  return Object.assign(clock, {
    nowMs: () => ms,
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
