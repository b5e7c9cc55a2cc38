/**
 * Readings in typed arrays: the store, the pyramid, the calendar and the figures, each against a slow reference in plain objects
 * (docs/protocol.md §1.4, §2).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  alignSpans,
  baseLoad,
  calendarSpans,
  earlierPeriod,
  keyFigures,
  listReadings,
  loadFigures,
  LoadPyramid,
  loadReadings,
  openReadings,
  periodAt,
  ReadingStore,
  type CalendarUnit,
  type Reading,
  type ReadingRun,
  type ReadingSeries,
  type StoredFrame,
} from "@smarter-metering/customer";
import {
  encodeEnvelope,
  encodeFrame,
  frameHash,
  generateRecipient,
  keyCommitment,
  primitives,
  recipientFromSpki,
  recipientSecret,
  sealEnvelope,
  sealFrame,
  signerFromSeed,
  type FrameHeader,
  type FrameKind,
} from "@smarter-metering/protocol";
import { dayStartOf } from "@smarter-metering/tariff";
import { tariffDocument, zone } from "./tariff.ts";

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const MISSING = 1;

/** 2026-03-01 in UTC, on every grid of intervals. */
const EPOCH = 1_772_323_200;

interface Made {
  readonly kind: FrameKind;
  readonly meter: number;
  readonly counter: number;
  readonly firstSlot: number;
  readonly intervalSeconds: number;
  readonly energies: readonly number[];
  readonly quality: readonly number[];
}

const header = ({
  kind,
  meter,
  counter,
  firstSlot,
  intervalSeconds,
  energies,
}: Made): FrameHeader => ({
  profile: "pes-encrypts",
  kind,
  networkPseudonym: filled(16, 1),
  meterId: filled(16, meter),
  keyEpoch: 7,
  keyCommitment: filled(32, 2),
  counter,
  blockStart: EPOCH,
  firstSlot,
  count: energies.length,
  intervalSeconds,
  registerBank: filled(8, 0),
  previousFrameHash: filled(32, 0),
  slotsRoot: filled(32, 0),
});

const bodyOf = ({ energies, quality }: Pick<Made, "energies" | "quality">) => ({
  importMilliwattHours: Uint32Array.from(energies),
  exportMilliwattHours: Uint32Array.from(energies, (energy) => energy % 5),
  quality: Uint8Array.from(quality),
  registersMilliwattHours: Array.from({ length: 8 }, () => 0n),
});

/** The hash stands for the content. */
const stored = (made: Made): StoredFrame => ({
  frame: { header: header(made) },
  hash: new TextEncoder().encode(JSON.stringify(made)),
  body: bodyOf(made),
});

const madeFrame: fc.Arbitrary<Made> = fc
  .record({
    kind: fc.constantFrom<FrameKind>("BLOCK", "LIVE"),
    meter: fc.constantFrom(1, 2),
    counter: fc.nat(12),
    firstSlot: fc.nat(24),
    intervalSeconds: fc.constantFrom(60, 300, 900),
    readings: fc.array(fc.tuple(fc.nat(99_999), fc.nat(4)), { maxLength: 8 }),
  })
  .map(({ readings, ...rest }) => ({
    ...rest,
    energies: readings.map(([energy]) => energy),
    quality: readings.map(([, quality]) => quality),
  }));

/** Frame by frame and reading by reading: contradicting frames are out, then the best frames first. */
function slowReadings(frames: readonly Made[]): Reading[] {
  const distinct = [...new Map(frames.map((made) => [JSON.stringify(made), made])).values()];
  const contradict = (a: Made, b: Made): boolean =>
    a !== b &&
    a.meter === b.meter &&
    (a.counter === b.counter ||
      (a.kind === "BLOCK" && b.kind === "BLOCK" && placeOf(a) === placeOf(b)));
  const usable = distinct
    .filter((made) => !distinct.some((other) => contradict(made, other)))
    .toSorted(
      (a, b) =>
        Number(a.kind === "LIVE") - Number(b.kind === "LIVE") ||
        b.counter - a.counter ||
        a.meter - b.meter,
    );
  const taken: Reading[] = [];
  for (const made of usable) {
    const own = listReadings([runOf(made)]);
    taken.push(...own.filter((reading) => !taken.some((other) => overlap(reading, other))));
  }
  return taken.toSorted((a, b) => a.startSeconds - b.startSeconds);
}

