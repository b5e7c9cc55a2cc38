/** What a meter makes of its own readings before anyone sees them: checks and gaps (docs/quality.md). */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readSource, syntheticNeighbourhood, type Series } from "@smarter-metering/readings";
import { addLocalDays, bandAt, localDayStart } from "@smarter-metering/tariff";
import * as fc from "fast-check";
import { checkReadings, energyMax, QUALITY, type CheckFacts } from "../src/checks.ts";
import { estimateGap } from "../src/gap.ts";
import { MeasuredDays } from "../src/measured-days.ts";
import { validatedSource } from "../src/validated-source.ts";
import { seriesSource, type MeterSource, type Readings } from "../src/index.ts";
import { TestOpener, type AcceptedFrame } from "./fake-concentrator.ts";
import {
  closeRig,
  energyAt,
  newConcentrator,
  registersAt,
  sourceOf,
  startRig,
  world,
} from "./rig.ts";

after(closeRig);

const { valid, missing, estimated, edited, questionable } = QUALITY;
const SLOTS = 96;
/** 3 × 63 A with 25 % overcurrent: 13,584,375 mWh in a quarter of an hour. */
const limits = { intervalSeconds: 900, powerWattsMax: 54_337.5 };

/** A day of 100 to 195 Wh a quarter, all different. */
function dayOf(changes: {
  readonly imports?: Readonly<Record<number, number>>;
  readonly exports?: Readonly<Record<number, number>>;
  readonly quality?: Readonly<Record<number, number>>;
  readonly steps?: Readonly<Record<number, number>>;
}): Readings {
  const list = (usual: (slot: number) => number, other: Readonly<Record<number, number>> = {}) =>
    Array.from({ length: SLOTS }, (_, slot) => other[slot] ?? usual(slot));
  return {
    importMilliwattHours: list((slot) => 100_000 + 1000 * slot, changes.imports),
    exportMilliwattHours: list(() => 0, changes.exports),
    quality: list(() => valid, changes.quality),
    ...(changes.steps && { clockStepSeconds: list(() => 0, changes.steps) }),
  };
}

const every = (value: number, from = 0, to = SLOTS): Readonly<Record<number, number>> =>
  Object.fromEntries(Array.from({ length: to - from }, (_, index) => [from + index, value]));
const week = Array.from({ length: 7 }, () => dayOf({}));
const STILL = dayOf({ imports: every(0) });
const FUSE = energyMax(limits);

interface CheckCase {
  readonly name: string;
  readonly day: Readings;
  readonly history?: readonly Readings[];
  readonly powerWattsMax?: number;
  /** Codes and counts; none: nothing is found. */
  readonly found: Readonly<Record<string, number>>;
  /** Qualities of the slots named. */
  readonly quality?: Readonly<Record<number, number>>;
}

