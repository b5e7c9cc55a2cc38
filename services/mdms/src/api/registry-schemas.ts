/** The schemas of `/v1/registry` and what is below it. */
import { ROLES } from "@smarter-metering/protocol";
import { z } from "@smarter-metering/runtime";
import { PROPOSAL_STATES } from "../peers/registry-desk.ts";
import { cohortId, instant, servicePointId } from "./schemas.ts";

const isoText = z.string().openapi({ format: "date-time" });
const fingerprint = z.string().openapi({ description: "SHA-256 of the public key, hex" });

export const registryAnswer = z.object({
  epoch: z.number(),
  hash: z.string().openapi({ description: "SHA-256 of the signed epoch, hex" }),
  issuedAt: isoText,
  ageSeconds: z.number(),
  parties: z.array(
    z.object({
      role: z.enum(ROLES),
      trustee: z.number().nullable(),
      signingKey: fingerprint,
      encryptionKey: fingerprint.nullable(),
    }),
  ),
  cohorts: z.array(
    z.object({
      cohort: z.string(),
      zone: z.string(),
      intervalSeconds: z.number(),
      versions: z.array(z.object({ version: z.number(), from: isoText, members: z.number() })),
    }),
  ),
  contracts: z.object({
    running: z.number(),
    starting: z.number().openapi({ description: "within 30 days" }),
    ending: z.number().openapi({ description: "within 30 days" }),
  }),
  policyNotice: z
    .object({ policyId: z.string(), inForceFrom: isoText, changes: z.array(z.string()) })
    .nullable(),
});

export const contractList = z.object({
  contracts: z.array(
    z.object({
      servicePoint: servicePointId,
      event: z.enum(["start", "end"]),
      at: isoText,
      zone: z.string(),
      tariff: z.string(),
    }),
  ),
  more: z.boolean(),
});

export const cohortPlan = z
  .object({
    merged: z
      .array(
        z.object({
          neighbourhood: z.string(),
          cohort: z.string(),
          members: z.number(),
          needed: z.number(),
        }),
      )
      .openapi({ description: "neighbourhoods too small to stand alone, and whom they are with" }),
    versions: z
      .array(
        z.object({
          cohort: cohortId,
          version: z.number(),
          from: isoText,
          members: z.number(),
        }),
      )
      .openapi({ description: "that the next epoch would publish" }),
    waiting: z
      .array(
        z.object({
          where: z.string(),
          joiners: z.number(),
          leavers: z.number(),
          needed: z.number(),
        }),
      )
      .openapi({ description: "who came and who went, until enough change together" }),
  })
  .openapi("CohortPlan");

const moveOut = { kind: z.literal("move-out"), servicePoint: servicePointId };
const moveIn = {
  kind: z.literal("move-in"),
  servicePoint: servicePointId.openapi({ description: "whose contract there has ended" }),
  tariff: z.string().min(1).max(64),
  consumptionClass: z.string().min(1).max(64).default("household"),
};
const exchange = { kind: z.literal("meter-exchange"), servicePoint: servicePointId };

export const newProposal = z.discriminatedUnion("kind", [
  z.strictObject({ ...moveOut, contractEnd: instant }),
  z.strictObject({ ...moveIn, contractStart: instant }),
  z.strictObject({ ...exchange, at: instant }),
]);

export const proposalAnswer = z
  .object({
    id: z.string(),
    order: z.discriminatedUnion("kind", [
      z.object({ ...moveOut, contractEnd: isoText }),
      z.object({ ...moveIn, contractStart: isoText }),
      z.object({ ...exchange, at: isoText }),
    ]),
    proposedBy: z.string().openapi({ description: "login" }),
    proposedAt: isoText,
    expiresAt: isoText,
    state: z.enum(PROPOSAL_STATES),
    decidedAt: isoText.nullable(),
    reason: z.string().nullable(),
  })
  .openapi("Proposal");
export const proposalList = z.object({ proposals: z.array(proposalAnswer) });
export const proposalId = z.string().regex(/^[0-9a-f]{32}$/);