/** As docs/protocol.md §2.7 names a place: an installation, which has no readings, has one of its own. */
const placeOf = ({ firstSlot, energies }: Made): string =>
  energies.length === 0 ? `installation ${firstSlot}` : `${firstSlot}`;

const endOf = ({ startSeconds, intervalSeconds }: Reading): number =>
  startSeconds + intervalSeconds;

const overlap = (a: Reading, b: Reading): boolean =>
  a.startSeconds < endOf(b) && b.startSeconds < endOf(a);

const runOf = ({ firstSlot, intervalSeconds, ...rest }: Made): ReadingRun => {
  const { importMilliwattHours, exportMilliwattHours, quality } = bodyOf(rest);
  const startSeconds = EPOCH + firstSlot * intervalSeconds;
  return { startSeconds, intervalSeconds, importMilliwattHours, exportMilliwattHours, quality };
};

test("the store gives each instant once, whatever the order of the frames", () => {
  const law = fc.property(
    fc.array(madeFrame, { maxLength: 14 }),
    fc.infiniteStream(fc.nat()),
    (frames, keys) => {
      const expected = slowReadings(frames);
      const shuffled = frames
        .map((made) => ({ made, key: keys.next().value }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ made }) => made);
      for (const order of [frames, shuffled, [...frames, ...shuffled]]) {
        const store = new ReadingStore();
        for (const made of order) {
          store.add(stored(made));
          if (made.counter === 3) assert(store.series.length >= 0); // Reading in between changes nothing.
        }
        assert.deepEqual(listReadings(store.series), expected);
      }
    },
  );
  fc.assert(law, { numRuns: 150 });
});

test("what the store says of each frame, and what it does at its limit", () => {
  const store = new ReadingStore();
  const block: Made = {
    kind: "BLOCK",
    meter: 1,
    counter: 1,
    firstSlot: 0,
    intervalSeconds: 900,
    energies: [5, 6],
    quality: [0, 0],
  };
  assert.equal(
    store.add(stored({ ...block, kind: "LIVE", counter: 0, energies: [9], quality: [0] })),
    "added",
  );
  assert.deepEqual(
    listReadings(store.series).map((reading) => reading.importMilliwattHours),
    [9],
  );
  assert.equal(store.add(stored(block)), "added");
  assert.equal(store.add(stored(block)), "duplicate");
  assert.deepEqual(
    listReadings(store.series).map((reading) => reading.importMilliwattHours),
    [5, 6],
  );
  assert.equal(store.add(stored({ ...block, energies: [5, 7] })), "equivocation");
  assert.deepEqual(
    listReadings(store.series).map((reading) => reading.importMilliwattHours),
    [9],
  );
  const huge = stored({ ...block, counter: 2, firstSlot: 4 });
  const tooLong = { ...huge.frame.header, count: 5 * 366 * 1440 };
  assert.equal(store.add({ ...huge, frame: { header: tooLong } }), "full");
  assert.equal(store.add(huge), "added");
});

// Sealed frames of a real meter.

const meter = await signerFromSeed(filled(32, 5));
const dataKey = filled(32, 6);
const names = { networkPseudonym: filled(16, 7), meterId: filled(16, 8) };
const pair = await generateRecipient();
const secret = await recipientSecret(pair.spki, pair.pkcs8);
const customer = await recipientFromSpki(pair.spki);
const context = { recipient: "customer", ...names, keyEpoch: 7 } as const;
const envelopes = [encodeEnvelope(await sealEnvelope(context, dataKey, customer, meter))];
const pins = [{ ...names, meterKey: meter.publicKey, statementSecret: filled(32, 0) }];

async function sealed(made: Made, previousFrameHash: Uint8Array) {
  const commitment = await keyCommitment(names.meterId, 7, dataKey);
  const unsealed = { ...header(made), ...names, keyCommitment: commitment, previousFrameHash };
  const frame = await sealFrame(unsealed, bodyOf(made), dataKey, meter);
  return { frame, bytes: encodeFrame(frame), hash: await frameHash(frame) };
}

