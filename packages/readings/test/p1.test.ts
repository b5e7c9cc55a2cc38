// P1 telegrams: real ones of seven meters, every damage of one byte, and registers to intervals.
// The samples are read from ../shared/formats where present; without them, twins of the same form.
import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import type { RegisterInterval, Telegram, TelegramFault } from "../src/index.ts";
import { borderSlackSeconds, locationOf, MeterClock, readSource } from "../src/index.ts";
import { readTelegrams, RegisterIntervals } from "../src/index.ts";
import { parseTelegram } from "../src/p1/telegram.ts";
import { TELEGRAM_BYTES_MAX, TelegramFramer } from "../src/p1/telegram-framer.ts";

const folder = await mkdtemp(join(tmpdir(), "p1-"));
after(() => rm(folder, { recursive: true }));
const shared = fileURLToPath(new URL("../../../../shared/formats/", import.meta.url));

/** Bit by bit, as the standard words it: slow, and unlike the table under test. */
function crcOf(text: string): string {
  let remainder = 0;
  for (const byte of Buffer.from(text, "latin1")) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      const carry = remainder & 1;
      remainder >>= 1;
      if (carry === 1) remainder ^= 0xa001;
    }
  }
  return remainder.toString(16).toUpperCase().padStart(4, "0");
}

const sealed = (lines: readonly string[]): string => {
  const text = `${lines.join("\r\n")}\r\n!`;
  return `${text}${crcOf(text)}\r\n`;
};

/** `stamp` as in 0-0:1.0.0; registers in Wh. */
const telegram = (stamp: string, imported: number, exported = 0, id = "4B38"): string =>
  sealed([
    "/ISk5\\2MT382-1000",
    "",
    "1-3:0.2.8(50)",
    `0-0:1.0.0(${stamp})`,
    `0-0:96.1.1(${id})`,
    `1-0:1.8.1(${kilo(imported - 1000)}*kWh)`,
    `1-0:1.8.2(${kilo(1000)}*kWh)`,
    `1-0:2.8.1(${kilo(exported)}*kWh)`,
    "1-0:1.7.0(00.244*kW)",
  ]);
const kilo = (wattHours: number): string => (wattHours / 1000).toFixed(3).padStart(10, "0");

interface Expected {
  readonly file: string;
  readonly identification: string;
  readonly version: string | undefined;
  readonly isChecked: boolean;
  /** As printed, and as UTC would read it. */
  readonly time: readonly [local: string, isSummer: boolean] | undefined;
  /** mWh and mW, from the printed lines by hand. */
  readonly imported: number;
  readonly exported: number;
  readonly tariffs: readonly [readonly number[], readonly number[]];
  readonly power: readonly [number | undefined, number | undefined];
  readonly devices: readonly (readonly [number, number | undefined])[];
}

