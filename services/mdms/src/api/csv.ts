/**
 * CSV of what a list shows (RFC 4180), page after page as it is read, never whole in memory. Cells that a spreadsheet would run as a
 * formula get an apostrophe before them (OWASP, CSV injection); plain numbers stay numbers.
 */
import { utf8 } from "@smarter-metering/protocol";
import type { Context, TypedResponse } from "hono";

/** Rows of one file; then a last line says that there is more. Also in the header `x-row-limit`. */
export const CSV_ROWS_MAX = 100_000;

export type Cell = string | number | bigint | boolean | null | undefined;

export interface CsvTable {
  /** Without ending, such as "statements". */
  readonly name: string;
  readonly columns: readonly string[];
  /** Pages of rows in order; each read when the one before it was taken. */
  readonly pages: AsyncIterable<readonly (readonly Cell[])[]>;
}

/** By `?format=csv`, or by a preference for text/csv. */
export function wantsCsv(context: Context): boolean {
  if (context.req.method !== "GET") return false;
  const format = context.req.query("format");
  if (format !== undefined) return format === "csv";
  return /^\s*text\/csv\b/.test(context.req.header("accept") ?? "");
}

/** The answer of a route whose `wantsCsv`. */
export function csvResponse(
  context: Context,
  { name, columns, pages }: CsvTable,
): Response & TypedResponse<string, 200, "body"> {
  const lines = linesOf(columns, pages);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done === true) controller.close();
      else controller.enqueue(utf8(value));
    },
    async cancel() {
      await lines.return(undefined);
    },
  });
  const headers = {
    "content-type": "text/csv; charset=utf-8; header=present",
    "content-disposition": `attachment; filename="${name}.csv"`,
    "cache-control": "no-store",
    "x-row-limit": String(CSV_ROWS_MAX),
  };
  return context.body(body, 200, headers) as never; // Text, in pieces.
}

async function* linesOf(
  columns: readonly string[],
  pages: CsvTable["pages"],
): AsyncGenerator<string, void> {
  yield lineOf(columns);
  let left = CSV_ROWS_MAX;
  for await (const rows of pages) {
    if (rows.length > 0) yield rows.slice(0, left).map(lineOf).join("");
    left -= rows.length;
    if (left < 0) {
      yield lineOf([`# only the first ${CSV_ROWS_MAX} rows: narrow the filter for the rest`]);
      return;
    }
  }
}

const lineOf = (cells: readonly Cell[]): string => `${cells.map(cellOf).join(",")}\r\n`;

function cellOf(cell: Cell): string {
  const text = String(cell ?? "");
  const isNumber = /^-?\d+(\.\d+)?$/.test(text);
  const safe = !isNumber && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Pages of a list that is read from a place on: `read` gives the rows after a place and where the next ones begin, undefined at the end.
 */
export async function* pagesFrom<Row, Place>(
  read: (after: Place | undefined) => Promise<{
    readonly rows: readonly Row[];
    readonly next: Place | undefined;
  }>,
  cellsOf: (row: Row) => readonly Cell[],
): AsyncGenerator<Cell[][], void> {
  let after: Place | undefined;
  do {
    const { rows, next } = await read(after);
    yield rows.map((row) => [...cellsOf(row)]);
    after = next;
  } while (after !== undefined);
}

/** Of a list that is at hand as a whole. */
export async function* onePage(
  rows: readonly (readonly Cell[])[],
): AsyncGenerator<typeof rows, void> {
  yield await Promise.resolve(rows);
}
