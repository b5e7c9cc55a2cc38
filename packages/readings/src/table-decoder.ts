// Rows of a detected table to samples: every row ends as samples or as a finding.
import { decimalMarkOf, isNoValue, parseDecimal } from "./decimal.ts";
import type { Decimal } from "./decimal.ts";
import type { FindingLog } from "./finding.ts";
import { trimmedLength } from "./layout.ts";
import type { ExchangeLayout, Layout, LongLayout, Row, WideLayout } from "./layout.ts";
import type { HouseholdSamples, SampleTable } from "./samples.ts";
import { QUALITIES } from "./series.ts";
import { parseTimestamp } from "./timestamp.ts";
import type { Timestamp } from "./timestamp.ts";

export interface TableDecoderOptions {
  readonly layout: Layout;
  readonly file: string;
  /** Household of a file without a household column. */
  readonly fileLabel: string;
  /** A comma may be a decimal mark: it does not separate columns. */
  readonly commaAllowed: boolean;
  readonly table: SampleTable;
  readonly findings: FindingLog;
}

/** Decodes the rows of one file in their order. */
export class TableDecoder {
  readonly #options: TableDecoderOptions;
  /** Settled by the first value that has one: a file with both cannot be read without guessing. */
  #mark: "." | "," | undefined;

  constructor(options: TableDecoderOptions) {
    this.#options = options;
    this.#mark = options.commaAllowed ? undefined : ".";
  }

  /** One data row; the header is the caller's to skip. */
  decode(row: Row): void {
    const { layout } = this.#options;
    if (row.fault !== undefined) return this.#malformed(row, row.faultColumn ?? 0, row.fault);
    const width = trimmedLength(row.cells);
    // A row of a wide table may end early: trailing cells were empty.
    const tooShort = layout.format === "wide" ? row.cells.length <= layout.timeColumn : width === 0;
    const missing = layout.format !== "wide" && row.cells.length < layout.columnCount;
    if (tooShort || missing || width > layout.columnCount) {
      const detail = `${row.cells.length} columns instead of ${layout.columnCount}`;
      const offending = Math.min(row.cells.length, layout.columnCount);
      return this.#malformed(row, offending, detail);
    }
    const time = parseTimestamp(row.cells[layout.timeColumn]?.trim() ?? "");
    if (time === undefined) return this.#malformed(row, layout.timeColumn, "not a time stamp");
    const household = this.#household(row);
    if (household === undefined) return;
    if (layout.format === "wide") this.#decodeWide(row, layout, time, household);
    else if (layout.format === "long") this.#decodeLong(row, layout, time, household);
    else this.#decodeExchange(row, layout, time, household);
  }

  #decodeLong(row: Row, layout: LongLayout, time: Timestamp, household: HouseholdSamples): void {
    if (time.dateOnly) return this.#malformed(row, layout.timeColumn, "a date without time of day");
    const value = this.#value(row, layout.valueColumn);
    if (value === "malformed") return;
    household.push({ time, value, line: row.line, column: layout.valueColumn + 1 });
  }

  #decodeWide(row: Row, layout: WideLayout, date: Timestamp, household: HouseholdSamples): void {
    const isMidnight = date.kind === "wall" && date.seconds % 86_400 === 0;
    if (!isMidnight) return this.#malformed(row, layout.timeColumn, "not a local date");
    for (let column = layout.timeColumn + 1; column < layout.columnCount; column += 1) {
      const value = this.#value(row, column);
      if (value === "malformed") continue;
      const part = column - layout.timeColumn - 1;
      const seconds = date.seconds + part * layout.partSeconds;
      const time: Timestamp = { kind: "wall", seconds, dateOnly: false };
      household.push({ time, value, line: row.line, column: column + 1 });
    }
    household.declaredIntervalSeconds = layout.partSeconds;
  }

  #decodeExchange(
    row: Row,
    layout: ExchangeLayout,
    time: Timestamp,
    household: HouseholdSamples,
  ): void {
    const [, , seconds = "", importText = "", exportText = "", qualityName = ""] = row.cells;
    const intervalSeconds = wholeNumber(seconds);
    const declared = household.declaredIntervalSeconds ?? intervalSeconds;
    if (intervalSeconds === undefined || intervalSeconds === 0 || declared !== intervalSeconds) {
      return this.#malformed(row, 2, "not the household's interval in seconds");
    }
    const importMilliwattHours = wholeNumber(importText);
    const exportMilliwattHours = wholeNumber(exportText);
    if (importMilliwattHours === undefined || exportMilliwattHours === undefined) {
      const column = importMilliwattHours === undefined ? 3 : 4;
      return this.#malformed(row, column, "not a whole number of milliwatt-hours");
    }
    const quality = QUALITIES.findIndex((name) => name === qualityName);
    if (quality < 0) return this.#malformed(row, 5, `quality is none of ${QUALITIES.join(", ")}`);
    household.declaredIntervalSeconds = intervalSeconds;
    const value = { mantissa: BigInt(importMilliwattHours), scale: 0 };
    const column = layout.timeColumn + 3;
    const exported = BigInt(exportMilliwattHours);
    household.push({ time, value, exported, quality, line: row.line, column });
  }

  #household(row: Row): HouseholdSamples | undefined {
    const { layout, table, file, fileLabel } = this.#options;
    if (layout.householdColumn === undefined) return table.of(fileLabel, file);
    const label = row.cells[layout.householdColumn]?.trim() ?? "";
    if (label !== "") return table.of(label, file);
    this.#malformed(row, layout.householdColumn, "no household");
    return undefined;
  }

  #value(row: Row, column: number): Decimal | undefined | "malformed" {
    const text = row.cells[column]?.trim() ?? "";
    if (isNoValue(text)) return undefined;
    this.#mark ??= decimalMarkOf(text);
    const value = parseDecimal(text, this.#mark ?? ".");
    if (value !== undefined) return value;
    this.#malformed(
      row,
      column,
      `not a number that can be read exactly (mark "${this.#mark ?? "."}")`,
    );
    return "malformed";
  }

  /** `column` counts from 0 here, from 1 in the finding. */
  #malformed(row: Row, column: number, detail: string): void {
    const { findings, file } = this.#options;
    findings.add({ kind: "malformed", file, line: row.line, column: column + 1, detail });
  }
}

/** A non-negative safe integer in plain digits. */
function wholeNumber(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
