/** The schemas of `/v1/privacy`. */
import { z } from "@smarter-metering/runtime";

const isoText = z.string().openapi({ format: "date-time" });
const milliwattHours = z
  .string()
  .regex(/^-?\d+$/)
  .nullable();

export const privacyPolicy = z.object({
  policyId: z.string(),
  unsafe: z.boolean(),
  registryEpoch: z.number(),
  description: z.array(z.string()),
  floors: z.array(
    z.object({
      field: z.string(),
      value: z.number(),
      floor: z.number(),
      ceiling: z.number().nullable(),
    }),
  ),
  notice: z
    .object({ policyId: z.string(), inForceFrom: isoText, changes: z.array(z.string()) })
    .nullable(),
  document: z.unknown().openapi({ type: "object" }),
});

/** As `audit residual --json` makes it. */
export const residualDocument = z.object({
  cohort: z.string(),
  direction: z.enum(["import", "export"]),
  windows: z.array(
    z.object({
      from: isoText,
      to: isoText,
      bills: z.number(),
      blocks: z.number().openapi({ description: "days of load" }),
      refusals: z
        .array(z.object({ rule: z.string(), code: z.string(), reason: z.string() }))
        .openapi({ description: "why there is no residual" }),
      billed_mWh: milliwattHours,
      load_mWh: milliwattHours,
      residual_mWh: milliwattHours,
    }),
  ),
});
export const residualReport = residualDocument.extend({ writtenAt: isoText });

export const attackReport = z.object({
  writtenAt: isoText,
  report: z.string().openapi({ description: "Markdown" }),
  record: z.unknown().openapi({ type: "object", description: "the numbers, or null" }),
});