const expected: readonly Expected[] = [
  {
    file: "p1_dsmr22.txt",
    identification: "ISk5\\2MT382-1004",
    version: undefined,
    isChecked: false,
    time: undefined,
    imported: 2_002_000,
    exported: 2_002_000,
    tariffs: [
      [1_001_000, 1_001_000],
      [1_001_000, 1_001_000],
    ],
    power: [1_010_000, 0],
    devices: [[1, 3]],
  },
  {
    file: "p1_dsmr42.txt",
    identification: "KFM5KAIFA-METER",
    version: "42",
    isChecked: true,
    time: ["2016-11-13T20:57:57Z", false],
    imported: 3_016_829_000,
    exported: 0,
    tariffs: [
      [1_581_123_000, 1_435_706_000],
      [0, 0],
    ],
    power: [2_027_000, 0],
    devices: [[1, 3]],
  },
  {
    file: "p1_dsmr50.txt",
    identification: "ISk5\\2MT382-1000",
    version: "50",
    isChecked: true,
    time: ["2017-01-02T19:20:02Z", false],
    imported: 6_825_000,
    exported: 2_444_000,
    tariffs: [
      [4_426_000, 2_399_000],
      [2_444_000, 0],
    ],
    power: [244_000, 0],
    devices: [
      [1, 3],
      [2, 3],
    ],
  },
  {
    file: "p1_dsmr50_two_mbus.txt",
    identification: "ISK5\\2M550T-1012",
    version: "50",
    isChecked: true,
    time: ["2020-04-26T22:33:25Z", true],
    imported: 2_375_582_000,
    exported: 0,
    tariffs: [
      [2_130_115_000, 245_467_000],
      [0, 0],
    ],
    power: [111_000, 0],
    devices: [
      [1, 3],
      [2, 3],
    ],
  },
  {
    file: "p1_fluvius171.txt",
    identification: "FLU5\\253769484_A",
    version: "50217",
    isChecked: true,
    time: ["2020-05-12T13:54:09Z", true],
    imported: 15_792_000,
    exported: 11_000,
    tariffs: [
      [34_000, 15_758_000],
      [0, 11_000],
    ],
    power: [0, 0],
    devices: [
      [1, 3],
      [2, 7],
    ],
  },
  {
    file: "p1_iskra_ie.txt",
    identification: "ISk5\u0002MIE5T-200",
    version: undefined,
    isChecked: true,
    time: ["2023-02-02T13:27:47Z", true],
    imported: 20_363_000,
    exported: 20_563_000,
    tariffs: [
      [10_181_000, 10_182_000],
      [10_281_000, 10_282_000],
    ],
    power: [170_000, 270_000],
    devices: [[1, undefined]],
  },
  {
    file: "p1_sagemcom_t210.txt",
    identification: "EST5\\253710000_A",
    version: "50",
    isChecked: true,
    time: ["2022-10-06T15:50:14Z", true],
    imported: 6_545_766_000,
    exported: 58_000,
    tariffs: [
      [5_017_120_000, 1_528_646_000],
      [0, 58_000],
    ],
    power: [286_000, 0],
    devices: [],
  },
];

/** The sample, or a telegram of the same form with the same numbers. */
function sampleOf(row: Expected): Buffer {
  const path = join(shared, row.file);
  if (existsSync(path)) return readFileSync(path);
  const lines = [`/${row.identification}`, ""];
  if (row.version !== undefined) {
    lines.push(row.version.length > 2 ? `0-0:96.1.4(${row.version})` : `1-3:0.2.8(${row.version})`);
  }
  if (row.time !== undefined) {
    const [local, isSummer] = row.time;
    const digits = local.replaceAll(/\D/g, "").slice(2);
    lines.push(`0-0:1.0.0(${digits}${isSummer ? "S" : "W"})`);
  }
  for (const [index, group] of [1, 2].entries()) {
    for (const [tariff, value] of (row.tariffs[index] ?? []).entries()) {
      lines.push(`1-0:${group}.8.${tariff + 1}(${kilo(value / 1000)}*kWh)`);
    }
    lines.push(`1-0:${group}.7.0(${kilo((row.power[index] ?? 0) / 1000)}*kW)`);
  }
  for (const [channel, type] of row.devices) {
    lines.push(type === undefined ? `0-${channel}:96.1.1()` : `0-${channel}:24.1.0(00${type})`);
  }
  const text = row.isChecked ? sealed(lines) : `${lines.join("\r\n")}\r\n!\r\n`;
  return Buffer.from(text, "latin1");
}

function parseAll(bytes: Uint8Array): (Telegram | TelegramFault)[] {
  const framer = new TelegramFramer();
  return [...framer.push(bytes), ...framer.finish()].map((found) =>
    found.kind === "raw" ? parseTelegram(found) : found,
  );
}

for (const row of expected) {
  test(`a real telegram says what is printed in it: ${row.file}`, (context) => {
    if (!existsSync(join(shared, row.file))) {
      context.diagnostic(`${row.file} is not present: a twin is read instead`);
    }
    const [found, ...others] = parseAll(sampleOf(row));
    assert(found?.kind === "telegram" && others.length === 0);
    const { identification, version, isChecked, time } = found;
    const local = time && new Date(1000 * time.wallSeconds).toISOString().replace(".000", "");
    assert.deepEqual(
      { identification, version, isChecked, time: time && [local, time.isSummer] },
      {
        identification: row.identification,
        version: row.version,
        isChecked: row.isChecked,
        time: row.time,
      },
    );
    assert.equal(found.importMilliwattHours, row.imported);
    assert.equal(found.exportMilliwattHours, row.exported);
    assert.deepEqual(
      [found.importTariffsMilliwattHours, found.exportTariffsMilliwattHours],
      row.tariffs,
    );
    assert.deepEqual([found.importMilliwatts, found.exportMilliwatts], row.power);
    assert.deepEqual(
      found.devices.map(({ channel, type }) => [channel, type]),
      row.devices,
    );
  });
}

