// A year of minutes (525,600 rows) as CSV, XLSX, P1 telegrams and ESPI: rows a second, CPU and peak
// memory of reading it, each in a process of its own, and whether what was read is what was written.
// Run: node --import tsx benchmarks/readings.ts [--json] [--days 365]
import { spawnSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readSource } from "@smarter-metering/readings";
import { writeXlsx } from "hucre/xlsx";

const PEAK_MEBIBYTES_MAX = 300;
const START_SECONDS = Date.UTC(2026, 0, 1) / 1000;
const MINUTE_SECONDS = 60;
const MINUTES_PER_DAY = 1440;

/** Watt-hours of a minute: anything that does not repeat soon. */
const wattHoursOf = (minute: number): number => 1 + ((minute * 7919) % 61);
const stampOf = (minute: number): string =>
  new Date((START_SECONDS + minute * MINUTE_SECONDS) * 1000).toISOString();

function* csv(minutes: number): Generator<string> {
  yield "time,Wh\n";
  for (let minute = 0; minute < minutes; minute += 1) {
    yield `${stampOf(minute).slice(0, 19)},${wattHoursOf(minute)}\n`;
  }
}

/** Registers at both ends: one telegram more than minutes. */
function* p1(minutes: number): Generator<string> {
  let total = 1000;
  for (let minute = 0; minute <= minutes; minute += 1) {
    const stamp = stampOf(minute).replaceAll(/\D/g, "").slice(2, 14);
    const register = (total / 1000).toFixed(3).padStart(10, "0");
    const text =
      `/ISk5\\2MT382-1000\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(${stamp}W)\r\n0-0:96.1.1(4B38)\r\n` +
      `1-0:1.8.1(${register}*kWh)\r\n1-0:1.8.2(000000.000*kWh)\r\n1-0:2.8.1(000000.000*kWh)\r\n` +
      `1-0:1.7.0(00.244*kW)\r\n1-0:2.7.0(00.000*kW)\r\n!`;
    yield `${text}${crcOf(text)}\r\n`;
    total += wattHoursOf(minute);
  }
}

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    remainder = (remainder >>> 1) ^ ((remainder & 1) === 1 ? 0xa001 : 0);
  }
  return remainder;
});

function crcOf(text: string): string {
  let remainder = 0;
  for (const byte of Buffer.from(text, "latin1")) {
    remainder = (remainder >>> 8) ^ (CRC_TABLE[(remainder ^ byte) & 0xff] ?? 0);
  }
  return remainder.toString(16).toUpperCase().padStart(4, "0");
}

function* espi(minutes: number): Generator<string> {
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">`;
  yield (
    `<entry><content><ReadingType xmlns="http://naesb.org/espi"><accumulationBehaviour>4` +
    `</accumulationBehaviour><flowDirection>1</flowDirection><powerOfTenMultiplier>0` +
    `</powerOfTenMultiplier><uom>72</uom></ReadingType></content></entry>\n`
  );
  for (let minute = 0; minute < minutes; minute += 1) {
    if (minute % MINUTES_PER_DAY === 0) {
      yield `<entry><content><IntervalBlock xmlns="http://naesb.org/espi">\n`;
    }
    yield (
      `<IntervalReading><timePeriod><duration>60</duration><start>` +
      `${START_SECONDS + minute * MINUTE_SECONDS}</start></timePeriod>` +
      `<value>${wattHoursOf(minute)}</value></IntervalReading>\n`
    );
    if (minute % MINUTES_PER_DAY === MINUTES_PER_DAY - 1) {
      yield "</IntervalBlock></content></entry>\n";
    }
  }
  yield "</feed>\n";
}

async function write(path: string, lines: Iterable<string>): Promise<void> {
  await pipeline(Readable.from(lines), createWriteStream(path));
}

async function writeWorkbook(path: string, minutes: number): Promise<void> {
  const rows = Array.from({ length: minutes }, (_, minute): [Date, number] => [
    new Date((START_SECONDS + minute * MINUTE_SECONDS) * 1000),
    wattHoursOf(minute),
  ]);
  await writeFile(path, await writeXlsx({ sheets: [{ name: "year", rows: [...rows] }] }));
}

interface Measured {
  readonly format: string;
  readonly rows: number;
  readonly fileMebibytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rowsPerCpuSecond: number;
  readonly peakMebibytes: number;
}

/** Runs in a process of its own: its peak is that of reading alone. */
async function readOnce(path: string, minutes: number): Promise<Measured> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  const options = { unit: "Wh", zone: "UTC", intervalSeconds: MINUTE_SECONDS } as const;
  const { series, report } = await readSource(path, options);
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(before);
  let expected = 0;
  for (let minute = 0; minute < minutes; minute += 1) expected += wattHoursOf(minute);
  if (report.importMilliwattHours !== BigInt(expected) * 1000n) throw new Error("another sum");
  if (series[0]?.quality.length !== minutes) throw new Error("another number of intervals");
  const cpuSeconds = (user + system) / 1e6;
  return {
    format: report.formats.join(),
    rows: report.rows,
    fileMebibytes: (await stat(path)).size / 2 ** 20,
    seconds,
    cpuSeconds,
    rowsPerCpuSecond: report.rows / cpuSeconds,
    // Kibibytes on Linux.
    peakMebibytes: process.resourceUsage().maxRSS / 1024,
  };
}

function measure(path: string, minutes: number): Measured {
  const words = ["--import", "tsx", fileURLToPath(import.meta.url), "--read", path];
  const { stdout, status } = spawnSync(
    process.execPath,
    [...words, "--days", `${minutes / MINUTES_PER_DAY}`],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (status !== 0) throw new Error(`reading ${path} failed`);
  return JSON.parse(stdout) as Measured;
}

const { values } = parseArgs({
  options: {
    days: { type: "string", default: "365" },
    json: { type: "boolean" },
    read: { type: "string" },
  },
});
const minutes = Number(values.days) * MINUTES_PER_DAY;

if (values.read !== undefined) {
  console.log(JSON.stringify(await readOnce(values.read, minutes)));
} else {
  const folder = await mkdtemp(join(tmpdir(), "readings-benchmark-"));
  try {
    const path = (name: string): string => join(folder, name);
    await write(path("year.csv"), csv(minutes));
    await writeWorkbook(path("year.xlsx"), minutes);
    await write(path("year.p1"), p1(minutes));
    await write(path("year.xml"), espi(minutes));
    const names = ["year.csv", "year.xlsx", "year.p1", "year.xml"];
    const measured = names.map((name) => measure(path(name), minutes));
    if (values.json === true) console.log(JSON.stringify(measured));
    else {
      console.log("format            rows   file MB  wall s   CPU s   rows/CPU-s  peak MB");
      for (const one of measured) {
        const cells = [
          one.rows.toString().padStart(9),
          one.fileMebibytes.toFixed(1).padStart(9),
          one.seconds.toFixed(1).padStart(7),
          one.cpuSeconds.toFixed(1).padStart(7),
          one.rowsPerCpuSecond.toFixed(0).padStart(12),
          one.peakMebibytes.toFixed(0).padStart(8),
        ];
        console.log(`${one.format.padEnd(12)}${cells.join(" ")}`);
      }
    }
    if (measured.some(({ peakMebibytes }) => peakMebibytes > PEAK_MEBIBYTES_MAX)) {
      console.error(`a peak is above ${PEAK_MEBIBYTES_MAX} MB`);
      process.exitCode = 1;
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
