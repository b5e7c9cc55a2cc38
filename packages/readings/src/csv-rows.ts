// Rows of a CSV stream, with csv-parse doing the quoting. Memory is one chunk of the file.
import { parse } from "csv-parse";
import type { CsvError, Info } from "csv-parse";
import type { Row } from "./layout.ts";

/** A record that is longer has an unclosed quote, or is no table. */
const RECORD_CHARACTERS_MAX = 65_536;

/** Delimiters in the order of trust: a comma may also be a decimal mark. */
const DELIMITERS = [";", "\t", "|", ","] as const;

/** The delimiter of a table, told from its first lines. */
export function detectDelimiter(text: string): string {
  const lines = text.split(/\r?\n/, 3).join("\n");
  return DELIMITERS.find((delimiter) => lines.includes(delimiter)) ?? ",";
}

/**
 * Batches of rows, one for every chunk; a record that cannot be split becomes a row with a fault.
 */
export async function* csvRows(
  chunks: AsyncIterable<Uint8Array>,
  delimiter: string,
): AsyncGenerator<Row[]> {
  let rows: Row[] = [];
  let faultLine = -1;
  const parser = parse({
    bom: true,
    delimiter,
    // Else the first line's end alone would count, and the others would join their lines.
    record_delimiter: ["\r\n", "\n", "\r"],
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: RECORD_CHARACTERS_MAX,
    on_record: (cells: string[], { lines }: Info) => {
      rows.push({ line: lines, cells });
      // Rows leave through `rows`; nothing may pile up in the parser's own stream.
      return null;
    },
    on_skip: (error: CsvError | undefined) => {
      const line = typeof error?.["lines"] === "number" ? error["lines"] : 0;
      // The parser may stumble over one line several times; it is one faulty row.
      if (line === faultLine) return undefined;
      faultLine = line;
      const faultColumn = typeof error?.["column"] === "number" ? error["column"] : 0;
      rows.push({ line, cells: [], fault: error?.code ?? "unreadable record", faultColumn });
      return undefined;
    },
  });
  parser.resume();
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) =>
      parser.write(chunk, (error) => (error ? reject(error) : resolve())),
    );
    yield rows;
    rows = [];
  }
  await new Promise<void>((resolve, reject) => {
    parser.once("error", reject);
    parser.end(resolve);
  });
  yield rows;
}