test("every change of one byte of a telegram with a CRC is refused, and located", () => {
  // Every value of every byte of the shortest; of the others each bit, and what a framer could
  // stumble over.
  const telling = ["/", "!", "\r", "\n", "(", "0", "\0"].map((text) => text.charCodeAt(0));
  const everyValue = Array.from({ length: 256 }, (_, value) => value);
  const bits = [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => 1 << bit);
  let changes = 0;
  for (const row of expected) {
    if (!row.isChecked) continue;
    const sample = sampleOf(row);
    const damaged = Uint8Array.from(sample);
    const values = sample.length < 500 ? everyValue : telling;
    for (const [at, original] of sample.entries()) {
      for (const value of new Set([...values, ...bits.map((bit) => original ^ bit)])) {
        if (value === original) continue;
        damaged[at] = value;
        const found = parseAll(damaged);
        const isRefused = found.length > 0 && found.every(({ kind }) => kind === "fault");
        if (!isRefused) assert.fail(`${row.file}: byte ${at} as ${value} was taken`);
        changes += 1;
      }
      damaged[at] = original;
    }
  }
  assert(changes > 100_000, `${changes} changes`);
});

const unchecked = (lines: readonly string[], end = "\r\n"): string =>
  `${["/ISk5\\2MT382-1004", "", ...lines, "!"].join(end)}${end}`;
const register = "1-0:1.8.1(00001.001*kWh)";

test("1-0:1.8.0 is the register where there is one, and the tariffs' sum where there is none", () => {
  const importOf = (...lines: readonly string[]) => {
    const [found] = parseAll(Buffer.from(unchecked(lines)));
    return found?.kind === "telegram" ? found.importMilliwattHours : undefined;
  };
  assert.equal(importOf("1-0:1.8.0(000007.5*kWh)"), 7_500_000);
  assert.equal(importOf("1-0:1.8.1(2*Wh)", "1-0:1.8.0(7*Wh)", "1-0:1.8.2(3*Wh)"), 7000);
  assert.equal(importOf("1-0:1.8.1(2*Wh)", "1-0:1.8.2(3*Wh)", "1-0:1.8.4(4*Wh)"), 9000);
  assert.equal(importOf("1-0:1.8.0*255(000007.5*kWh)"), 7_500_000);
});

const refused: readonly { name: string; text: string; at: string; says: RegExp }[] = [
  {
    name: "cut off",
    text: telegram("170102192002W", 5000).slice(0, 90),
    at: "1:1",
    says: /without an end/,
  },
  {
    name: "cut off behind !",
    text: telegram("170102192002W", 5000).slice(0, -6),
    at: "10:2",
    says: /neither/,
  },
  {
    name: "cut off in the CRC",
    text: telegram("170102192002W", 5000).slice(0, -4),
    at: "10:2",
    says: /neither/,
  },
  {
    name: "line ends changed",
    text: telegram("170102192002W", 5000).replaceAll("\r\n", "\n"),
    at: "10:2",
    says: /CR LF/,
  },
  {
    name: "no CRC where the version has one",
    text: unchecked(["1-3:0.2.8(42)", register]),
    at: "5:2",
    says: /no CRC16/,
  },
  {
    name: "no CRC, a line that is no OBIS",
    text: unchecked([register, "1-0:1.8.2)00001.001*kWh("]),
    at: "4:1",
    says: /vouches/,
  },
  { name: "no register", text: unchecked(["1-0:1.7.0(0001.01*kW)"]), at: "1:1", says: /register/ },
  { name: "gas", text: unchecked(["1-0:1.8.1(00001.001*m3)"]), at: "3:11", says: /unit/ },
  { name: "energy as power", text: unchecked(["1-0:1.8.1(001*kW)"]), at: "3:11", says: /unit/ },
  { name: "a comma", text: unchecked(["1-0:1.8.1(00001,001*kWh)"]), at: "3:11", says: /unit/ },
  {
    name: "30 February",
    text: unchecked([register, "0-0:1.0.0(160230205757W)"]),
    at: "4:11",
    says: /time/,
  },
  {
    name: "a flag that is none",
    text: unchecked([register, "0-0:1.0.0(160228205757X)"]),
    at: "4:11",
    says: /time/,
  },
  { name: "noise", text: "0-0:96.1.1(00)\r\nmore\r\n", at: "1:1", says: /outside/ },
  {
    name: "no end in sight",
    text: `/ISk5\r\n${"1-0:1.8.1(1*kWh)\r\n".repeat(1000)}`,
    at: "911:1",
    says: /without an end/,
  },
];

