/** The schemas of `/v1/feeders`. Energy is whole Wh of a neighbourhood, as in the load. */
import { z } from "@smarter-metering/runtime";
import { instant } from "./schemas.ts";

/** One feeder of a town, in an hour: far beyond. */
const WATT_HOURS_MAX = 2 ** 40;
/** Of one request; 16 KiB hold as many days of quarters. */
export const IMPORT_DAYS_MAX = 8;
const SLOTS_MAX = 1500;

const isoText = z.string().openapi({ format: "date-time" });
const wattHours = z.array(z.number().int().nullable());
const alarm = z.literal("FEEDER_IMBALANCE").nullable();

export const feederImport = z.strictObject({
  days: z
    .array(
      z.strictObject({
        start: instant,
        energy_Wh: z
          .array(z.number().int().min(-WATT_HOURS_MAX).max(WATT_HOURS_MAX).nullable())
          .min(1)
          .max(SLOTS_MAX)
          .openapi({ description: "into the neighbourhood; below 0 out of it; null: no reading" }),
      }),
    )
    .min(1)
    .max(IMPORT_DAYS_MAX),
});
export const feederImported = z.object({ days: z.number(), alarm });

export const feederList = z.object({
  feeders: z.array(
    z.object({
      cohort: z.string(),
      days: z.number(),
      lastDay: isoText,
      lossShare: z.number().nullable().openapi({ description: "of the newest judged day" }),
      alarm,
    }),
  ),
});

export const feederDays = z.object({
  days: z.array(
    z
      .object({
        start: isoText,
        intervalSeconds: z.number(),
        difference_Wh: wattHours.openapi({ description: "null: no balance for this interval" }),
        scaledLoad_Wh: wattHours,
        balancedSlots: z.number(),
        feederTotal_Wh: z.number(),
        scaledLoadTotal_Wh: z.number(),
        lossShare: z.number().nullable(),
        judgement: z.enum(["expected", "above", "below", "not-judged"]),
      })
      .openapi("FeederDay"),
  ),
});