const cases: readonly CheckCase[] = [
  { name: "a usual day", day: dayOf({}), found: {} },
  {
    name: "below zero",
    day: dayOf({ imports: { 4: -1 }, exports: { 5: -7 } }),
    found: { CHECK_NEGATIVE: 2 },
    quality: { 4: missing, 5: missing, 6: valid },
  },
  {
    name: "above the fuse",
    day: dayOf({ imports: { 4: FUSE + 1 } }),
    history: [],
    found: { CHECK_FUSE: 1 },
    quality: { 4: missing },
  },
  {
    name: "what the fuse just lets through",
    day: dayOf({ imports: { 4: FUSE } }),
    history: [],
    found: {},
  },
  {
    name: "more than a frame can carry, where no fuse is known",
    day: dayOf({ imports: { 4: 2 ** 32, 5: 2 ** 32 - 1 } }),
    history: [],
    powerWattsMax: Infinity,
    found: { CHECK_FUSE: 1 },
    quality: { 4: missing, 5: valid },
  },
  {
    name: "a spike of import, one of export",
    day: dayOf({ imports: { 4: 1_000_001 }, exports: { 9: 1_000_001 } }),
    found: { CHECK_SPIKE: 2 },
    quality: { 4: questionable, 9: questionable },
  },
  { name: "no spike: 4 kW are none", day: dayOf({ imports: { 4: 1_000_000 } }), found: {} },
  {
    name: "no spike: a household that has used as much",
    day: dayOf({ imports: { 4: 1_000_001 } }),
    history: week.map(() => dayOf({ imports: { 70: 300_000 } })),
    found: {},
  },
  {
    name: "no spike: two days tell nothing",
    day: dayOf({ imports: { 4: 2_000_000 } }),
    history: week.slice(5),
    found: {},
  },
  {
    name: "a spike in the past makes no ceiling",
    day: dayOf({ imports: { 4: 2_000_000 } }),
    history: [...week.slice(1), dayOf({ imports: { 70: 9_000_000 } })],
    found: { CHECK_SPIKE: 1 },
  },
  {
    name: "half a day of one value",
    day: dayOf({ imports: every(55_555, 10, 58) }),
    found: { CHECK_STUCK: 48 },
    quality: { 9: valid, 10: questionable, 57: questionable, 58: valid },
  },
  { name: "a quarter of an hour less", day: dayOf({ imports: every(55_555, 10, 57) }), found: {} },
  {
    name: "half a day that began yesterday: today's part",
    day: dayOf({ imports: every(55_555, 0, 8) }),
    history: [...week.slice(1), dayOf({ imports: every(55_555, 56) })],
    found: { CHECK_STUCK: 8 },
    quality: { 7: questionable, 8: valid },
  },
  {
    name: "not stuck: something was missing in between",
    day: dayOf({ imports: every(55_555, 10, 70), quality: { 40: missing } }),
    found: {},
  },
  {
    name: "a day of nothing, after a week of something",
    day: STILL,
    found: { CHECK_STOPPED: 96 },
    quality: { 0: questionable, 95: questionable },
  },
  {
    name: "nothing since yesterday noon",
    day: dayOf({ imports: every(0, 0, 48) }),
    history: [...week.slice(1), dayOf({ imports: every(0, 48) })],
    found: { CHECK_STOPPED: 48 },
    quality: { 47: questionable, 48: valid },
  },
  {
    name: "nothing yesterday and today",
    day: STILL,
    history: [...week.slice(1), STILL],
    found: { CHECK_STOPPED: 96 },
  },
  { name: "not stopped: some hours", day: dayOf({ imports: every(0, 0, 90) }), found: {} },
  {
    name: "not stopped: it feeds in",
    day: dayOf({ imports: every(0), exports: every(5000) }),
    found: {},
  },
  {
    name: "not stopped: nobody lives there",
    day: STILL,
    history: week.map(() => STILL),
    found: {},
  },
  {
    name: "a clock that was set",
    day: dayOf({ steps: { 4: -28, 5: 3600 } }),
    found: { CHECK_CLOCK: 2 },
    quality: { 4: questionable, 5: questionable, 6: valid },
  },
  {
    name: "a clock that was corrected by 3 %",
    day: dayOf({ steps: { 4: 27, 5: -27 } }),
    found: {},
  },
  {
    name: "what the source says itself is never made better, nor counted again",
    day: dayOf({
      imports: { 1: 2_000_000, 2: 2_000_000, 3: -1 },
      quality: { 0: missing, 1: estimated, 2: edited, 3: missing, 4: questionable },
    }),
    found: {},
    quality: { 0: missing, 1: estimated, 2: edited, 3: missing, 4: questionable },
  },
];

describe("checks", () => {
  for (const { name, day, history = week, found, quality = {}, ...changes } of cases) {
    test(name, () => {
      const facts: CheckFacts = { ...limits, ...changes, readings: day, history };
      const { readings, findings } = checkReadings(facts);
      assert.deepEqual(Object.fromEntries(findings), found);
      for (const [slot, code] of Object.entries(quality)) {
        assert.equal(readings.quality[Number(slot)], code, `slot ${slot}`);
      }
      for (let slot = 0; slot < SLOTS; slot++) {
        const isMissing = readings.quality[slot] === missing;
        const kept = day.importMilliwattHours[slot];
        if (day.quality[slot] === missing) continue;
        assert.equal(readings.importMilliwattHours[slot], isMissing ? 0 : kept, `slot ${slot}`);
      }
    });
  }
});

