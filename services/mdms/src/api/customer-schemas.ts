/** What lists of statements and service points can be narrowed by. */
import { z } from "@smarter-metering/runtime";
import { CONTRACT_STATES } from "../service-point-query.ts";
import { format } from "./answers.ts";
import { printableId } from "./cursor.ts";
import { instant, pageOf, range, servicePointId } from "./schemas.ts";

export const ROWS_MAX = 1000;

const flag = z
  .enum(["true", "false"])
  .transform((text) => text === "true")
  .optional()
  .openapi({ type: "string", enum: ["true", "false"] });
const amount = z
  .string()
  .regex(/^-?\d{1,12}(\.\d{1,4})?$/)
  .optional()
  .openapi({ description: "decimal, included; of the bill as it was issued" });

export const statementQuery = z.object({
  servicePoint: servicePointId.optional(),
  tariff: printableId.min(1).optional(),
  estimated: flag,
  corrected: flag,
  amountMin: amount,
  amountMax: amount,
  order: z.enum(["oldest", "newest"]).default("oldest"),
  ...range,
  ...pageOf(ROWS_MAX),
  format,
});

export const servicePointQuery = z.object({
  prefix: z
    .string()
    .regex(/^[0-9a-f]{1,32}$/)
    .optional()
    .openapi({ description: "of the pseudonym" }),
  tariff: printableId.min(1).optional(),
  state: z.enum(CONTRACT_STATES).optional().openapi({ description: "of the contract, now" }),
  unbilledSince: instant
    .optional()
    .openapi({ description: "the last statement ended by then, or there is none" }),
  ...pageOf(ROWS_MAX),
  format,
});
