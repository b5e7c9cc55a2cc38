/** What every API route declares and hands out alike. */
import { z } from "@smarter-metering/runtime";
import type { MdmsServicePoint } from "../registry-context.ts";
import { kindOf } from "../statement-kind.ts";
import { isExtended, type StatementRecord } from "../statement-query.ts";
import type { statement } from "./schemas.ts";
import { problem, toIso } from "./schemas.ts";

export const problemContent = { "application/problem+json": { schema: problem } };
const refusals = {
  400: { description: "The request is not well formed", content: problemContent },
  401: { description: "No session", content: problemContent },
  403: { description: "The role may not do this", content: problemContent },
};

/** The responses of a route: one that succeeds, and the refusals that every route knows. */
export const answers = <Schema>(description: string, schema: Schema) => ({
  200: { description, content: { "application/json": { schema } } },
  ...refusals,
});
/** Of a list that is CSV as well (`wantsCsv`). */
export const listAnswers = <Schema>(description: string, schema: Schema) => ({
  200: {
    description,
    content: { "application/json": { schema }, "text/csv": { schema: z.string() } },
  },
  ...refusals,
});
/** `format` of the query of such a list. */
export const format = z
  .enum(["json", "csv"])
  .optional()
  .openapi({ description: "csv: the whole list, up to the rows that `x-row-limit` says" });
export const notFound = { 404: { description: "Nothing there", content: problemContent } };
export const refusalsOnly = refusals;

/** `next` of a page: there is one if the page is full. */
export function nextOf<Row>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (row: Row) => string,
): { next?: string } {
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? {} : { next: cursorOf(last) };
}

/** A statement as the API shows it. */
export function statementAnswer(
  record: StatementRecord,
  point: MdmsServicePoint | undefined,
): z.infer<typeof statement> {
  return {
    servicePoint: record.servicePoint,
    kind: kindOf(record, point),
    from: toIso(record.fromSeconds),
    to: toIso(record.toSeconds),
    registers_mWh: Object.fromEntries(
      record.registers.map(({ band, energyMilliwattHours }) => [
        band,
        String(energyMilliwattHours),
      ]),
    ),
    export_mWh: String(record.exportMilliwattHours),
    energy_mWh: String(record.energyMilliwattHours),
    ...(record.cost && {
      cost: { prices: record.cost.prices, counted: record.cost.counted?.toString() ?? null },
    }),
    amount: record.amount,
    currency: record.currency,
    estimated: record.estimated,
    extended: isExtended(record),
    lines: record.lines,
    tariff: record.tariff,
    tariffVersion: record.tariffVersion,
    requestDigest: record.requestDigest,
    ...(record.notes.length > 0 && {
      notes: [...record.notes],
    }),
  };
}