/** 100 homes over 7 weeks, beside the repository; a synthetic twin where they are not. */
async function homesOfQuarters(
  zone: string,
  say: (line: string) => void,
): Promise<readonly Series[]> {
  const name = "../../../../shared/data/ch15min_kwh_100households_49days.csv.gz";
  const path = fileURLToPath(new URL(name, import.meta.url));
  if (existsSync(path)) return (await readSource(path, { unit: "kWh", zone })).series;
  say("shared data not found: the checks are tried on synthetic households");
  return syntheticNeighbourhood({
    seed: "checks",
    households: 30,
    startSeconds: world.startSeconds,
    days: 49,
    intervalSeconds: 900,
    zone,
  }).map(({ series }) => series);
}

test("of usual homes hardly anything is found odd: under one interval in a thousand, and nothing impossible", async (context) => {
  const homes = await homesOfQuarters(world.zone, (line) => context.diagnostic(line));
  const counts = new Map<string, number>();
  let intervals = 0;
  for (const series of homes) {
    const count = (code: string, found: number): void => {
      counts.set(code, (counts.get(code) ?? 0) + found);
    };
    const { startSeconds, intervalSeconds } = series;
    const installedAt = localDayStart(startSeconds + 86_399, world.zone);
    const terms = {
      ...limits,
      zone: world.zone,
      intervalSeconds,
      installedAt,
      servedUntil: undefined,
      calendar: world.tariff.calendar,
    };
    const source = validatedSource(seriesSource(series), terms, count);
    let from = installedAt;
    for (;;) {
      const to = addLocalDays(from, 1, world.zone);
      const day = source.day(from, to);
      if (day === undefined) break;
      intervals += day.quality.length;
      from = to;
    }
  }
  assert(intervals > 100_000);
  assert.deepEqual(
    [...counts.keys()].filter((code) => code === "CHECK_NEGATIVE" || code === "CHECK_FUSE"),
    [],
  );
  for (const [code, found] of counts) assert(found < intervals / 1000, `${code}: ${found}`);
});

describe("the energy of a gap", () => {
  const energy = fc.bigInt({ min: 0n, max: 10n ** 7n });
  const gaps = fc
    .array(
      fc.record({
        band: fc.nat(1),
        importWeight: fc.integer({ min: 1, max: 10 ** 7 }),
        exportWeight: fc.integer({ min: 1, max: 10 ** 7 }),
      }),
      { minLength: 1, maxLength: 60 },
    )
    .chain((intervals) =>
      fc.record({
        intervals: fc.constant(intervals),
        used: fc.tuple(energy, energy, energy),
        max: fc.integer({ min: 1, max: 10 ** 7 }),
      }),
    );

  test("law: adds up to each register exactly, within the fuse, or is not estimated at all", () => {
    let estimates = 0;
    fc.assert(
      fc.property(gaps, ({ intervals, used, max }) => {
        const before = [5n, 10n ** 12n, 0n];
        const estimate = estimateGap({
          bands: intervals.map(({ band }) => band),
          exportRegister: 2,
          registersBefore: before,
          registersAfter: before.map((register, index) => register + (used[index] ?? 0n)),
          importWeights: intervals.map(({ importWeight }) => importWeight),
          exportWeights: intervals.map(({ exportWeight }) => exportWeight),
          energyMax: max,
        });
        const room = [0, 1, 2].map((register) =>
          register === 2
            ? intervals.length
            : intervals.filter(({ band }) => band === register).length,
        );
        const isPossible = room.every(
          (count, register) => (used[register] ?? 0n) <= BigInt(count) * BigInt(max),
        );
        assert.equal(estimate !== undefined, isPossible);
        if (estimate === undefined) return;
        estimates += 1;
        const sums = [0n, 0n, 0n];
        for (const [index, { band }] of intervals.entries()) {
          const imported = estimate.importMilliwattHours[index] ?? -1;
          const exported = estimate.exportMilliwattHours[index] ?? -1;
          assert(imported >= 0 && imported <= max && exported >= 0 && exported <= max);
          sums[band] = (sums[band] ?? 0n) + BigInt(imported);
          sums[2] = (sums[2] ?? 0n) + BigInt(exported);
        }
        assert.deepEqual(sums, [...used]);
      }),
      {
        numRuns: 300,
        examples: [
          [
            {
              intervals: [{ band: 0, importWeight: 1, exportWeight: 1 }],
              used: [7n, 0n, 3n],
              max: 7,
            },
          ],
        ],
      },
    );
    assert(estimates > 20, "the law was asked about estimates");
  });

  test("follows the profile; a register that went back is contradicted", () => {
    const gap = {
      bands: [0, 0, 1],
      exportRegister: 2,
      registersBefore: [100n, 100n, 0n],
      registersAfter: [140n, 105n, 0n],
      importWeights: [1, 3, 9],
      exportWeights: [1, 1, 1],
      energyMax: 1000,
    };
    assert.deepEqual(estimateGap(gap), {
      importMilliwattHours: [10, 30, 5],
      exportMilliwattHours: [0, 0, 0],
      quality: [estimated, estimated, estimated],
    });
    assert.deepEqual(estimateGap({ ...gap, energyMax: 29 })?.importMilliwattHours, [20, 20, 5]);
    const back = [140n, 99n, 0n];
    assert.equal(estimateGap({ ...gap, registersAfter: back }), undefined);
    const otherBand = { ...gap, bands: [0, 0, 0] };
    assert.equal(estimateGap(otherBand), undefined, "a band that the gap has no interval of");
  });
});