for (const { name, text, at, says } of refused) {
  test(`a telegram is refused: ${name}`, () => {
    const found = parseAll(Buffer.from(text, "latin1"));
    const [fault] = found;
    assert(fault?.kind === "fault" && found.length === 1);
    assert.equal(`${fault.line}:${fault.column}`, at);
    assert.match(fault.detail, says);
  });
}

test("a stream is told apart wherever its chunks end, and goes on behind what is damaged", async () => {
  const good = [1, 2, 3].map((hour) => telegram(`1701020${hour}0000W`, 5000 + hour));
  const cut = good[1]?.slice(0, 100) ?? "";
  const bytes = Buffer.from(
    `(00001.001)\r\nrest of one\r\n${good[0]}\r\n${cut}\r\n${good[1]}x${good[2]}`,
  );
  const kindsOf = async (chunks: Iterable<Uint8Array>) => {
    const found: string[] = [];
    async function* stream() {
      yield* chunks;
    }
    for await (const one of readTelegrams(stream())) found.push(`${one.kind} ${one.line}`);
    return found;
  };
  // The last `/` stands behind an x and not at the beginning of a line.
  const second = 14 + cut.split("\n").length;
  const places = ["fault 1", "telegram 3", "fault 14"];
  const expectedKinds = [...places, `telegram ${second}`, `fault ${second + 10}`];
  assert.deepEqual(await kindsOf([bytes]), expectedKinds);
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 5, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(cuts, async (lengths) => {
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const length of lengths) {
        chunks.push(bytes.subarray(at, at + length));
        at += length;
      }
      chunks.push(bytes.subarray(at));
      assert.deepEqual(await kindsOf(chunks), expectedKinds);
    }),
    { numRuns: 50 },
  );
  const endless = new TelegramFramer();
  const faults = Array.from({ length: 50 }, () => endless.push(new Uint8Array(10_000).fill(0x2f)));
  assert.equal(faults.flat().length, 1, `one fault for ${TELEGRAM_BYTES_MAX} bytes and more`);
});

test("law: whatever the bytes, a good telegram behind them is found, and nothing is thrown", () => {
  const good = Buffer.from(telegram("170102192002W", 5000));
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .constantFrom("/", "!", "\r\n", "/ISk5\r\n", "!6796\r\n", "1-0:1.8.1(", ")")
      .map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const found = parseAll(Buffer.concat([...pieces, Buffer.from("\n"), good]));
      const telegrams = found.filter(({ kind }) => kind === "telegram");
      assert.equal(telegrams.length, 1);
    }),
    { numRuns: 500 },
  );
});

test("the flag tells the two hours apart that a clock shows twice", () => {
  const clock = new MeterClock("Europe/Amsterdam");
  const at = (local: string, isSummer: boolean | undefined) =>
    clock.instantOf({ wallSeconds: Date.parse(local) / 1000, isSummer });
  const utc = (text: string) => Date.parse(text) / 1000;
  assert.equal(at("2016-10-30T02:30:00Z", true), utc("2016-10-30T00:30:00Z"));
  assert.equal(at("2016-10-30T02:30:00Z", false), utc("2016-10-30T01:30:00Z"));
  assert.equal(at("2016-10-30T02:30:00Z", undefined), utc("2016-10-30T00:30:00Z"));
  assert.equal(at("2016-07-01T12:00:00Z", true), utc("2016-07-01T10:00:00Z"));
  assert.equal(at("2016-07-01T12:00:00Z", false), undefined);
  assert.equal(at("2016-01-01T12:00:00Z", true), undefined);
  assert.equal(at("2016-03-27T02:30:00Z", true), undefined);
  const irish = new MeterClock("Europe/Dublin");
  const summer = { wallSeconds: utc("2023-07-01T12:00:00Z"), isSummer: true };
  assert.equal(irish.instantOf(summer), utc("2023-07-01T11:00:00Z"));
});