test("sealed frames become the same readings on the fast path and on the slow one, and nothing else gets in", async () => {
  const minutes = (counter: number, firstSlot: number, kind: FrameKind = "BLOCK"): Made => ({
    kind,
    meter: 8,
    counter,
    firstSlot,
    intervalSeconds: 60,
    energies: Array.from({ length: 30 }, (_, slot) => 100 * counter + slot),
    quality: Array.from({ length: 30 }, (_, slot) => slot % 5),
  });
  const first = await sealed(minutes(0, 0, "LIVE"), filled(32, 0));
  const second = await sealed(minutes(1, 0), first.hash);
  const third = await sealed(minutes(2, 45), second.hash);
  const frames = [third.bytes, first.bytes, second.bytes];
  const store = new ReadingStore();
  const slow = await openReadings(pins, secret, { envelopes, frames });
  const fast = await loadReadings(store, pins, secret, { envelopes, frames });
  assert.equal(slow.readings.length, 60);
  assert.deepEqual(listReadings(store.series), slow.readings);
  assert.deepEqual(fast, { ...slow.findings, leftOut: 0 });

  const changed = Uint8Array.from(third.bytes);
  changed[200] = (changed[200] ?? 0) ^ 1;
  const foreign = { ...third.frame, signature: second.frame.signature };
  // Signed by the meter, with a commitment to other slots: shown, and refused where it would be billed or disclosed.
  const honest = await sealed(minutes(3, 90), third.hash);
  const otherRoot = Uint8Array.from(honest.frame.headerBytes);
  otherRoot.set(filled(32, 9), otherRoot.length - 32);
  const plaintext = await primitives.aesGcmOpen(
    dataKey,
    nonce(3),
    honest.frame.headerBytes,
    honest.frame.body,
  );
  assert(plaintext !== undefined);
  const body = await primitives.aesGcmSeal(dataKey, nonce(3), otherRoot, plaintext);
  const signature = await meter.sign(await signedBytesOf(otherRoot, body));
  const lying = encodeFrame({ ...honest.frame, headerBytes: otherRoot, body, signature });
  const bad = [changed, encodeFrame(foreign), lying, filled(40, 1)];
  const empty = new ReadingStore();
  const found = await loadReadings(empty, pins, secret, { envelopes, frames: bad });
  assert.deepEqual([found.badSignatures, found.malformed, found.unopenable], [2, 1, 0]);
  assert.equal(listReadings(empty.series).length, 30);
  const strict = await openReadings(pins, secret, { envelopes, frames: bad });
  assert.deepEqual([strict.readings.length, strict.findings.unopenable], [0, 1]);
  const keyless = await loadReadings(empty, pins, secret, { envelopes: [], frames: bad });
  assert.equal(keyless.unopenable, 1);
});

function nonce(counter: number): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes[3] = 7;
  bytes[11] = counter;
  return bytes;
}

async function signedBytesOf(headerBytes: Uint8Array, body: Uint8Array): Promise<Uint8Array> {
  const hashes = [await primitives.sha256(headerBytes), await primitives.sha256(body)];
  return Buffer.concat([Buffer.from("smarter-metering/frame/v1\0"), ...hashes]);
}

// Series with gaps, missing readings, and two lengths of interval.

const seriesWith = (intervals: readonly number[]): fc.Arbitrary<ReadingRun[]> =>
  fc
    .array(
      fc.record({
        gapQuarters: fc.integer({ min: 0, max: 5 }),
        intervalSeconds: fc.constantFrom(...intervals),
        readings: fc.array(fc.tuple(fc.nat(9_999), fc.nat(4)), { minLength: 1, maxLength: 60 }),
      }),
      { maxLength: 8 },
    )
    .map((runs) => {
      let reached = EPOCH;
      return runs.map(({ gapQuarters, intervalSeconds, readings }) => {
        const startSeconds = (Math.ceil(reached / 900) + gapQuarters) * 900;
        reached = startSeconds + readings.length * intervalSeconds;
        const energies = readings.map(([energy, quality]) => (quality === MISSING ? 0 : energy));
        const body = bodyOf({ energies, quality: readings.map(([, quality]) => quality) });
        const { importMilliwattHours, exportMilliwattHours, quality } = body;
        return {
          startSeconds,
          intervalSeconds,
          importMilliwattHours,
          exportMilliwattHours,
          quality,
        };
      });
    });

