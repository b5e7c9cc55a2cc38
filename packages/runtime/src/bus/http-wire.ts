/** The bus over HTTP: what client and server say. Bodies are base64, sequences decimal text. */
import { z } from "zod";
import type { DeadLetter, Delivery } from "./bus.ts";
import { busLimits } from "./bus.ts";

/** The longest that a fetch waits for a message; both sides' time-outs are above it. */
export const pollMsMax = 20_000;
/** JSON of the largest publish or fetch: base64 and names. */
export const wireBytesMax = 32 * 1024 * 1024;

const text = (chars: number): z.ZodString => z.string().max(chars);
const sequence = z
  .string()
  .regex(/^\d{1,18}$/)
  .transform(BigInt);
const body = z.base64().transform((base64) => new Uint8Array(Buffer.from(base64, "base64")));
const subject = text(busLimits.subjectChars);
const name = text(100).min(1);

export const publishSchema = z.strictObject({
  messages: z
    .array(z.strictObject({ id: text(busLimits.idChars).min(1), subject, body }))
    .max(busLimits.batchMessages),
});
export const fetchSchema = z.strictObject({
  max: z.int().min(1).max(busLimits.batchMessages),
  subject: subject.optional(),
  waitMs: z.int().min(0).max(pollMsMax),
});
export const settleSchema = z.strictObject({
  settlements: z
    .array(
      z.strictObject({
        sequence,
        verdict: z.union([
          z.strictObject({ ack: z.literal(true) }),
          z.strictObject({ retryAfterMs: z.number().min(0).max(1e10), alone: z.boolean() }),
          z.strictObject({ dead: text(busLimits.reasonChars) }),
        ]),
      }),
    )
    .max(busLimits.batchMessages),
});
export const pendingSchema = z.strictObject({
  consumers: z.array(z.strictObject({ stream: name, consumer: name })).max(100),
});
export const letterSchema = z.strictObject({ sequence });
export const rangeSchema = z.strictObject({
  from: sequence,
  limit: z.coerce.number().int().min(1).max(busLimits.readMessages),
});

export const deliverySchema = z.object({
  sequence,
  id: z.string(),
  subject: z.string(),
  body,
  attempt: z.int(),
});
export const deadLetterSchema = deliverySchema.extend({
  stream: z.string(),
  consumer: z.string(),
  reason: z.string(),
});

/** A delivery or dead letter as JSON. */
export function wireOf(delivery: Delivery | DeadLetter): Record<string, unknown> {
  const { sequence, body, ...rest } = delivery;
  return { ...rest, sequence: String(sequence), body: Buffer.from(body).toString("base64") };
}