const sample = (instantSeconds: number, imported: number, exported = 0, id = "a") => ({
  instantSeconds,
  importMilliwattHours: imported,
  exportMilliwattHours: exported,
  equipmentId: id,
});

test("law: intervals are differences of registers at borders, and add up to the register", () => {
  const step = fc.record({
    seconds: fc.integer({ min: 0, max: 1300 }),
    imported: fc.integer({ min: 0, max: 1_000_000 }),
    exported: fc.integer({ min: 0, max: 1_000_000 }),
  });
  const interval = fc.constantFrom(60, 300, 900);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), interval, (steps, intervalSeconds) => {
      const samples: ReturnType<typeof sample>[] = [];
      let [time, imported, exported] = [1_400_000_000, 0, 0];
      for (const next of steps) {
        [time, imported, exported] = [
          time + next.seconds,
          imported + next.imported,
          exported + next.exported,
        ];
        samples.push(sample(time, imported, exported));
      }
      const reader = new RegisterIntervals(intervalSeconds);
      const found = samples.flatMap((one) => reader.push(one).intervals);
      found.push(...reader.finish());
      assert.deepEqual(found, slowIntervals(samples, intervalSeconds));
    }),
    { numRuns: 300 },
  );
});

test("a border takes the nearest register within the slack, the earlier of two", () => {
  const startsAt = (...seconds: readonly number[]) => {
    const reader = new RegisterIntervals(900);
    const found = seconds.flatMap((at) => reader.push(sample(at, at)).intervals);
    return [...found, ...reader.finish()].map((one) => [
      one.startSeconds,
      one.importMilliwattHours,
    ]);
  };
  assert.deepEqual(startsAt(900, 1797, 1803), [[900, 897]]);
  assert.deepEqual(startsAt(900, 1796, 1803), [[900, 903]]);
  assert.deepEqual(startsAt(900, 1740), [[900, 840]]);
  assert.deepEqual(startsAt(900, 1739), []);
  assert.deepEqual(startsAt(960, 1860), [[900, 900]]);
  assert.deepEqual(startsAt(961, 1861), []);
});

/** For every border the nearest sample, the earlier of two: looked for among all. */
function slowIntervals(
  samples: readonly ReturnType<typeof sample>[],
  intervalSeconds: number,
): RegisterInterval[] {
  // Of one time the first counts.
  const distinct = samples.filter(
    ({ instantSeconds }, index) => instantSeconds !== samples[index - 1]?.instantSeconds,
  );
  const slack = borderSlackSeconds(intervalSeconds);
  const nearest = (border: number) =>
    distinct
      .map((one) => ({ one, distance: Math.abs(one.instantSeconds - border) }))
      .filter(({ distance }) => distance <= slack)
      .sort((a, b) => a.distance - b.distance)[0]?.one;
  const [first, last] = [distinct[0]?.instantSeconds ?? 0, distinct.at(-1)?.instantSeconds ?? 0];
  const found: RegisterInterval[] = [];
  const floor = Math.floor((first - slack) / intervalSeconds) * intervalSeconds;
  for (let start = floor; start <= last; start += intervalSeconds) {
    const [from, to] = [nearest(start), nearest(start + intervalSeconds)];
    if (from === undefined || to === undefined) continue;
    found.push({
      startSeconds: start,
      importMilliwattHours: to.importMilliwattHours - from.importMilliwattHours,
      exportMilliwattHours: to.exportMilliwattHours - from.exportMilliwattHours,
    });
  }
  return found;
}

test("registers that cannot follow each other are judged, and what spans them is missing", () => {
  const reader = new RegisterIntervals(900);
  const judged = [
    sample(900, 1000),
    sample(1800, 1500),
    sample(1800, 1500),
    sample(1800, 1600),
    sample(1350, 1200),
    sample(2200, 1400), // Lower: another life of the meter.
    sample(2700, 1700),
    sample(3600, 1900),
    sample(3900, 2900, 0, "b"), // Another meter, though higher.
    sample(4500, 3000, 0, "b"),
    sample(5400, 3100, 7, "b"),
    sample(6300, 3200, 6, "b"),
  ].map((one) => reader.push(one));
  assert.deepEqual(
    judged.map(({ verdict }) => verdict),
    "taken taken duplicate conflict unordered backwards taken taken backwards taken taken backwards".split(
      " ",
    ),
  );
  const starts = judged
    .flatMap(({ intervals }) => intervals)
    .map(({ startSeconds }) => startSeconds);
  assert.deepEqual(starts, [900, 2700, 4500]);
});