const spanIn = fc
  .tuple(fc.integer({ min: -7_200, max: 90_000 }), fc.integer({ min: 1, max: 90_000 }))
  .map(([shift, length]) => ({ from: EPOCH + shift, to: EPOCH + shift + length }));

const watts = (reading: Reading): number =>
  (reading.importMilliwattHours * 3.6) / reading.intervalSeconds;

test("columns of the pyramid are those of a look at every reading, and a gap is never bridged", () => {
  const law = fc.property(
    seriesWith([60, 900]),
    spanIn,
    fc.integer({ min: 1, max: 400 }),
    fc.boolean(),
    (series, span, columnsMax, byAndBy) => {
      const pyramid = new LoadPyramid(byAndBy ? [] : series, "import");
      if (byAndBy) for (const run of series.toReversed()) pyramid.add(run);
      const columns = pyramid.columns(span, columnsMax);
      const { columnSeconds, fromSeconds } = columns;
      const valid = listReadings(series).filter(({ quality }) => quality !== "missing");
      assert(fromSeconds.length <= columnsMax + 1);
      assert((fromSeconds[0] ?? 0) <= span.from);
      assert((fromSeconds.at(-1) ?? 0) + columnSeconds >= span.to);
      for (const [place, from] of fromSeconds.entries()) {
        const to = from + columnSeconds;
        const touched = valid.filter(
          (reading) => reading.startSeconds < to && endOf(reading) > from,
        );
        const seconds = touched.reduce((sum, { intervalSeconds }) => sum + intervalSeconds, 0);
        const energy = touched.reduce((sum, { importMilliwattHours: each }) => sum + each, 0);
        const expected =
          seconds === 0
            ? [NaN, NaN, NaN, 0]
            : [
                Math.min(...touched.map(watts)),
                Math.max(...touched.map(watts)),
                (energy * 3.6) / seconds,
                seconds,
              ];
        const { minWatts, maxWatts, meanWatts, validSeconds } = columns;
        assert.deepEqual(
          [minWatts, maxWatts, meanWatts, validSeconds].map((list) => list[place]),
          expected,
        );
      }
    },
  );
  fc.assert(law, { numRuns: 150 });
});

test("a block is written over its live readings, older readings come later, and the newest five years stay", () => {
  const run = (
    startSeconds: number,
    energies: number[],
    quality = energies.map(() => 0),
  ): ReadingRun => ({
    startSeconds,
    intervalSeconds: 60,
    importMilliwattHours: Uint32Array.from(energies),
    exportMilliwattHours: new Uint32Array(energies.length),
    quality: Uint8Array.from(quality),
  });
  const pyramid = new LoadPyramid([run(EPOCH, [1000, 2000, 3000])], "import");
  const shown = (from: number) => [...pyramid.columns({ from, to: from + 240 }, 4).maxWatts];
  assert.deepEqual(shown(EPOCH), [60, 120, 180, NaN]);
  pyramid.add(run(EPOCH + 60, [500, 0], [0, MISSING]));
  assert.deepEqual(shown(EPOCH), [60, 30, NaN, NaN]);
  pyramid.add(run(EPOCH - 400 * 86_400, [7000]));
  assert.deepEqual(shown(EPOCH - 400 * 86_400), [420, NaN, NaN, NaN]);
  assert.deepEqual(shown(EPOCH), [60, 30, NaN, NaN]);
  const day = pyramid.columns({ from: EPOCH, to: EPOCH + 86_400 }, 1);
  assert.deepEqual([day.minWatts[0], day.maxWatts[0], day.validSeconds[0]], [30, 60, 120]);
  pyramid.add(run(EPOCH + 6 * 366 * 86_400, [8000]));
  assert.deepEqual(shown(EPOCH), [NaN, NaN, NaN, NaN]);
  assert.deepEqual(shown(EPOCH + 6 * 366 * 86_400), [480, NaN, NaN, NaN]);
  pyramid.add(run(EPOCH, [1000]));
  assert.deepEqual(shown(EPOCH), [NaN, NaN, NaN, NaN]);
  assert.deepEqual(
    [...new LoadPyramid([], "export").columns({ from: 0, to: 7200 }, 2).meanWatts],
    [NaN, NaN],
  );
});

