/** The schemas that validate and document the API. Energy in mWh is decimal text: it may pass 2⁵³. */
import { z } from "@smarter-metering/runtime";
import { CONTRACT_STATES } from "../service-point-query.ts";
import { STATEMENT_KINDS } from "../statement-kind.ts";
import { cursor, printableId } from "./cursor.ts";

const PAGE_ROWS_DEFAULT = 100;
/** The latest instant that zone arithmetic handles (year 9999). */
const SECONDS_MAX = 253_402_300_799;

/** ISO 8601 with seconds, read to epoch seconds. */
export const instant = z.iso
  .datetime({ offset: true })
  .transform((text, context) => {
    const seconds = Date.parse(text) / 1000;
    if (Number.isInteger(seconds) && seconds >= 0 && seconds <= SECONDS_MAX) return seconds;
    context.addIssue({ code: "custom", message: "not a whole second from 1970 to 9999" });
    return z.NEVER;
  })
  .openapi({ type: "string", format: "date-time" });

export const toIso = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

export const servicePointId = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .openapi({ description: "MDMS pseudonym, hex" });
export const cohortId = printableId.min(1);

export const range = { from: instant.default(0), to: instant.default(SECONDS_MAX) };

/** `limit` and `cursor` of a list. */
export const pageOf = (limitMax: number) => ({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(limitMax)
    .default(Math.min(PAGE_ROWS_DEFAULT, limitMax)),
  cursor: cursor.optional(),
});

const isoText = z.string().openapi({ format: "date-time" });
const milliwattHours = z.string().regex(/^\d+$/);
const requestDigest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .openapi({ description: "names the request in the log, hex" });
const next = z.string().optional().openapi({ description: "`cursor` of the next page" });

export const problem = z
  .object({
    type: z.string(),
    status: z.number(),
    code: z.string(),
    title: z.string(),
    detail: z.string().optional(),
  })
  .openapi("Problem");

export const loadRelease = z
  .object({
    cohort: z.string(),
    start: isoText,
    intervalSeconds: z.number(),
    contributors: z.number(),
    members: z.number(),
    energy_Wh: z.array(z.number()),
    contributorsPerSlot: z.array(z.number()),
    policyId: z.string(),
    requestDigest,
  })
  .openapi("LoadRelease");
export const loadPage = z.object({ releases: z.array(loadRelease), next });

export const statement = z
  .object({
    servicePoint: z.string(),
    kind: z.enum(STATEMENT_KINDS).openapi({ description: "of the contract's bills" }),
    from: isoText,
    to: isoText,
    registers_mWh: z.record(z.string(), milliwattHours),
    export_mWh: milliwattHours,
    energy_mWh: milliwattHours,
    cost: z
      .object({
        prices: z.string().openapi({ description: "the series" }),
        counted: z.string().regex(/^\d+$/).nullable().openapi({
          description: "Σ mWh × (price − floor) / price step over the window; null: not released",
        }),
      })
      .optional()
      .openapi({ description: "of a tariff by prices that change by the hour" }),
    amount: z.string(),
    currency: z.string(),
    estimated: z.boolean(),
    extended: z.boolean().openapi({ description: "a border came later than its grid instant" }),
    lines: z.array(
      z.object({
        text: z.string(),
        quantity: z.string(),
        price: z.string(),
        amountE16: z.string().openapi({ description: "exact, in 10⁻¹⁶ of the currency unit" }),
      }),
    ),
    tariff: z.string(),
    tariffVersion: z.number(),
    requestDigest,
    notes: z
      .array(
        z.object({
          number: z.number(),
          reason: z.string(),
          lines: z
            .array(
              z.object({
                text: z.string(),
                quantity: z.string(),
                price: z.string(),
                issuedE16: z.string().openapi({ description: "as it was issued" }),
                dueE16: z.string().openapi({ description: "as it is due" }),
              }),
            )
            .readonly()
            .openapi({ description: "those that changed" }),
          amount: z.string().openapi({ description: "negative in the customer's favour" }),
          corrected: z.string().openapi({ description: "the total with this note" }),
        }),
      )
      .optional()
      .openapi({ description: "credit notes of prices that were published late, in their order" }),
  })
  .openapi("Statement");
export const lastWindow = z.object({
  window: z
    .object({
      to: isoText,
      sums: z.array(
        z.object({
          tariff: z.string(),
          currency: z.string(),
          statements: z.number(),
          amount: z.string().openapi({ description: "sum of the bills as they were issued" }),
        }),
      ),
    })
    .nullable()
    .openapi({ description: "null before the first statement" }),
});
export const statementPage = z.object({ statements: z.array(statement), next });

const contract = {
  servicePoint: z.string(),
  state: z.enum(CONTRACT_STATES),
  zone: z.string(),
  tariff: z.string(),
  contractStart: isoText,
  contractEnd: isoText.nullable(),
};
export const servicePoint = z
  .object({
    ...contract,
    lastStatement: statement
      .pick({ from: true, to: true, amount: true, currency: true })
      .nullable(),
  })
  .openapi("ServicePoint");
export const servicePointPage = z.object({ servicePoints: z.array(servicePoint), next });
export const servicePointDetail = z
  .object({
    ...contract,
    days: z.number(),
    energy_mWh: milliwattHours,
    export_mWh: milliwattHours,
    meanPerDay_mWh: milliwattHours,
    windows: z.array(statement.extend({ days: z.number(), meanPerDay_mWh: milliwattHours })),
  })
  .openapi("ServicePointDetail");

export const cohortList = z.object({
  cohorts: z.array(
    z.object({
      cohort: z.string(),
      version: z.number(),
      zone: z.string(),
      intervalSeconds: z.number(),
      members: z.number(),
      releasedBlocks: z.number(),
      lastBlock: isoText.nullable(),
    }),
  ),
});

/** A signed document, also in words. */
const described = {
  description: z.array(z.string()),
  document: z.unknown().openapi({ type: "object" }),
};
export const priceList = z.object({
  prices: z.array(
    z.object({
      from: isoText,
      to: isoText,
      signed: z.string().openapi({ description: "compact JWS by the registry's root" }),
    }),
  ),
  next,
});

export const policyAnswer = z.object({
  policyId: z.string(),
  unsafe: z.boolean(),
  registryEpoch: z.number(),
  ...described,
});

export const overview = z.object({
  registryEpoch: z.number(),
  policyId: z.string(),
  unsafe: z.boolean(),
  servicePoints: z.number(),
  servicePointsBilled: z.number(),
  cohorts: z.number(),
  statements: z.number(),
  releasesLoad: z.number(),
  releasesBill: z.number(),
  alarms: z.number(),
});

export const alarm = z
  .object({
    digest: z.string().openapi({ description: "names it, with its code; hex" }),
    code: z.string(),
    subject: z.string().openapi({ description: "`load/<cohort>`, `bill`, `feeder/<cohort>`" }),
    firstAt: isoText,
    lastAt: isoText,
    acknowledgedAt: isoText.nullable(),
    acknowledgedBy: z.string().nullable(),
  })
  .openapi("Alarm");
export const alarmList = z.object({ alarms: z.array(alarm) });
/** Which alarm was seen to. */
export const acknowledgement = z.strictObject({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  code: z.string().max(64),
});

export const auditPage = z.object({
  entries: z.array(
    z.object({
      at: isoText,
      login: z.string(),
      action: z.string(),
      subject: z.string(),
      outcome: z.enum(["allowed", "refused"]),
    }),
  ),
  next,
});
