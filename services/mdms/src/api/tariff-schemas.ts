/** The schemas of `/v1/tariffs`. */
import { z } from "@smarter-metering/runtime";
import { instant } from "./schemas.ts";

const isoText = z.string().openapi({ format: "date-time" });
const money = z.string().openapi({ description: "decimal text" });

export const tariffList = z.object({
  tariffs: z.array(
    z.object({
      tariff: z.string(),
      currency: z.string(),
      description: z.array(z.string()),
      prices: z.string().nullable().openapi({ description: "the series, of a dynamic tariff" }),
      servicePoints: z.number().openapi({ description: "under contract now" }),
      versions: z.array(
        z.object({
          version: z.number(),
          validFrom: z.string().openapi({ format: "date" }),
          state: z.enum(["past", "in-force", "to-come"]),
          description: z.array(z.string()),
        }),
      ),
      document: z.unknown().openapi({ type: "object" }),
    }),
  ),
});

/** A compact JWS in a body that holds at most a whole tariff. */
const jws = z
  .string()
  .max(60_000)
  .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);

export const previewRequest = z
  .strictObject({
    document: z.unknown().optional().openapi({ type: "object", description: "unsigned" }),
    jws: jws.optional(),
    /** Whose statements are priced: by default those of the same tariff. */
    of: z.string().max(64).optional(),
    from: instant.optional(),
    to: instant.optional(),
  })
  .refine((body) => (body.document === undefined) !== (body.jws === undefined), {
    message: "either a document or a JWS",
  })
  .refine((body) => (body.from === undefined) === (body.to === undefined), {
    message: "from and to go together",
  });

export const previewAnswer = z.object({
  tariff: z.string().nullable(),
  version: z.number().nullable().openapi({ description: "the newest, which is priced" }),
  currency: z.string().nullable(),
  from: isoText,
  to: isoText,
  faults: z
    .array(z.object({ code: z.string(), path: z.string(), message: z.string() }))
    .openapi({ description: "the registry would refuse it" }),
  notes: z.array(z.string()).openapi({ description: "what to know before it is published" }),
  preview: z
    .object({
      bills: z.number(),
      unpriced: z.number(),
      before: money,
      after: money,
      differences: z
        .object({
          min: money,
          lowerQuartile: money,
          median: money,
          upperQuartile: money,
          max: money,
        })
        .nullable(),
      dearer: z.number(),
      cheaper: z.number(),
      more: z.boolean().openapi({ description: "not all bills of the range were priced" }),
    })
    .nullable()
    .openapi({ description: "null: nothing can be priced, notes or faults say why" }),
});

export const signedDocument = z.strictObject({ jws });
export const published = z.object({ registryEpoch: z.number() });
