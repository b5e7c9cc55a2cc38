/**
 * Prices of a day-ahead market from a CSV table: two columns, the start of a step and its price for a MWh. Read by the prices' author. All
 * or nothing: every fault is found, with its line and column. Exact: nothing passes through floating point.
 */
import { parse } from "csv-parse/sync";
import {
  decimalMarkOf,
  detectDelimiter,
  parseDecimal,
  parseTimestamp,
} from "@smarter-metering/readings";
import { lowestPriceMicro, roundHalfEven, type CostTerms } from "@smarter-metering/tariff";

/** 10^-6 for a kWh in 1 for a MWh. */
const MICRO_PER_UNIT = 1000n;

export interface CellFault {
  /** Of the file, from 1. */
  readonly line: number;
  readonly column: number;
  readonly fault: string;
}

export interface PriceTable {
  readonly startSeconds: number;
  readonly pricesMicroPerKilowattHour: readonly number[];
  /** Prices that were no multiple of the price step. */
  readonly rounded: number;
  readonly faults: readonly CellFault[];
}

interface CsvRow {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** With `round` a price off its step becomes the nearest one on it, half to even; without it is a fault. */
export function readPriceTable(text: string, terms: CostTerms, round: boolean): PriceTable {
  const none = { startSeconds: 0, pricesMicroPerKilowattHour: [], rounded: 0 };
  const delimiter = detectDelimiter(text);
  let rows: CsvRow[];
  try {
    rows = rowsOf(text, delimiter);
  } catch (error) {
    const { lines = 1, column, message = "no CSV" } = error as CsvFault;
    const at = typeof column === "number" ? column + 1 : 1;
    return { ...none, faults: [{ line: lines, column: at, fault: message }] };
  }
  const [first] = rows;
  // Whatever they are called: a header is what begins with no time.
  const hasHeader = first !== undefined && parseTimestamp(first.record[0] ?? "") === undefined;
  const body = rows.slice(hasHeader ? 1 : 0);
  const reader = new PriceReader(terms, round, delimiter === "," ? "." : undefined);
  for (const row of body) reader.read(row);
  if (body.length === 0) reader.fault(1, 1, "no prices in it");
  return reader;
}

interface CsvFault {
  readonly lines?: number;
  readonly column?: number | string;
  readonly message?: string;
}

const rowsOf = (text: string, delimiter: string): CsvRow[] =>
  // The parser's types do not follow its options: with info it gives these.
  parse(text, {
    bom: true,
    delimiter,
    info: true,
    record_delimiter: ["\r\n", "\n", "\r"],
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  }) as unknown as CsvRow[];

/** Reads rows in their order: each begins where the one before it ends. */
class PriceReader implements PriceTable {
  startSeconds = 0;
  readonly pricesMicroPerKilowattHour: number[] = [];
  rounded = 0;
  readonly faults: CellFault[] = [];
  readonly #terms: CostTerms;
  readonly #round: boolean;
  /** Settled by the first price that has one. */
  #mark: "." | "," | undefined;
  #next: number | undefined;

  constructor(terms: CostTerms, round: boolean, mark: "." | undefined) {
    this.#terms = terms;
    this.#round = round;
    this.#mark = mark;
  }

  read({ record, info: { lines: line } }: CsvRow): void {
    if (record.length !== 2) {
      return this.fault(
        line,
        Math.min(record.length, 2) + 1,
        "two columns are needed: time, price",
      );
    }
    const [time = "", price = ""] = record;
    this.#readTime(time, line);
    this.#readPrice(price, line);
  }

  fault(line: number, column: number, fault: string): void {
    this.faults.push({ line, column, fault });
  }

  #readTime(text: string, line: number): void {
    const { stepSeconds } = this.#terms;
    const time = parseTimestamp(text);
    if (time?.kind !== "instant") {
      return this.fault(line, 1, "not a time with Z or an offset, as in 2026-03-01T00:00+01:00");
    }
    const expected = this.#next ?? time.seconds;
    this.#next = time.seconds + stepSeconds;
    if (this.pricesMicroPerKilowattHour.length === 0) this.startSeconds = time.seconds;
    if (time.seconds % stepSeconds !== 0) this.fault(line, 1, `no step of ${stepSeconds} s`);
    else if (time.seconds !== expected) {
      this.fault(line, 1, `${stepSeconds} s after the row before it are needed`);
    }
  }

  #readPrice(text: string, line: number): void {
    this.#mark ??= decimalMarkOf(text);
    const value = parseDecimal(text, this.#mark ?? ".");
    if (value === undefined) return this.fault(line, 2, "not a price that can be read exactly");
    const { priceStepMicro, floorMicroPerKilowattHour: floor } = this.#terms;
    const lowest = lowestPriceMicro(this.#terms);
    const numerator = value.mantissa * MICRO_PER_UNIT;
    const divisor = 10n ** BigInt(value.scale) * BigInt(priceStepMicro);
    if (numerator % divisor !== 0n) {
      if (!this.#round) {
        const steps = `${priceStepMicro} × 10^-6 a kWh`;
        return this.fault(
          line,
          2,
          `no multiple of the price step, ${steps}; --round takes the nearest`,
        );
      }
      this.rounded += 1;
    }
    const price = Number(roundHalfEven(numerator, divisor)) * priceStepMicro;
    if (price < lowest) {
      const at = lowest > floor ? ", or at it" : "";
      return this.fault(line, 2, `below the floor of ${floor} × 10^-6 a kWh${at}`);
    }
    this.pricesMicroPerKilowattHour.push(price);
  }
}
