/**
 * Meters and fleets: write-ahead, restarts, lost journals, bad networks, enrolment
 * (docs/protocol.md §2.5, §2.6, §2.9, §10.1).
 */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { toHex } from "@smarter-metering/protocol";
import * as fc from "fast-check";
import {
  MeterError,
  seriesSource,
  type MeterSource,
  type Readings,
  type UplinkEntry,
} from "../src/index.ts";
import {
  JOURNAL,
  world,
  closeRig,
  newFolder,
  home,
  sourceOf,
  registersAt,
  testClock,
  type Send,
  startRig,
  newConcentrator,
  checkAccepted,
} from "./rig.ts";

after(closeRig);

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
      lackingOpenerKey: 0,
      lackingPrices: 0,
      clockAhead: false,
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

test("a minute meter sends a day in parts of quarters", async () => {
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
  for (const value of [0.5, Number.NaN]) {
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
    importMilliwattHours: Float64Array.of(0, 5, 6),
    exportMilliwattHours: Float64Array.of(0, 0, 1),
    quality: Uint8Array.of(1, 0, 2),
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
