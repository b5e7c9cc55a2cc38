// A Green Button file to samples of its households: which meter readings are electric energy or
// power of a grid connection, in which direction and unit, and on which grid. A feed may name the
// type of its readings behind them, so they are kept, 45 bytes each, until it has ended.
import type { FindingLog } from "../finding.ts";
import { ReadingsError } from "../readings-error.ts";
import { tenTo } from "../register.ts";
import { HouseholdSamples } from "../samples.ts";
import type { SampleTable } from "../samples.ts";
import type { Unit } from "../unit.ts";
import { EspiParser } from "./espi-parser.ts";
import type { EspiReading, EspiReadingType, EspiSink } from "./espi-parser.ts";
import { espiQuality, RAW } from "./quality.ts";
import { readXml } from "./xml-stream.ts";

const UNITS: ReadonlyMap<number, Unit> = new Map([
  [72, "Wh"],
  [38, "W"],
]);
/** From the grid to the customer, and back. */
const FORWARD = 1;
const REVERSE = 19;
/** AccumulationBehaviour of registers: bulk quantity, continuous cumulative, cumulative. */
const REGISTERS: ReadonlySet<number> = new Set([1, 2, 3]);
const MULTIPLIER_MAX = 9;
/** At the finest multiplier still four gigawatt-hours. */
const MANTISSA_MAX = 2n ** 62n;
/** Meter readings of one feed: some hundred usage points. */
const CHANNELS_MAX = 1000;
/** Lengths of intervals in one meter reading. */
const DURATIONS_MAX = 16;
const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3600;

/** Whether a file that begins with `head` is XML. */
export function isXml(head: string): boolean {
  return /^\uFEFF?\s*<[?!a-zA-Z]/.test(head);
}

export interface EspiOptions {
  readonly file: string;
  /** Household of a feed with one usage point. */
  readonly fileLabel: string;
  readonly findings: FindingLog;
  readonly table: SampleTable;
  /** Called after each chunk with the readings that came; throws when there are too many. */
  readonly counted: (readings: number) => void;
  readonly note: (text: string) => void;
}

/** Readings of one meter reading resource, by the length of their interval. */
type Channel = Map<number, HouseholdSamples>;

/** One direction of a usage point. */
interface Flow {
  readonly samples: HouseholdSamples;
  readonly intervalSeconds: number;
  readonly multiplier: number;
  readonly unit: Unit | undefined;
}

/**
 * Fills `table` and gives the unit that the reading types name; undefined when there are none.
 * Throws READINGS_XML_REFUSED, READINGS_FORMAT_UNKNOWN, READINGS_TOO_LARGE.
 */
export async function readEspi(
  chunks: AsyncIterable<Uint8Array>,
  options: EspiOptions,
): Promise<Unit | undefined> {
  const { file, fileLabel, table } = options;
  const collected = new Collected(options);
  const parser = new EspiParser(collected);
  await readXml(chunks, file, parser);
  if (!parser.isEspi) throw unknown(file, "XML, and not ESPI (Green Button)");
  collected.noteRaw();
  const points = flowsOf(collected.channels, parser, options);
  if (points.size === 0) throw unknown(file, "no interval readings of electric energy or power");
  const units = new Set<Unit | undefined>();
  for (const [point, flows] of points) {
    const label = points.size === 1 ? fileLabel : `${fileLabel}/${point}`;
    for (const { unit } of flows.values()) units.add(unit);
    if (new Set([...flows.values()].map(({ intervalSeconds }) => intervalSeconds)).size > 1) {
      throw unknown(file, "import and export have intervals of different lengths");
    }
    merge(flows, table.of(label, file));
  }
  if (units.size > 1) throw unknown(file, "some of its readings are energy and others power");
  return [...units][0];
}

class Collected implements EspiSink {
  /** By the address of the meter reading; "" where the feed does not say. */
  readonly channels = new Map<string, Channel>();
  readonly #options: EspiOptions;
  #count = 0;
  #raw = 0;

  constructor(options: EspiOptions) {
    this.#options = options;
  }

  reading(reading: EspiReading): void {
    const { meterReading = "", startSeconds, durationSeconds, value, qualities } = reading;
    const { line, column } = reading;
    this.#count += 1;
    // A local day has 23 to 25 hours.
    const isDay = Math.abs(durationSeconds - DAY_SECONDS) <= HOUR_SECONDS;
    const samples = this.#samplesOf(meterReading, isDay ? DAY_SECONDS : durationSeconds);
    if (samples === undefined) {
      const detail = `one of more than ${DURATIONS_MAX} lengths of intervals`;
      return this.malformed(line, column, detail);
    }
    if (qualities.includes(RAW)) this.#raw += 1;
    samples.push({
      time: { kind: "instant", seconds: startSeconds, dateOnly: false },
      value: { mantissa: value, scale: 0 },
      quality: espiQuality(qualities),
      line,
      column,
    });
  }