/** Intervals of [from, to) were not recorded; the device counted on, and was read at `known` instants and between. */
function sourceWithGap(
  index: number,
  [from, to]: readonly [number, number],
  isRead: (instant: number) => boolean,
): MeterSource {
  const source = sourceOf(index);
  const isLost = (instant: number): boolean => instant >= from && instant < to;
  const day = (blockStart: number, blockEnd: number): Readings | undefined => {
    const readings = source.day(blockStart, blockEnd);
    if (readings === undefined) return undefined;
    const slots = Array.from(readings.quality, (_, slot) => isLost(blockStart + 900 * slot));
    const kept = (values: ArrayLike<number>): number[] =>
      slots.map((lost, slot) => (lost ? 0 : (values[slot] ?? 0)));
    return {
      importMilliwattHours: kept(readings.importMilliwattHours),
      exportMilliwattHours: kept(readings.exportMilliwattHours),
      quality: slots.map((lost) => (lost ? missing : valid)),
    };
  };
  const registersBetween = (instant: number): readonly bigint[] | undefined => {
    const inside = instant > from && instant < to;
    return inside && !isRead(instant) ? undefined : registersAt(index, instant);
  };
  return { day, live: day, registersAt: registersBetween };
}

async function sealedWith(source: MeterSource, days: number) {
  const concentrator = newConcentrator();
  const { fleet } = await startRig((entries) => concentrator.take(entries), {
    households: 1,
    source: () => source,
  });
  assert((await fleet.sendDay(world.dayStart(days))).complete);
  const [status] = fleet.status();
  assert(status !== undefined);
  await fleet.close();
  const opener = new TestOpener(world.opener.secret);
  const bodies = await Promise.all(
    concentrator.accepted.slice(1).map((frame: AcceptedFrame) => opener.open(frame)),
  );
  return { bodies, findings: Object.fromEntries(status.findings) };
}

