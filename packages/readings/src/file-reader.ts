// One file of a source after the other: told apart by its first bytes, unpacked, decoded.
import { isXml, readEspi } from "./espi/espi-reader.ts";
import { csvRows, detectDelimiter } from "./csv-rows.ts";
import { fileBytes, isGzip, isZip } from "./file-bytes.ts";
import type { FindingLog } from "./finding.ts";
import { detectLayout, LAYOUT_ROWS_MAX } from "./layout.ts";
import type { Layout, Row } from "./layout.ts";
import { LineEnds } from "./line-ends.ts";
import { isP1, readP1 } from "./p1/p1-reader.ts";
import { ReadingsError } from "./readings-error.ts";
import { SampleTable } from "./samples.ts";
import { readHead } from "./source-files.ts";
import type { SourceFile } from "./source-files.ts";
import { REGISTER_INTERVAL_SECONDS } from "./source-options.ts";
import type { ReadSourceOptions, SourceLimits } from "./source-options.ts";
import type { SourceFormat } from "./source-report.ts";
import { TableDecoder } from "./table-decoder.ts";
import type { Unit } from "./unit.ts";
import { xlsxRows } from "./xlsx-rows.ts";

const BINARY_PROBE_BYTES = 4096;
const NOTES_MAX = 100;

/** Reads the files of one source into one table of samples, within the source's limits. */
export class FileReader {
  readonly table: SampleTable;
  readonly formats = new Set<SourceFormat>();
  /** The unit that each file's header names; not of files whose values come with theirs. */
  readonly headerUnits = new Map<string, Unit | undefined>();
  readonly notes: string[] = [];
  rows = 0;
  readonly #limits: SourceLimits;
  readonly #findings: FindingLog;
  readonly #options: ReadSourceOptions;
  readonly #bytesTotal: number;
  #bytesBefore = 0;
  #values = 0;