  #samplesOf(meterReading: string, durationSeconds: number): HouseholdSamples | undefined {
    const { file } = this.#options;
    let channel = this.channels.get(meterReading);
    if (channel === undefined) {
      if (this.channels.size >= CHANNELS_MAX) {
        const message = `${file}: more than ${CHANNELS_MAX} meter readings; split the feed`;
        throw new ReadingsError("READINGS_TOO_LARGE", message);
      }
      channel = new Map();
      this.channels.set(meterReading, channel);
    }
    const known = channel.get(durationSeconds);
    if (known !== undefined || channel.size >= DURATIONS_MAX) return known;
    const samples = new HouseholdSamples(meterReading, file);
    channel.set(durationSeconds, samples);
    return samples;
  }

  malformed(line: number, column: number, detail: string): void {
    const { file, findings } = this.#options;
    findings.add({ kind: "malformed", file, line, column, detail });
  }

  paused(): void {
    this.#options.counted(this.#count);
    this.#count = 0;
  }

  noteRaw(): void {
    if (this.#raw === 0) return;
    this.#options.note(`${this.#raw} readings are raw (quality 14), taken as valid`);
  }
}

type Flows = Map<"import" | "export", Flow>;

/** For each usage point its directions; what is not electric energy or power is noted. */
function flowsOf(
  channels: ReadonlyMap<string, Channel>,
  parser: EspiParser,
  options: EspiOptions,
): Map<string, Flows> {
  const points = new Map<string, Flows>();
  for (const [address, channel] of channels) {
    const type = typeOf(address, parser);
    const judged = judge(type);
    if (judged.direction === undefined) {
      options.note(`meter reading ${address || "without address"} is not used: ${judged.why}`);
      continue;
    }
    const [, point = address] = /\/UsagePoint\/([^/]+)/.exec(address) ?? [];
    const flows = points.get(point) ?? new Map();
    points.set(point, flows);
    const flow: Flow = {
      ...mostFrequentLength(channel, options),
      multiplier: type?.powerOfTenMultiplier ?? 0,
      unit: type?.uom === undefined ? undefined : UNITS.get(type.uom),
    };
    const known = flows.get(judged.direction);
    if (known !== undefined) {
      const finer = known.intervalSeconds <= flow.intervalSeconds ? known : flow;
      options.note(
        `usage point ${point} has two meter readings of its ${judged.direction}: ` +
          `the one of ${finer.intervalSeconds} s is used`,
      );
      flows.set(judged.direction, finer);
    } else flows.set(judged.direction, flow);
  }
  return points;
}

/** The reading type that the meter reading's entry points at, or the only one of the feed. */
function typeOf(
  address: string,
  { meterReadings, readingTypes }: EspiParser,
): EspiReadingType | undefined {
  const related = meterReadings.find(({ self }) => self === address)?.related ?? [];
  const linked = readingTypes.find(({ self }) => self !== undefined && related.includes(self));
  const only = readingTypes.length === 1 ? readingTypes[0] : undefined;
  return (linked ?? only)?.content;
}

/** A feed that has no reading type is taken as import, whose unit the caller names. */
function judge(
  type: EspiReadingType | undefined,
): { direction: "import" | "export" } | { direction: undefined; why: string } {
  if (type === undefined) return { direction: "import" };
  const { uom, flowDirection = FORWARD, accumulationBehaviour = 0, powerOfTenMultiplier } = type;
  const refuse = (why: string) => ({ direction: undefined, why });
  if (uom !== undefined && !UNITS.has(uom)) return refuse(`unit ${uom} is neither Wh nor W`);
  if (REGISTERS.has(accumulationBehaviour)) return refuse("registers, not intervals");
  if (Math.abs(powerOfTenMultiplier) > MULTIPLIER_MAX) return refuse("its power of ten");
  if (flowDirection === REVERSE) return { direction: "export" };
  if (flowDirection === FORWARD || flowDirection === 0) return { direction: "import" };
  return refuse(`flow direction ${flowDirection} is neither forward nor reverse`);
}

/** Readings of other lengths do not fit on one grid. */
function mostFrequentLength(
  channel: Channel,
  options: EspiOptions,
): Pick<Flow, "samples" | "intervalSeconds"> {
  const { file, findings } = options;
  const lengths = [...channel].sort(([, a], [, b]) => b.count - a.count);
  const [first, ...others] = lengths;
  if (first === undefined) throw unknown(file, "a meter reading without readings");
  const [intervalSeconds, samples] = first;
  for (const [seconds, { columns, count }] of others) {
    for (let index = 0; index < count; index += 1) {
      const [line, column] = [columns.line[index] ?? 0, columns.column[index] ?? 0];
      const detail = `lasts ${seconds} s among intervals of ${intervalSeconds} s`;
      findings.add({ kind: "off-grid", file, line, column, detail });
    }
  }
  if (intervalSeconds === DAY_SECONDS) putDaysOnGrid(samples, options);
  return { samples, intervalSeconds };
}

