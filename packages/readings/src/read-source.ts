// Reads a file or a folder of readings: opens, detects, decodes, builds series, reports.
// Runs where a customer's or a researcher's own files are; never in a party that must not see readings.
import { open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { csvRows, detectDelimiter } from "./csv-rows.ts";
import { fileBytes, isGzip, isZip, unreadable } from "./file-bytes.ts";
import { FindingLog } from "./finding.ts";
import { buildSeries, describeMagnitudes, mostFrequentStep } from "./grid.ts";
import { detectLayout, LAYOUT_ROWS_MAX } from "./layout.ts";
import type { Layout, Row } from "./layout.ts";
import { ReadingsError } from "./readings-error.ts";
import { SampleTable } from "./samples.ts";
import type { HouseholdSamples } from "./samples.ts";
import { MISSING, seriesEndSeconds } from "./series.ts";
import type { Series } from "./series.ts";
import type { SourceFormat, SourceReport } from "./source-report.ts";
import { TableDecoder } from "./table-decoder.ts";
import { UNITS } from "./unit.ts";
import type { Unit } from "./unit.ts";
import { WallClock } from "./wall-clock.ts";
import { xlsxRows } from "./xlsx-rows.ts";

/** What a source may need at most; each has a default that a household's decade of minutes fits in. */
export interface SourceLimits {
  /** Data rows of all files. Default 6,000,000. */
  readonly rows: number;
  /** Values of all files (a wide row has 96). Default 50,000,000. */
  readonly values: number;
  /** Default 10,000. */
  readonly households: number;
  /** Of one file, unpacked. Default 1 GiB. */
  readonly bytes: number;
  /** Of one workbook as it lies on the disk. Default 128 MiB. */
  readonly workbookBytes: number;
  /** Grid of one household, gaps included. Default 6,000,000. */
  readonly intervals: number;
}

const LIMITS: SourceLimits = {
  rows: 6_000_000,
  values: 50_000_000,
  households: 10_000,
  bytes: 2 ** 30,
  workbookBytes: 2 ** 27,
  intervals: 6_000_000,
};

/** 3 × 63 A × 230 V with 25 % overcurrent. */
export const POWER_WATTS_MAX = 3 * 63 * 230 * 1.25;

export interface SourceProgress {
  /** Of the files as they lie on the disk. */
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly rows: number;
}

export interface ReadSourceOptions {
  /** Wins over the header's. Needed when the source names none: READINGS_UNIT_NEEDED. */
  readonly unit?: Unit;
  /** IANA zone of time stamps without offset: READINGS_ZONE_NEEDED. */
  readonly zone?: string;
  /** More than this is absurd and taken as missing. Default POWER_WATTS_MAX. */
  readonly powerWattsMax?: number;
  /** READINGS_MALFORMED at the first faulty row instead of counting it. */
  readonly strict?: boolean;
  /** Located findings kept of each kind. Default 20. */
  readonly findingsPerKindMax?: number;
  readonly limits?: Partial<SourceLimits>;
  readonly progress?: (progress: SourceProgress) => void;
  /** READINGS_ABORTED once it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Reads CSV (long, wide, exchange), XLSX with the same columns, gzip of either, or a folder with one
 * file a household, whose name is the label. Energies are exact: see register.ts.
 * Throws ReadingsError only.
 */
export async function readSource(
  path: string,
  options: ReadSourceOptions = {},
): Promise<{ series: Series[]; report: SourceReport }> {
  const limits = { ...LIMITS, ...options.limits };
  const findings = new FindingLog({
    perKindMax: options.findingsPerKindMax ?? 20,
    strict: options.strict ?? false,
  });
  const files = await listFiles(path, limits.households);
  const reading: Reading = {
    options,
    limits,
    findings,
    table: new SampleTable(limits.households),
    formats: new Set(),
    units: new Map(),
    bytesTotal: files.reduce((sum, file) => sum + file.bytes, 0),
    bytesBefore: 0,
    rows: 0,
  };
  for (const file of files) {
    await readFile(file, reading);
    reading.bytesBefore += file.bytes;
  }
  return assemble(files.length, reading);
}

/** One file of the source. */
interface SourceFile {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
}

/** What is known while the files are read, one after the other. */
interface Reading {
  readonly options: ReadSourceOptions;
  readonly limits: SourceLimits;
  readonly findings: FindingLog;
  readonly table: SampleTable;
  readonly formats: Set<SourceFormat>;
  /** The unit that each file's header names. */
  readonly units: Map<string, Unit | undefined>;
  readonly bytesTotal: number;
  bytesBefore: number;
  rows: number;
}

async function listFiles(path: string, filesMax: number): Promise<SourceFile[]> {
  const name = basename(path);
  try {
    const status = await stat(path);
    if (!status.isDirectory()) return [{ path, name, bytes: status.size }];
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isFile() && /\.(csv|txt|tsv|xlsx)(\.gz)?$/i.test(entry.name))
      .map((entry) => entry.name)
      .sort();
    if (names.length === 0) {
      throw new ReadingsError("READINGS_EMPTY", `${name}: the folder holds no .csv or .xlsx file`);
    }
    if (names.length > filesMax) {
      const what = `${name}: ${names.length} files, more than ${filesMax} households`;
      throw new ReadingsError("READINGS_TOO_LARGE", `${what}; raise limits.households`);
    }
    const files: SourceFile[] = [];
    for (const name of names) {
      const { size } = await stat(join(path, name));
      files.push({ path: join(path, name), name, bytes: size });
    }
    return files;
  } catch (cause) {
    throw cause instanceof ReadingsError ? cause : unreadable(name, cause);
  }
}

async function readFile(file: SourceFile, reading: Reading): Promise<void> {
  const { name } = file;
  const gzip = isGzip(await readHead(file));
  if (!gzip && /\.gz$/i.test(name)) {
    throw new ReadingsError("READINGS_GZIP_BROKEN", `${name}: named .gz but not gzip; rename it`);
  }
  const { limits, options } = reading;
  const chunks = fileBytes(file.path, name, gzip, {
    bytesMax: limits.bytes,
    signal: options.signal,
    progress: (bytes) =>
      options.progress?.({
        bytes: reading.bytesBefore + bytes,
        bytesTotal: reading.bytesTotal,
        rows: reading.rows,
      }),
  });
  const { head, all } = await peek(chunks);
  if (head.byteLength === 0) throw new ReadingsError("READINGS_EMPTY", `${name}: the file is empty`);
  const packed = gzip ? " gzip" : "";
  if (isZip(head)) {
    const workbook = await collect(all, name, limits.workbookBytes);
    const rows = xlsxRows(workbook, name, limits.bytes);
    const layout = await decodeRows(rows, name, { commaAllowed: false }, reading);
    reading.formats.add(`xlsx ${layout.format}${packed}`);
    return;
  }
  refuseBinary(head, name);
  const delimiter = detectDelimiter(new TextDecoder().decode(head));
  const rows = csvRows(all, delimiter);
  const layout = await decodeRows(rows, name, { commaAllowed: delimiter !== "," }, reading);
  reading.formats.add(`csv ${layout.format}${packed}`);
}

async function readHead({ path, name }: SourceFile): Promise<Uint8Array> {
  const head = new Uint8Array(4);
  try {
    const handle = await open(path);
    try {
      await handle.read(head, 0, head.byteLength, 0);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(name, cause);
  }
  return head;
}

/** The first bytes, and all of the chunks including those. */
async function peek(
  chunks: AsyncGenerator<Uint8Array>,
): Promise<{ head: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const first = await chunks.next();
  const head = first.done === true ? new Uint8Array(0) : first.value;
  async function* all() {
    yield head;
    yield* chunks;
  }
  return { head, all: all() };
}

async function collect(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  bytesMax: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const part of chunks) {
    total += part.byteLength;
    if (total > bytesMax) {
      const message = `${file}: a workbook of more than ${bytesMax} bytes; save it as CSV`;
      throw new ReadingsError("READINGS_TOO_LARGE", message);
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function refuseBinary(head: Uint8Array, file: string): void {
  if (!head.subarray(0, 4096).includes(0)) return;
  const isUtf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  const isOle2 = head[0] === 0xd0 && head[1] === 0xcf;
  let why = "not text, a workbook or gzip of either";
  if (isUtf16) why = "UTF-16 text; save it as UTF-8";
  if (isOle2) why = "an old .xls or an encrypted workbook; save it as .xlsx without password";
  throw new ReadingsError("READINGS_FORMAT_UNKNOWN", `${file}: ${why}`);
}

async function decodeRows(
  batches: AsyncIterable<Row[]>,
  file: string,
  text: { commaAllowed: boolean },
  reading: Reading,
): Promise<Layout> {
  let first: Row[] = [];
  let decoder: TableDecoder | undefined;
  let layout: Layout | undefined;
  const begin = () => {
    if (first.length === 0) throw new ReadingsError("READINGS_EMPTY", `${file}: holds no rows`);
    layout = detectLayout(first.slice(0, LAYOUT_ROWS_MAX), file);
    reading.units.set(file, layout.unit);
    const { table, findings } = reading;
    const fileLabel = file.replace(/(\.(csv|txt|tsv|xlsx))?(\.gz)?$/i, "");
    decoder = new TableDecoder({ layout, file, fileLabel, ...text, table, findings });
    for (const row of first.slice(layout.headerRows)) countRow(decoder, row, file, reading);
    return layout;
  };
  for await (const batch of batches) {
    if (decoder === undefined) {
      first = [...first, ...batch];
      if (first.length >= LAYOUT_ROWS_MAX) begin();
      continue;
    }
    for (const row of batch) countRow(decoder, row, file, reading);
  }
  return layout ?? begin();
}

function countRow(decoder: TableDecoder, row: Row, file: string, reading: Reading): void {
  reading.rows += 1;
  if (reading.rows > reading.limits.rows) {
    const message = `${file}: more than ${reading.limits.rows} rows; raise limits.rows or split it`;
    throw new ReadingsError("READINGS_TOO_LARGE", message);
  }
  decoder.decode(row);
}
