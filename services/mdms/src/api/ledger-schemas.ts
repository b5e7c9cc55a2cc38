/** The schemas of `/v1/ledger` and `/v1/completeness`. */
import { z } from "@smarter-metering/runtime";
import { SET_STATES, STREAMS } from "../peers/ledger-door.ts";
import { format } from "./answers.ts";
import { cohortId, range } from "./schemas.ts";

export const LEDGER_PAGE_MAX = 200;

const isoText = z.string().openapi({ format: "date-time" });
const state = z.enum(SET_STATES);
const stream = z.enum(STREAMS);
const next = z.string().optional().openapi({ description: "`cursor` of the next page" });
const trustees = z.array(z.number()).openapi({ description: "by their numbers" });
const code = z.string().openapi({ description: "explained by refusalText of packages/policy" });

export const blockQuery = z.object({
  ...range,
  cohort: cohortId.optional(),
  state: state.optional(),
  code: code.max(64).optional(),
  stream: stream.optional(),
  limit: z.coerce.number().int().min(1).max(LEDGER_PAGE_MAX).default(100),
  cursor: z.string().max(120).optional().openapi({ description: "`next` of the page before" }),
  format,
});

export const ledgerEntry = z
  .object({
    cohort: z.string(),
    cohortVersion: z.number(),
    stream,
    start: isoText,
    end: isoText,
    state,
    codes: z.array(code),
    members: z.number(),
    contributors: z.number(),
    slotCount: z.number().openapi({ description: "intervals of the day" }),
    slotsCovered: z.number().openapi({ description: "of all members, in the ledger" }),
    slotsValued: z.number().openapi({ description: "of those, with a value" }),
    requestDigest: z.string().nullable(),
    sealedAt: isoText.nullable(),
    policyId: z.string().nullable().openapi({ description: "of one that was released" }),
    registryEpoch: z.number().nullable(),
    log: z
      .object({
        entry: z.number().nullable(),
        needed: z.number(),
        cosigned: trustees,
        silent: trustees,
      })
      .nullable()
      .openapi({ description: "while it waits for the log's cosignatures" }),
    trustees: z
      .object({
        threshold: z.number(),
        answered: trustees,
        refused: trustees,
        silent: trustees,
      })
      .nullable()
      .openapi({ description: "while it waits for answers" }),
    answers: z
      .array(z.object({ trustee: z.number(), codes: z.array(code) }))
      .openapi({ description: "no codes: released" }),
  })
  .openapi("LedgerEntry");
export const ledgerPage = z.object({ entries: z.array(ledgerEntry), next });

export const ledgerSummary = z.object({
  blocks: z.array(
    z.object({
      cohort: z.string(),
      stream,
      state,
      code: code.nullable(),
      blocks: z.number(),
    }),
  ),
  bills: z
    .array(
      z.object({
        from: isoText,
        to: isoText,
        state,
        code: code.nullable(),
        costCode: code.nullable().openapi({ description: "why the cost alone is kept back" }),
        windows: z.number(),
      }),
    )
    .openapi({ description: "one with several codes counts under each" }),
  moreBills: z.boolean().openapi({ description: "ask for a shorter range" }),
  contributions: z
    .record(z.string(), z.record(z.string(), z.number()))
    .openapi({ description: "ever, by stream (`refused`: never got in) and outcome" }),
});

export const completeness = z.object({
  days: z.array(
    z.object({
      cohort: z.string(),
      start: isoText,
      members: z.number(),
      contributors: z.number(),
      slotsExpected: z.number(),
      slotsCovered: z.number(),
      slotsValued: z.number(),
      coveredBasisPoints: z.number(),
    }),
  ),
  next,
});