// The calendar.

const lengths = (
  unit: CalendarUnit,
  date: string,
  within: "day" | "month" | "year",
  zone: string,
) =>
  calendarSpans(unit, periodAt(within, dayStartOf(date, zone), zone), zone).map(
    ({ from, to }) => (to - from) / 3600,
  );

const hourCases: [name: string, zone: string, date: string, hours: number, odd: number[]][] = [
  ["an ordinary day", "Europe/Luxembourg", "2026-03-28", 24, []],
  ["clocks go forward", "Europe/Luxembourg", "2026-03-29", 23, []],
  ["clocks go back", "Europe/Luxembourg", "2026-10-25", 25, []],
  ["half an hour forward", "Australia/Lord_Howe", "2026-10-04", 24, [0.5]],
  ["half an hour back", "Australia/Lord_Howe", "2026-04-05", 25, [0.5]],
  ["a zone at a quarter", "Asia/Kathmandu", "2026-03-29", 24, []],
  ["45 minutes, forward", "Pacific/Chatham", "2026-09-27", 24, [0.75, 0.25]],
  ["midnight is skipped", "America/Santiago", "2026-09-06", 23, []],
  ["midnight comes twice", "America/Santiago", "2026-04-04", 25, []],
];
for (const [name, place, date, hours, odd] of hourCases) {
  test(`hours of a day: ${name}, ${place}`, () => {
    const found = lengths("hour", date, "day", place);
    assert.equal(found.length, hours);
    assert.deepEqual(
      found.filter((length) => length !== 1),
      odd,
    );
  });
}

test("days of months, months of years, weeks from Monday", () => {
  assert.equal(lengths("day", "2024-02-10", "month", zone).length, 29);
  assert.deepEqual([...new Set(lengths("day", "2026-03-10", "month", zone))], [24, 23]);
  assert.equal(lengths("month", "2026-07-10", "year", zone).length, 12);
  const week = periodAt("week", dayStartOf("2026-11-22", zone), zone);
  assert.deepEqual(week, {
    from: dayStartOf("2026-11-16", zone),
    to: dayStartOf("2026-11-23", zone),
  });
  const cut = calendarSpans("day", { from: week.from + 3600, to: week.from + 90_000 }, zone);
  assert.deepEqual(cut, [
    { from: week.from + 3600, to: week.from + 86_400 },
    { from: week.from + 86_400, to: week.from + 90_000 },
  ]);
});

test("spans of the calendar cut time without gap or overlap, in every zone", () => {
  const law = fc.property(
    fc.constantFrom(
      "Europe/Luxembourg",
      "Australia/Lord_Howe",
      "America/Santiago",
      "Pacific/Chatham",
      "UTC",
    ),
    fc.constantFrom<CalendarUnit>("hour", "day", "week", "month", "year"),
    fc.integer({ min: 1_500_000_000, max: 1_900_000_000 }),
    fc.integer({ min: 1, max: 90 * 86_400 }),
    (place, unit, from, length) => {
      const spans = calendarSpans(unit, { from, to: from + length }, place);
      assert.equal(spans[0]?.from, from);
      assert.equal(spans.at(-1)?.to, from + length);
      for (const [index, span] of spans.entries()) {
        assert(span.from < span.to);
        if (index > 0) assert.equal(span.from, spans[index - 1]?.to);
      }
    },
  );
  fc.assert(law, { numRuns: 200 });
});

const dateOf = (seconds: number): string =>
  new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }).format(1000 * seconds);

const earlierCases: [
  unit: "day" | "week" | "month" | "year",
  date: string,
  earlier: "previous" | "last-week" | "last-year",
  first: string,
  days: number,
][] = [
  ["day", "2026-03-30", "previous", "2026-03-29", 1],
  ["day", "2026-03-30", "last-week", "2026-03-23", 1],
  ["day", "2026-03-30", "last-year", "2025-03-31", 1],
  ["week", "2026-11-18", "previous", "2026-11-09", 7],
  ["month", "2026-03-31", "previous", "2026-02-01", 28],
  ["month", "2025-02-03", "last-year", "2024-02-01", 29],
  ["year", "2025-05-05", "previous", "2024-01-01", 366],
];
for (const [unit, date, earlier, first, days] of earlierCases) {
  test(`the ${unit} of ${date} compared with ${earlier}`, () => {
    const period = periodAt(unit, dayStartOf(date, zone), zone);
    const before = earlierPeriod(unit, period, earlier, zone);
    assert.equal(dateOf(before.from), first);
    assert.equal(calendarSpans("day", before, zone).length, days);
  });
}

