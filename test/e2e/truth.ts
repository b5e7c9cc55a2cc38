/**
 * What must come out, computed from decimal texts with BigInt: registers, loads, bills, exports. Shares no code with the project; only
 * the commands' output is compared with it.
 */
import assert from "node:assert/strict";
import { households, iso, shown, type Release, type Statement } from "./deployment-output.ts";

/** Mean kW of each interval of each household, as text, from a local midnight on. No clock change may lie between. */
export interface Truth {
  readonly startSeconds: number;
  readonly seconds: number;
  /** 0 is Monday. */
  readonly firstWeekday: number;
  readonly kilowatts: ReadonlyMap<string, readonly string[]>;
}

/** R in mWh at the start, and after each interval: Σ kW × time, rounded down once, at the end. */
function registersOf(kilowatts: readonly string[], seconds: number): bigint[] {
  let sum = 0n;
  const after = kilowatts.map((text) => {
    const [whole = "", fraction = ""] = text.split(".");
    sum += BigInt(whole + fraction.padEnd(18, "0"));
    return (sum * BigInt(seconds)) / (3600n * 10n ** 12n);
  });
  return [0n, ...after];
}

/** Number `index` of an array that has it. */
const at = (values: readonly bigint[], index: number): bigint => {
  const value = values[index];
  assert(value !== undefined, `nothing at ${index}`);
  return value;
};

function expectedLoads({ startSeconds, seconds, kilowatts }: Truth) {
  const registers = [...kilowatts.values()].map((values) => registersOf(values, seconds));
  const step = 900 / seconds;
  const count = ((registers[0]?.length ?? 1) - 1) / step;
  const sums = Array.from({ length: count }, (_, slot) =>
    registers.reduce(
      (sum, r) => sum + at(r, (slot + 1) * step) / 1000n - at(r, slot * step) / 1000n,
      0n,
    ),
  );
  return Array.from({ length: count / 96 }, (_, day) => ({
    start: iso(startSeconds + 86_400 * day),
    intervalSeconds: 900,
    contributors: registers.length,
    energy_Wh: sums.slice(96 * day, 96 * day + 96).map(Number),
  }));
}

/** Monday to Saturday, 07:00 to 21:00 is high; the rest is low. */
function expectedRegisters(truth: Truth, label: string, days: number): Record<string, string> {
  const { seconds, firstWeekday } = truth;
  const registers = registersOf(truth.kilowatts.get(label) ?? [], seconds);
  const bands = { high: 0n, low: 0n };
  for (let index = 0; index < (days * 86_400) / seconds; index++) {
    const hour = ((index * seconds) / 3600) % 24;
    const weekday = (firstWeekday + Math.floor((index * seconds) / 86_400)) % 7;
    const band = weekday < 6 && hour >= 7 && hour < 21 ? "high" : "low";
    bands[band] += at(registers, index + 1) - at(registers, index);
  }
  return { high: bands.high.toString(), low: bands.low.toString() };
}

/** Without a zone the export's wall clock is UTC. */
const local = (seconds: number): string => iso(seconds).replace("Z", "+00:00");

/** 1 mWh is 10⁻⁶ kWh. */
function kilowattHours(milliwattHours: bigint): string {
  const digits = milliwattHours.toString().padStart(7, "0");
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

function expectedExport({ startSeconds, seconds, kilowatts }: Truth, label: string): string {
  const registers = registersOf(kilowatts.get(label) ?? [], seconds);
  const rows = registers
    .slice(1)
    .map(
      (after, index) =>
        `${local(startSeconds + seconds * index)},${iso(startSeconds + seconds * index)},${seconds},` +
        `${kilowattHours(after - at(registers, index))},0.000000,valid\n`,
    );
  const header = "start_local,start_utc,seconds,import_kWh,export_kWh,quality";
  return `${header}\n${rows.join("")}`;
}

/** Every released interval, every statement of a window of `windowDays`, and the exports of the customers `labels` are the truth. */
export async function assertTrue(
  dir: string,
  truth: Truth,
  windowDays: number,
  labels: readonly string[],
): Promise<void> {
  const { releases, statements, exports } = await shown(dir, labels);
  assertLoads(releases, truth);
  assertStatements(dir, statements, truth, windowDays);
  for (const [index, label] of labels.entries()) {
    assert.equal(exports[index], expectedExport(truth, label), `export of ${label}`);
  }
}

function assertLoads(releases: readonly Release[], truth: Truth): void {
  const released = releases
    .map(({ start, intervalSeconds, contributors, energy_Wh }) => ({
      start,
      intervalSeconds,
      contributors,
      energy_Wh,
    }))
    .toSorted((a, b) => a.start.localeCompare(b.start));
  assert.deepEqual(released, expectedLoads(truth));
}

function assertStatements(
  dir: string,
  statements: readonly Statement[],
  truth: Truth,
  windowDays: number,
): void {
  const byServicePoint = new Map(
    statements.map((statement) => [statement.servicePoint, statement]),
  );
  const labels = [...truth.kilowatts.keys()];
  assert.equal(byServicePoint.size, labels.length);
  for (const label of labels) {
    const statement = byServicePoint.get(households(dir)[label]?.servicePoint ?? "");
    const registers = expectedRegisters(truth, label, windowDays);
    assert(statement !== undefined, `no statement of ${label}`);
    assert.deepEqual(statement.registers_mWh, registers, `statement of ${label}`);
    const total = Object.values(registers).reduce((sum, value) => sum + BigInt(value), 0n);
    assert.equal(statement.energy_mWh, total.toString());
    assert.equal(statement.export_mWh, "0");
    assert.equal(statement.from, iso(truth.startSeconds));
    assert.equal(statement.to, iso(truth.startSeconds + 86_400 * windowDays));
  }
}