/**
 * Local days begin an hour earlier or later from one change of the clocks to the next: each is put
 * on the day of 24 hours, counted from the first, that it is an hour or less away from.
 */
function putDaysOnGrid({ columns, count }: HouseholdSamples, { note }: EspiOptions): void {
  const first = columns.seconds[0] ?? 0;
  let moved = 0;
  for (let index = 0; index < count; index += 1) {
    const seconds = columns.seconds[index] ?? 0;
    const day = first + Math.round((seconds - first) / DAY_SECONDS) * DAY_SECONDS;
    if (day === seconds || Math.abs(day - seconds) > HOUR_SECONDS) continue;
    columns.seconds[index] = day;
    moved += 1;
  }
  if (moved > 0)
    note(`${moved} of ${count} local days begin up to an hour beside days of 24 hours`);
}

/**
 * Import and export of the same time become one sample; where one of the two lacks, none counts. A
 * time that one of them has again is a sample again, for the grid to judge.
 */
function merge(flows: Flows, into: HouseholdSamples): void {
  const imported = flows.get("import");
  const exported = flows.get("export");
  into.declaredIntervalSeconds = imported?.intervalSeconds ?? exported?.intervalSeconds;
  // Entries of a feed may be the newest first.
  into.hasOrder = false;
  const scale = Math.max(0, -(imported?.multiplier ?? 0), -(exported?.multiplier ?? 0));
  const [imports, exports] = [byTime(imported), byTime(exported)];
  const push = (importIndex: number | undefined, exportIndex: number | undefined): void => {
    const ofImport = sampleOf(imported, importIndex, scale);
    const ofExport = sampleOf(exported, exportIndex, scale);
    const isExportLater = (ofExport?.line ?? 0) > (ofImport?.line ?? 0);
    const place = isExportLater ? ofExport : ofImport;
    if (place === undefined) return;
    const lacks =
      (imported !== undefined && ofImport === undefined) ||
      (exported !== undefined && ofExport === undefined);
    into.push({
      time: place.time,
      line: place.line,
      column: place.column,
      value: lacks ? undefined : { mantissa: ofImport?.mantissa ?? 0n, scale },
      exported: ofExport?.mantissa ?? 0n,
      quality: Math.max(ofImport?.quality ?? 0, ofExport?.quality ?? 0),
    });
  };
  for (const [index, seconds] of timesOf(imported)) push(index, exports.get(seconds));
  for (const [index, seconds] of timesOf(exported)) {
    const isPushed = imports.has(seconds) && exports.get(seconds) === index;
    if (!isPushed) push(imports.get(seconds), index);
  }
}

function* timesOf(flow: Flow | undefined): Generator<[index: number, seconds: number]> {
  const { columns, count } = flow?.samples ?? { count: 0 };
  for (let index = 0; index < count; index += 1) yield [index, columns?.seconds[index] ?? 0];
}

/** The number of the first sample of each time. */
function byTime(flow: Flow | undefined): ReadonlyMap<number, number> {
  const first = new Map<number, number>();
  for (const [index, seconds] of timesOf(flow)) {
    if (!first.has(seconds)) first.set(seconds, index);
  }
  return first;
}

/** One sample with its value as a mantissa of `scale`. */
function sampleOf(flow: Flow | undefined, index: number | undefined, scale: number) {
  if (flow === undefined || index === undefined) return undefined;
  const { columns } = flow.samples;
  const mantissa = (columns.mantissa[index] ?? 0n) * tenTo(scale + flow.multiplier);
  const time = { kind: "instant" as const, seconds: columns.seconds[index] ?? 0, dateOnly: false };
  return {
    time,
    mantissa: within(mantissa),
    quality: columns.quality[index] ?? 0,
    line: columns.line[index] ?? 0,
    column: columns.column[index] ?? 0,
  };
}

/** What does not fit into a column is far above any fuse, and stays so. */
function within(mantissa: bigint): bigint {
  if (mantissa > MANTISSA_MAX) return MANTISSA_MAX;
  return mantissa < -MANTISSA_MAX ? -MANTISSA_MAX : mantissa;
}

function unknown(file: string, why: string): ReadingsError {
  return new ReadingsError("READINGS_FORMAT_UNKNOWN", `${file}: ${why}`);
}
