/** The schemas of corrections and credit notes in the API. */
import { z } from "@smarter-metering/runtime";
import { cursor } from "./cursor.ts";

/** Of one request, which is one transaction; each costs a signature. */
const STATEMENTS_MAX = 500;

const isoText = z.string().openapi({ format: "date-time" });

export const correctionStep = z.strictObject({
  correction: z.string().max(60_000).openapi({ description: "JWS by a tariff signer" }),
  limit: z.number().int().min(1).max(STATEMENTS_MAX).default(STATEMENTS_MAX),
  cursor: cursor.optional(),
  preview: z.boolean().default(false).openapi({ description: "compute, and keep nothing" }),
});

export const correctionAnswer = z
  .object({
    tariff: z.string(),
    number: z.number(),
    examined: z.number().openapi({ description: "statements that the correction is about" }),
    notes: z.array(
      z.object({
        servicePoint: z.string(),
        from: isoText,
        amount: z.string().openapi({ description: "negative in the customer's favour" }),
        corrected: z.string(),
        currency: z.string(),
      }),
    ),
    unmatched: z
      .array(z.object({ servicePoint: z.string(), from: isoText }))
      .openapi({ description: "not what the published tariff gives: nothing was made of them" }),
    next: z.string().optional().openapi({ description: "`cursor` of the next request" }),
  })
  .openapi("Correction");

export const noteList = z.object({
  notes: z.array(
    z.object({
      note: z.string().openapi({ description: "JWS by the MDMS" }),
      correction: z.string().openapi({ description: "JWS by a tariff signer" }),
    }),
  ),
});