test("hours meet by the clock on the wall, days by their number, and what has no partner has none", () => {
  const hours = (date: string) =>
    calendarSpans("hour", periodAt("day", dayStartOf(date, zone), zone), zone);
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
  const [plain, short, long] = [hours("2026-03-22"), hours("2026-03-29"), hours("2026-10-25")];
  assert.deepEqual(alignSpans("hour", plain, plain, zone), numbers(24));
  // 02:00 is missing on the short day.
  assert.deepEqual(alignSpans("hour", plain, short, zone), [
    0,
    1,
    undefined,
    ...numbers(23).slice(2),
  ]);
  assert.deepEqual(alignSpans("hour", short, plain, zone), [0, 1, ...numbers(24).slice(3)]);
  // 02:00 comes twice on the long one.
  assert.deepEqual(alignSpans("hour", long, plain, zone), [
    0,
    1,
    2,
    undefined,
    ...numbers(24).slice(3),
  ]);
  assert.deepEqual(alignSpans("hour", plain, long, zone), [0, 1, 2, ...numbers(25).slice(4)]);
  const days = (date: string) =>
    calendarSpans("day", periodAt("month", dayStartOf(date, zone), zone), zone);
  const aligned = alignSpans("day", days("2026-03-01"), days("2026-02-01"), zone);
  assert.deepEqual(aligned.slice(26), [26, 27, undefined, undefined, undefined]);
});

// Figures.

test("figures of spans are those of a look at every reading, and parts add up", () => {
  const law = fc.property(seriesWith([60, 900]), spanIn, (series, span) => {
    const inside = listReadings(series).filter(
      ({ startSeconds }) => startSeconds >= span.from && startSeconds < span.to,
    );
    const valid = inside.filter(({ quality }) => quality !== "missing");
    const figures = loadFigures(series, span);
    const sum = (list: readonly Reading[], of: (reading: Reading) => number) =>
      list.reduce((total, reading) => total + of(reading), 0);
    assert.equal(
      figures.importMilliwattHours,
      sum(inside, (reading) => reading.importMilliwattHours),
    );
    assert.equal(
      figures.exportMilliwattHours,
      sum(inside, (reading) => reading.exportMilliwattHours),
    );
    const estimated = sum(
      inside.filter(({ quality }) => quality === "estimated"),
      (reading) => reading.intervalSeconds,
    );
    const seconds = sum(valid, (reading) => reading.intervalSeconds);
    const { measuredSeconds, estimatedSeconds, missingSeconds } = figures.coverage;
    assert.deepEqual([measuredSeconds, estimatedSeconds], [seconds - estimated, estimated]);
    assert.equal(missingSeconds, Math.max(0, span.to - span.from - seconds));
    const greatest = valid.reduce<Reading | undefined>(
      (best, reading) => (best === undefined || watts(reading) > watts(best) ? reading : best),
      undefined,
    );
    assert.deepEqual(
      figures.importPeak,
      greatest && {
        watts: watts(greatest),
        startSeconds: greatest.startSeconds,
        intervalSeconds: greatest.intervalSeconds,
      },
    );
    const parts = calendarSpans("hour", span, zone).map((hour) => loadFigures(series, hour));
    assert.equal(
      parts.reduce((total, part) => total + part.importMilliwattHours, 0),
      figures.importMilliwattHours,
    );
  });
  fc.assert(law, { numRuns: 150 });
});