describe("a gap whose registers are known on both sides", () => {
  const HOUR = 3600;
  const noon = (day: number): number => world.dayStart(day) + 12 * HOUR;

  test("in one day: every register exact, the gap estimated, the rest as it was", async () => {
    const span = [noon(0), noon(0) + 5 * HOUR] as const;
    const { bodies, findings } = await sealedWith(
      sourceWithGap(0, span, () => false),
      2,
    );
    assert.deepEqual(findings, { GAP_ESTIMATED: 20 });
    assert.deepEqual(bodies[0]?.registersMilliwattHours, registersAt(0, world.dayStart(1)));
    const qualities = Array.from(bodies[0]?.quality ?? []);
    assert.deepEqual(
      qualities.map((code, slot) => (code === estimated ? slot : -1)).filter((slot) => slot >= 0),
      Array.from({ length: 20 }, (_, index) => 48 + index),
    );
  });

  test("over a night of 23 hours and several days: registers exact at its end, bands each by itself", async () => {
    // From noon before the clocks go forward to the third day.
    const span = [noon(0), noon(2) + HOUR] as const;
    const { bodies, findings } = await sealedWith(
      sourceWithGap(0, span, () => false),
      4,
    );
    assert.deepEqual(findings, { GAP_ESTIMATED: 48 + 92 + 52 });
    const sums = registersAt(0, world.startSeconds);
    for (const [day, body] of bodies.entries()) {
      const start = world.dayStart(day);
      for (const [slot, energy] of body.importMilliwattHours.entries()) {
        const band = bandAt(world.tariff.calendar, start + 900 * slot, world.zone);
        sums[band] = (sums[band] ?? 0n) + BigInt(energy);
        sums[2] = (sums[2] ?? 0n) + BigInt(body.exportMilliwattHours[slot] ?? 0);
      }
      assert.deepEqual(body.registersMilliwattHours, sums, "intervals add up to the registers");
    }
    assert.deepEqual(sums, registersAt(0, world.dayStart(4)), "and these to the device's");
  });

  test("a reading at a midnight inside parts the gap: that border is exact as well", async () => {
    const span = [noon(0), noon(2)] as const;
    const isMidnight = (instant: number): boolean => instant === world.dayStart(1);
    const { bodies } = await sealedWith(sourceWithGap(0, span, isMidnight), 3);
    assert.deepEqual(bodies[0]?.registersMilliwattHours, registersAt(0, world.dayStart(1)));
    assert.notDeepEqual(bodies[1]?.registersMilliwattHours, registersAt(0, world.dayStart(2)));
    assert.deepEqual(bodies[2]?.registersMilliwattHours, registersAt(0, world.dayStart(3)));
  });

  test("unknown, contradicted or still open: it stays missing, and its registers count nothing", async () => {
    const span = [noon(0), noon(0) + HOUR] as const;
    const good = sourceWithGap(0, span, () => false);
    const back = (instant: number) =>
      instant === span[1] ? registersAt(0, world.startSeconds) : registersAt(0, instant);
    const mute: MeterSource = { day: (from, to) => good.day(from, to), live: () => undefined };
    const open = sourceWithGap(0, [noon(1), world.dayStart(2)], () => false);
    const endless: MeterSource = {
      ...open,
      day: (from, to) => (from >= world.dayStart(2) ? undefined : open.day(from, to)),
      registersAt: (instant) => (instant > noon(1) ? undefined : registersAt(0, instant)),
    };
    const rows: readonly (readonly [MeterSource, Record<string, number>, number])[] = [
      [mute, { GAP_UNKNOWN: 4 }, 0],
      [{ ...good, registersAt: back }, { GAP_CONTRADICTED: 4 }, 0],
      [endless, { GAP_UNKNOWN: 48 - 4 }, 1],
    ];
    for (const [source, expected, day] of rows) {
      const { bodies, findings } = await sealedWith(source, day + 1);
      assert.deepEqual(findings, expected);
      const body = bodies[day];
      assert(body !== undefined);
      const lost = body.quality.reduce((sum, code) => sum + (code === missing ? 1 : 0), 0);
      assert.equal(lost, Object.values(expected)[0]);
      const total = body.importMilliwattHours.reduce((sum, value) => sum + value, 0);
      const whole = Array.from({ length: body.quality.length }, (_, slot) =>
        body.quality[slot] === missing ? 0 : energyAt(0, world.dayStart(day) + 900 * slot),
      ).reduce((sum, value) => sum + value, 0);
      assert.equal(total, whole);
    }
  });

  test("of the hours before a meter was put in, or after it was taken away, nothing is estimated", () => {
    const installedAt = noon(0);
    const servedUntil = noon(1);
    const terms = {
      ...limits,
      zone: world.zone,
      installedAt,
      servedUntil,
      calendar: world.tariff.calendar,
    };
    const found: string[] = [];
    // Recorded between 14 h and 10 h alone; the registers were read at both ends of its service.
    const lost = sourceWithGap(0, [world.dayStart(0), installedAt + 2 * HOUR], () => true);
    const late = sourceWithGap(0, [servedUntil - 2 * HOUR, world.dayStart(2)], () => true);
    const day: MeterSource["day"] = (from, to) =>
      (from < world.dayStart(1) ? lost : late).day(from, to);
    const source = validatedSource(
      { day, live: day, registersAt: (instant) => registersAt(0, instant) },
      terms,
      (code, intervals) => found.push(`${code} ${intervals}`),
    );
    source.day(world.dayStart(0), world.dayStart(1));
    source.day(world.dayStart(1), world.dayStart(2));
    assert.deepEqual(found, ["GAP_ESTIMATED 8", "GAP_ESTIMATED 8"]);
  });

  test("days follow the household's profile, each day the same; a day is checked against those before it", () => {
    const start = world.dayStart(2);
    const dayAt = (day: number): number => addLocalDays(start, day, world.zone);
    /** Ten times as much from 18 to 19 h; on the tenth day far more than ever. */
    const usual = (slot: number): number => (slot >= 72 && slot < 76 ? 1_000_000 : 100_000) + slot;
    const isLost = (instant: number): boolean => instant >= dayAt(7) && instant < dayAt(9);
    const asked: number[] = [];
    const day = (from: number): Readings => {
      asked.push(from);
      const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
      const value = (slot: number): number => (from === dayAt(10) ? 5_000_000 : 0) + usual(slot);
      return {
        importMilliwattHours: slots.map((slot) => (isLost(from) ? 0 : value(slot))),
        exportMilliwattHours: slots.map(() => 0),
        quality: slots.map(() => (isLost(from) ? missing : valid)),
      };
    };
    const perDay = BigInt(
      Array.from({ length: SLOTS }, (_, slot) => usual(slot)).reduce((a, b) => a + b),
    );
    const found: string[] = [];
    const source = validatedSource(
      {
        day,
        live: day,
        registersAt: (instant) =>
          instant === dayAt(8) ? undefined : [instant > dayAt(7) ? 2n * perDay : 0n, 0n, 0n],
      },
      {
        ...limits,
        zone: world.zone,
        installedAt: start,
        servedUntil: undefined,
        calendar: { ...world.tariff.calendar, bands: ["all"], rules: [], defaultBand: "all" },
      },
      (code, intervals) => found.push(`${code} ${intervals}`),
    );
    const days = Array.from({ length: 11 }, (_, index) =>
      source.day(dayAt(index), dayAt(index + 1)),
    );
    for (const index of [7, 8]) {
      const energies = Array.from(days[index]?.importMilliwattHours ?? []);
      // The profile's weights are 1 mWh more than its means.
      for (const [slot, energy] of energies.entries()) assert(Math.abs(energy - usual(slot)) <= 10);
    }
    assert.deepEqual(found, ["GAP_ESTIMATED 96", "GAP_ESTIMATED 96", "CHECK_SPIKE 96"]);
    assert(asked.length < 60, "days are remembered");
  });

  test("a few days are remembered, however many went by", () => {
    const asked: number[] = [];
    const day = (from: number, to: number): Readings | undefined => {
      asked.push(from);
      return sourceOf(0).day(from, to);
    };
    const days = new MeasuredDays(
      { day, live: day },
      {
        ...limits,
        zone: world.zone,
        installedAt: world.startSeconds,
        servedUntil: undefined,
        calendar: world.tariff.calendar,
      },
    );
    for (let index = 0; index < 30; index++) days.at(world.dayStart(index));
    for (let index = 29; index > 21; index--) days.at(world.dayStart(index));
    assert.equal(asked.length, 30, "the newest are there");
    for (let index = 0; index < 10; index++) days.at(world.dayStart(index));
    assert.equal(asked.length, 40, "the oldest are not");
    assert.equal(days.at(world.startSeconds - 1), undefined, "before the meter was there");
  });
});
