/**
 * New service points from a CSV table, as an operator has them (docs/operating.md): read by the registry's operator, beside the registry.
 * All or nothing: every fault is found, with its line, before anything is sent.
 */
import { parse } from "csv-parse/sync";
import type { Neighbourhood, NewServicePoint } from "@smarter-metering/registry";
import { dayStartOf, TariffError } from "@smarter-metering/tariff";
import { z } from "zod";

/** In any order; a header line names them. */
export const COLUMNS = [
  "label",
  "neighbourhood",
  "amps",
  "phases",
  "class",
  "intervalSeconds",
  "contractStart",
  "tariff",
  "meterId",
  "signingKey",
] as const;

export interface TableFault {
  /** Of the file, from 1. */
  readonly line: number;
  readonly fault: string;
}

const row = z.object({
  label: z.string().min(1).max(128),
  neighbourhood: z.string().min(1),
  amps: z.coerce.number().positive().max(10_000),
  phases: z.coerce.number().int().min(1).max(3),
  class: z.string().min(1),
  intervalSeconds: z.coerce.number().int().positive(),
  contractStart: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "a local date as in 2026-12-01"),
  tariff: z.string().min(1),
  meterId: z.string().regex(/^[0-9a-f]{32}$/, "32 hexadecimal digits"),
  signingKey: z.string().regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits"),
});

interface Table {
  readonly servicePoints: readonly NewServicePoint[];
  readonly faults: readonly TableFault[];
}

interface CsvRecord {
  readonly record: Readonly<Record<string, string>>;
  readonly info: { readonly lines: number };
}

/** `neighbourhoods` are the registry's: a contract starts at a midnight of their zone. */
export function readServicePoints(text: string, neighbourhoods: readonly Neighbourhood[]): Table {
  let records: CsvRecord[];
  try {
    const options = { bom: true, columns: true, info: true, skip_empty_lines: true, trim: true };
    // The parser's types do not follow its options: with columns and info it gives these.
    records = parse(text, {
      ...options,
      record_delimiter: ["\r\n", "\n", "\r"],
    }) as unknown as CsvRecord[];
  } catch (error) {
    const { lines, message } = error as { lines?: number; message?: string };
    return { servicePoints: [], faults: [{ line: lines ?? 1, fault: message ?? "no CSV" }] };
  }
  const [first] = records;
  const missing = COLUMNS.filter((name) => first !== undefined && !(name in first.record));
  if (first === undefined || missing.length > 0) {
    const fault =
      first === undefined ? "no service point in it" : `no column ${missing.join(", ")}`;
    return { servicePoints: [], faults: [{ line: 1, fault }] };
  }
  const zones = new Map(neighbourhoods.map(({ id, zone }) => [id, zone]));
  const servicePoints: NewServicePoint[] = [];
  const faults: TableFault[] = [];
  const seen = new Map<string, number>();
  for (const { record, info } of records) {
    const line = info.lines;
    const made = servicePointOf(record, zones);
    if (typeof made === "string") {
      faults.push({ line, fault: made });
      continue;
    }
    for (const name of [`label ${made.label}`, `meter ${made.meter.meterId}`]) {
      const before = seen.get(name);
      if (before !== undefined)
        faults.push({ line, fault: `${name} is on line ${before} already` });
      else seen.set(name, line);
    }
    servicePoints.push(made);
  }
  return { servicePoints, faults };
}

function servicePointOf(
  record: Readonly<Record<string, string>>,
  zones: ReadonlyMap<string, string>,
): NewServicePoint | string {
  const parsed = row.safeParse(record);
  if (!parsed.success) {
    return parsed.error.issues
      .map(({ path, message }) => `${path.join(".")}: ${message}`)
      .join("; ");
  }
  const {
    amps,
    phases,
    class: consumptionClass,
    contractStart,
    meterId,
    signingKey,
    ...rest
  } = parsed.data;
  const zone = zones.get(rest.neighbourhood);
  if (zone === undefined) return `neighbourhood ${rest.neighbourhood} is not the registry's`;
  try {
    return {
      ...rest,
      fuse: { amps, phases },
      consumptionClass,
      contractStart: dayStartOf(contractStart, zone),
      meter: { meterId, signingKey },
    };
  } catch (error) {
    if (error instanceof TariffError) return `contractStart: ${error.message}`;
    throw error;
  }
}