/** A local day of minutes at 120 W, with 3 kW for an hour at noon; `change` says otherwise of a minute. */
function dayOf(
  date: string,
  change: (minute: number) => { energy?: number; exported?: number; quality?: number } = () => ({}),
): ReadingRun {
  const { from, to } = periodAt("day", dayStartOf(date, zone), zone);
  const minutes = Array.from({ length: (to - from) / 60 }, (_, minute) => ({
    energy: minute >= 720 && minute < 780 ? 50_000 : 2_000,
    exported: 0,
    quality: 0,
    ...change(minute),
  }));
  return {
    startSeconds: from,
    intervalSeconds: 60,
    importMilliwattHours: Uint32Array.from(minutes, ({ energy }) => energy),
    exportMilliwattHours: Uint32Array.from(minutes, ({ exported }) => exported),
    quality: Uint8Array.from(minutes, ({ quality }) => quality),
  };
}

test("base load: of complete days alone, their median, and by night where the sun hides it", () => {
  const span = { from: dayStartOf("2026-03-28", zone), to: dayStartOf("2026-03-31", zone) };
  const of = (series: ReadingSeries) => baseLoad(series, span, zone);
  const whole = [dayOf("2026-03-28"), dayOf("2026-03-29"), dayOf("2026-03-30")];
  assert.deepEqual(of(whole), { watts: 120, days: 3 });
  const idle = dayOf("2026-03-29", () => ({ energy: 500 }));
  assert.deepEqual(of([dayOf("2026-03-28"), idle, dayOf("2026-03-30")]), { watts: 120, days: 3 });
  assert.deepEqual(of([dayOf("2026-03-28"), idle]), { watts: 75, days: 2 });
  // A power cut is no base load.
  const cut = dayOf("2026-03-29", (minute) => (minute < 90 ? { energy: 0, quality: MISSING } : {}));
  assert.deepEqual(of([cut]), undefined);
  assert.deepEqual(of([dayOf("2026-03-28"), cut]), { watts: 120, days: 1 });
  const sunny = dayOf("2026-03-28", (minute) =>
    minute > 480 && minute < 1000 ? { energy: 0, exported: 900 } : {},
  );
  assert.deepEqual(of([sunny]), { watts: 120, days: 1 });
  const half = { from: span.from + 3600, to: span.to };
  assert.deepEqual(baseLoad([dayOf("2026-03-28")], half, zone), undefined);
  // Two minutes without anything are not a quarter of an hour.
  const blink = dayOf("2026-03-30", (minute) => (minute < 2 ? { energy: 0 } : {}));
  assert.deepEqual(of([blink]), { watts: 120, days: 1 });
});

test("key figures: load factor, bands, and what they rest on", () => {
  const series = [dayOf("2026-03-28")];
  const span = periodAt("day", dayStartOf("2026-03-28", zone), zone);
  const figures = keyFigures(series, span, { zone, calendar: tariffDocument.calendar });
  assert.equal(figures.importMilliwattHours, 2_000 * 1380 + 50_000 * 60);
  assert.deepEqual(figures.importPeak, {
    watts: 3000,
    startSeconds: span.from + 12 * 3600,
    intervalSeconds: 60,
  });
  assert.equal(figures.meanWatts, 240);
  assert.equal(figures.loadFactor, 0.08);
  assert.equal(figures.baseLoadShare, 0.5);
  assert.deepEqual(
    figures.bands.map(({ band, importMilliwattHours }) => [band, importMilliwattHours]),
    [
      ["day", 50_000 * 60 + 2_000 * 900],
      ["night", 2_000 * 480],
    ],
  );
  assert.deepEqual(figures.coverage, {
    measuredSeconds: 86_400,
    estimatedSeconds: 0,
    missingSeconds: 0,
  });
  const nothing = keyFigures([], span, { zone });
  assert.deepEqual(
    [
      nothing.meanWatts,
      nothing.loadFactor,
      nothing.importPeak,
      nothing.baseLoad,
      nothing.baseLoadShare,
      nothing.bands,
    ],
    [undefined, undefined, undefined, undefined, undefined, []],
  );
  assert.equal(nothing.coverage.missingSeconds, 86_400);
  const lost = loadFigures([dayOf("2026-03-28", () => ({ energy: 0, quality: MISSING }))], span);
  assert.deepEqual(
    [lost.importPeak, lost.exportPeak, lost.meanWatts],
    [undefined, undefined, undefined],
  );
  assert.equal(lost.coverage.missingSeconds, 86_400);
});