test("a file of telegrams becomes a series: registers, gaps, duplicates, the hour that comes twice", async () => {
  const lines: string[] = [];
  // 30 October 2016 in Amsterdam: 25 hours, and the quarter at 02:00 stands there as S and as W.
  const midnight = Date.UTC(2016, 9, 29, 22) / 1000;
  for (let quarter = 0; quarter <= 100; quarter += 1) {
    const instant = midnight + quarter * 900;
    const isSummer = instant < Date.UTC(2016, 9, 30, 1) / 1000;
    const wall = new Date(1000 * (instant + (isSummer ? 7200 : 3600))).toISOString();
    const stamp = `${wall.replaceAll(/\D/g, "").slice(2, 14)}${isSummer ? "S" : "W"}`;
    if (quarter === 50) continue; // Two intervals are missing.
    lines.push(telegram(stamp, 5000 + 100 * quarter, 3 * quarter));
    if (quarter === 60) lines.push(telegram(stamp, 5000 + 100 * quarter, 3 * quarter));
  }
  const damaged = telegram("161030200000W", 1_000_000).replace("00.244", "00.245");
  const text = lines.join("") + damaged;
  const options = { zone: "Europe/Amsterdam", unit: "kW" } as const;
  for (const [name, content] of [
    ["home.txt", text],
    ["home.p1.gz", gzipSync(text)],
  ] as const) {
    await writeFile(join(folder, name), content);
    const { series, report } = await readSource(join(folder, name), options);
    const [one] = series;
    assert.equal(one?.label, "home");
    assert.equal(one.startSeconds, midnight);
    assert.equal(one.quality.length, 100);
    const missing = [...one.quality.keys()].filter((slot) => one.quality[slot] === 1);
    assert.deepEqual(missing, [49, 50]);
    assert(
      one.importMilliwattHours.every(
        (value, slot) => value === (missing.includes(slot) ? 0 : 100_000),
      ),
    );
    assert.equal(report.exportMilliwattHours, 98n * 3000n);
    assert.deepEqual(report.counts, { duplicate: 1, malformed: 1, gap: 2 });
    assert.deepEqual(
      report.findings.map(locationOf).map((at) => at.replace(name, "")),
      [`:${1 + 60 * 10}:1`, `:${1 + 101 * 10 + 9}:2`, `:${1 + 51 * 10}:1`],
    );
    assert.deepEqual(report.dstDays, [{ date: "2016-10-30", hours: 25 }]);
    assert.equal(report.rows, 102);
  }
  await assert.rejects(readSource(join(folder, "home.txt")), { code: "READINGS_ZONE_NEEDED" });
  await assert.rejects(readSource(join(folder, "home.txt"), { ...options, strict: true }), {
    code: "READINGS_MALFORMED",
  });
  await writeFile(join(folder, "old.txt"), unchecked([register]).repeat(3));
  await assert.rejects(readSource(join(folder, "old.txt"), options), {
    code: "READINGS_EMPTY",
    message: /0 usable telegrams.*old\.txt:1:1: .*without a time/,
  });
  await writeFile(join(folder, "late.txt"), telegram("161030100500W", 5000));
  await assert.rejects(readSource(join(folder, "late.txt"), options), { code: "READINGS_EMPTY" });
  // The last border is read five seconds early; beside it lies a CSV, whose unit is not the meter's.
  const street = join(folder, "street");
  await mkdir(street);
  await writeFile(
    join(street, "a.p1"),
    telegram("170102000000W", 5000) + telegram("170102001455W", 5100),
  );
  await writeFile(join(street, "b.csv"), "t,kW\n2017-01-02 00:00,1\n2017-01-02 00:15,1\n");
  const { series } = await readSource(street, options);
  assert.deepEqual(
    series.map(({ label, importMilliwattHours }) => [label, ...importMilliwattHours]),
    [
      ["a", 100_000],
      ["b", 250_000, 250_000],
    ],
  );
});