  constructor(
    files: readonly SourceFile[],
    limits: SourceLimits,
    findings: FindingLog,
    options: ReadSourceOptions,
  ) {
    this.table = new SampleTable(limits.households);
    this.#limits = limits;
    this.#findings = findings;
    this.#options = options;
    this.#bytesTotal = files.reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Throws ReadingsError when the file is not a table of readings or is too large. */
  async read(file: SourceFile): Promise<void> {
    const { name } = file;
    const gzip = isGzip(await readHead(file));
    if (!gzip && /\.gz$/i.test(name)) {
      const message = `${name}: named .gz but not gzip; rename it or compress it`;
      throw new ReadingsError("READINGS_GZIP_BROKEN", message);
    }
    const { head, all } = await peek(this.#chunks(file, gzip));
    if (head.byteLength === 0) throw empty(name);
    const format = await this.#readAs(head, all, name);
    this.formats.add(gzip ? `${format} gzip` : format);
    this.#bytesBefore += file.bytes;
  }

  async #readAs(
    head: Uint8Array,
    all: AsyncIterable<Uint8Array>,
    name: string,
  ): Promise<Exclude<SourceFormat, `${string} gzip`>> {
    if (isZip(head)) {
      const workbook = await collect(all, name, this.#limits.workbookBytes);
      const layout = await this.#decode(xlsxRows(workbook, name, this.#limits), name, false);
      return `xlsx ${layout.format}`;
    }
    refuseBinary(head, name);
    const text = new TextDecoder().decode(head);
    if (isP1(text)) return this.#readP1(all, name);
    if (isXml(text)) return this.#readEspi(all, name);
    const delimiter = detectDelimiter(text);
    const ends = new LineEnds(name, this.#findings);
    const rows = csvRows(ends.watch(all), delimiter);
    const layout = await this.#decode(rows, name, delimiter !== ",");
    const { lastLine } = ends;
    const { lastMalformed } = this.#findings;
    if (lastLine !== undefined && lastMalformed?.file === name) {
      if (lastMalformed.line === lastLine.line) {
        const detail = "the last line has no end and cannot be read: is the file cut off?";
        this.#findings.add({ kind: "cut-off", file: name, ...lastLine, detail });
      }
    }
    return `csv ${layout.format}`;
  }

  async #readP1(chunks: AsyncIterable<Uint8Array>, file: string): Promise<"p1"> {
    const { zone, intervalSeconds = REGISTER_INTERVAL_SECONDS } = this.#options;
    await readP1(chunks, {
      file,
      zone,
      intervalSeconds,
      findings: this.#findings,
      household: this.table.of(labelOf(file), file),
      counted: () => this.#count(file, 1, 1),
    });
    return "p1";
  }

  async #readEspi(chunks: AsyncIterable<Uint8Array>, file: string): Promise<"espi"> {
    const unit = await readEspi(chunks, {
      file,
      fileLabel: labelOf(file),
      findings: this.#findings,
      table: this.table,
      counted: (readings) => this.#count(file, readings, readings),
      note: (text) => {
        if (this.notes.length < NOTES_MAX) this.notes.push(`${file}: ${text}`);
      },
    });
    this.headerUnits.set(file, unit);
    return "espi";
  }

  #chunks(file: SourceFile, gzip: boolean): AsyncGenerator<Uint8Array> {
    return fileBytes(file.path, file.name, gzip, {
      bytesMax: this.#limits.bytes,
      signal: this.#options.signal,
      progress: (bytes) =>
        this.#options.progress?.({
          bytes: this.#bytesBefore + bytes,
          bytesTotal: this.#bytesTotal,
          rows: this.rows,
        }),
    });
  }

  async #decode(
    batches: AsyncIterable<Row[]>,
    file: string,
    commaAllowed: boolean,
  ): Promise<Layout> {
    let begun: { layout: Layout; decoder: TableDecoder } | undefined;
    let first: Row[] = [];
    const begin = () => {
      const started = this.#begin(first, file, commaAllowed);
      this.#decodeRows(first.slice(started.layout.headerRows), file, started);
      return started;
    };
    for await (const batch of batches) {
      this.#stopIfAborted(file);
      if (begun !== undefined) {
        this.#decodeRows(batch, file, begun);
        continue;
      }
      first = [...first, ...batch];
      if (first.length >= LAYOUT_ROWS_MAX) begun = begin();
    }
    begun ??= begin();
    return begun.layout;
  }

  #begin(first: readonly Row[], file: string, commaAllowed: boolean) {
    if (first.length === 0) throw empty(file);
    const layout = detectLayout(first.slice(0, LAYOUT_ROWS_MAX), file);
    this.headerUnits.set(file, layout.unit);
    const fileLabel = labelOf(file);
    const [table, findings] = [this.table, this.#findings];
    return {
      layout,
      decoder: new TableDecoder({ layout, file, fileLabel, commaAllowed, table, findings }),
    };
  }

  #decodeRows(
    rows: readonly Row[],
    file: string,
    { layout, decoder }: { layout: Layout; decoder: TableDecoder },
  ): void {
    const valuesPerRow = layout.format === "wide" ? layout.columnCount - layout.timeColumn - 1 : 1;
    this.#count(file, rows.length, rows.length * valuesPerRow);
    for (const row of rows) decoder.decode(row);
  }

  #count(file: string, rows: number, values: number): void {
    this.rows += rows;
    this.#values += values;
    if (this.rows > this.#limits.rows || this.#values > this.#limits.values) {
      const { rows, values } = this.#limits;
      const message = `${file}: more than ${rows} rows or ${values} values; split it`;
      throw new ReadingsError("READINGS_TOO_LARGE", message);
    }
  }

  #stopIfAborted(file: string): void {
    if (this.#options.signal?.aborted !== true) return;
    throw new ReadingsError("READINGS_ABORTED", `${file}: reading was stopped`);
  }
}

/** What a household is called whose file does not say. */
function labelOf(file: string): string {
  return file.replace(/(\.(csv|txt|tsv|xlsx|xml|p1))?(\.gz)?$/i, "");
}

function empty(file: string): ReadingsError {
  return new ReadingsError("READINGS_EMPTY", `${file}: the file is empty`);
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
  if (!head.subarray(0, BINARY_PROBE_BYTES).includes(0)) return;
  const isUtf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  const isOle2 = head[0] === 0xd0 && head[1] === 0xcf;
  let why = "not text, a workbook or gzip of either";
  if (isUtf16) why = "UTF-16 text; save it as UTF-8";
  if (isOle2) why = "an old .xls or an encrypted workbook; save it as .xlsx without password";
  throw new ReadingsError("READINGS_FORMAT_UNKNOWN", `${file}: ${why}`);
}
