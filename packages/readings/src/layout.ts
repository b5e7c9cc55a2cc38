// What the columns of a table are: detected from its first rows, so that any wording of a header,
// or none, is understood, and anything ambiguous is refused rather than guessed.
import { decimalMarkOf, isNoValue, parseDecimal } from "./decimal.ts";
import { ReadingsError } from "./readings-error.ts";
import { parseTimestamp, TIMESTAMP_FORMS } from "./timestamp.ts";
import type { Unit } from "./unit.ts";
import { unitInHeader } from "./unit.ts";

/** One row of a table; `fault` says why the cells could not be read. */
export interface Row {
  /** Counts from 1, in the file as a person sees it. */
  readonly line: number;
  readonly cells: readonly string[];
  readonly fault?: string;
  /** Where, counted from 0. */
  readonly faultColumn?: number;
}

interface LayoutBase {
  readonly headerRows: 0 | 1;
  /** The unit that the header names. */
  readonly unit: Unit | undefined;
  /** Undefined: the household is the file. */
  readonly householdColumn: number | undefined;
  readonly timeColumn: number;
  readonly columnCount: number;
}

/** One value a row. */
export interface LongLayout extends LayoutBase {
  readonly format: "long";
  readonly valueColumn: number;
}

/** One local day a row, from midnight to midnight of the wall clock. */
export interface WideLayout extends LayoutBase {
  readonly format: "wide";
  readonly partSeconds: number;
}

/** What writeSeries writes: see EXCHANGE_HEADER. */
export interface ExchangeLayout extends LayoutBase {
  readonly format: "exchange";
}

export type Layout = LongLayout | WideLayout | ExchangeLayout;

/** This package's own long format: whole milliwatt-hours, UTC starts, qualities. */
export const EXCHANGE_HEADER = [
  "household",
  "start",
  "seconds",
  "import_mWh",
  "export_mWh",
  "quality",
] as const;

/**
 * How many rows `detectLayout` may want to see: a header, and faulty rows before the first good
 * one.
 */
export const LAYOUT_ROWS_MAX = 10;

const HOUSEHOLD_WORD =
  /^(household|house|home|apartment|apt|flat|meter|customer|lclid|id|label|name)/i;
const VALUE_WORD = /(value|power|energy|load|usage|use|consumption|demand|reading|import)/i;
const DAY_SECONDS = 86_400;
const PARTS_OF_A_DAY = [24, 48, 96, 144, 288, 1440];

/** Throws READINGS_FORMAT_UNKNOWN when the rows are no table of readings, or an ambiguous one. */
export function detectLayout(rows: readonly Row[], file: string): Layout {
  const readable = rows.filter((row) => row.fault === undefined);
  const first = readable[0]?.cells.map((cell) => cell.trim()) ?? [];
  if (EXCHANGE_HEADER.every((name, column) => first[column] === name)) return EXCHANGE_LAYOUT;
  const data = readable.find((row) => timeColumnOf(row.cells) >= 0);
  if (data === undefined)
    throw unknown(file, `no time stamp in the first rows (${TIMESTAMP_FORMS})`);
  const header = timeColumnOf(first) >= 0 ? undefined : first;
  const timeColumn = timeColumnOf(data.cells);
  const columnCount = Math.max(trimmedLength(data.cells), header ? trimmedLength(header) : 0);
  const base = { headerRows: header ? 1 : 0, timeColumn, columnCount } as const;
  const partCount = columnCount - timeColumn - 1;
  if (PARTS_OF_A_DAY.includes(partCount)) {
    if (timeColumn > 1) throw unknown(file, "more than one column before the date");
    const householdColumn = timeColumn === 1 ? 0 : undefined;
    const unit = header?.map(unitInHeader).find((unit) => unit !== undefined);
    const partSeconds = DAY_SECONDS / partCount;
    return { ...base, format: "wide", householdColumn, partSeconds, unit };
  }
  if (parseTimestamp(data.cells[timeColumn]?.trim() ?? "")?.dateOnly === true) {
    throw unknown(
      file,
      `a date followed by ${partCount} columns: not ${PARTS_OF_A_DAY.join(", ")}`,
    );
  }
  const chosen = chooseLongColumns(header, data.cells, timeColumn, columnCount, file);
  const unit = header === undefined ? undefined : unitInHeader(header[chosen.valueColumn] ?? "");
  return { ...base, ...chosen, format: "long", unit };
}

const EXCHANGE_LAYOUT: ExchangeLayout = {
  format: "exchange",
  headerRows: 1,
  unit: "mWh",
  householdColumn: 0,
  timeColumn: 1,
  columnCount: EXCHANGE_HEADER.length,
};

/** Cells up to the last one that is not empty: exports often end their lines with a comma. */
export function trimmedLength(cells: readonly string[]): number {
  let length = cells.length;
  while (length > 0 && cells[length - 1]?.trim() === "") length -= 1;
  return length;
}

function timeColumnOf(cells: readonly string[]): number {
  const dated = cells.findIndex(
    (cell) => /\D/.test(cell) && parseTimestamp(cell.trim()) !== undefined,
  );
  if (dated >= 0) return dated;
  return cells.findIndex((cell) => parseTimestamp(cell.trim()) !== undefined);
}

function chooseLongColumns(
  header: readonly string[] | undefined,
  cells: readonly string[],
  timeColumn: number,
  columnCount: number,
  file: string,
): { householdColumn: number | undefined; valueColumn: number } {
  const others = Array.from({ length: columnCount }, (_, column) => column).filter(
    (column) => column !== timeColumn,
  );
  const named = others.find((column) => namesHousehold(header?.[column] ?? ""));
  const before = timeColumn === 1 && columnCount === 3 ? 0 : undefined;
  const householdColumn = named ?? before;
  const numeric = others.filter(
    (column) => column !== householdColumn && isNumberOrNone(cells[column] ?? ""),
  );
  const withUnit = numeric.filter((column) => unitInHeader(header?.[column] ?? "") !== undefined);
  const withWord = numeric.filter((column) => VALUE_WORD.test(header?.[column] ?? ""));
  const valueColumn = [withUnit, withWord, numeric].find((found) => found.length === 1)?.[0];
  if (valueColumn === undefined || withUnit.length > 1) {
    const what = numeric.length === 0 ? "no column holds numbers" : "several columns hold numbers";
    throw unknown(file, `${what}; keep household,time,value or time,value`);
  }
  if (householdColumn === undefined && columnCount > 2 && header === undefined) {
    throw unknown(file, "more than two columns, no header, and no household before the time");
  }
  return { householdColumn, valueColumn };
}

/** `meter`, not `meter_kwh`. */
function namesHousehold(name: string): boolean {
  return HOUSEHOLD_WORD.test(name) && !VALUE_WORD.test(name) && unitInHeader(name) === undefined;
}

function isNumberOrNone(cell: string): boolean {
  const text = cell.trim();
  return isNoValue(text) || parseDecimal(text, decimalMarkOf(text) ?? ".") !== undefined;
}

function unknown(file: string, why: string): ReadingsError {
  return new ReadingsError(
    "READINGS_FORMAT_UNKNOWN",
    `${file}: no table of readings found: ${why}`,
  );
}
