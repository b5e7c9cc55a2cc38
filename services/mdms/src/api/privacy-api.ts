/**
 * `/v1/privacy`: the policy with its floors, and what the privacy officer's command line has written down: the audit residual and the last
 * attack report. Neither is computed here: both take names of service points that the MDMS must not know.
 */
import { describePolicy, floorsOf, isUnsafe } from "@smarter-metering/policy";
import { ProtocolError, parseJson } from "@smarter-metering/protocol";
import { createRoute, problemResponse, z, type App } from "@smarter-metering/runtime";
import type { Context } from "hono";
import type { Reports } from "../report-folder.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers } from "./answers.ts";
import {
  attackReport,
  privacyPolicy,
  residualDocument,
  residualReport,
} from "./privacy-schemas.ts";
import { noticeOf } from "./registry-api.ts";
import { cohortId, toIso } from "./schemas.ts";

export interface PrivacyApiPorts extends WebPorts {
  readonly reports: Reports | undefined;
}

export function addPrivacyApi(app: App, ports: PrivacyApiPorts): void {
  addPolicy(app, ports);
  addResidual(app, ports);
  addAttackReport(app, ports);
}

function addPolicy(app: App, { context, guard }: PrivacyApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/privacy/policy",
    summary:
      "The release policy in force, in words and beside its hard floors; one that is announced",
    middleware: guard.api({ permission: "neighbourhoods", action: "privacy.policy" }),
    responses: answers("The policy", privacyPolicy),
  });
  app.openapi(route, async (c) => {
    const registry = await context();
    const { epoch, policy } = registry;
    const answer = {
      policyId: policy.id,
      unsafe: isUnsafe(policy),
      registryEpoch: epoch,
      description: describePolicy(policy),
      floors: floorsOf(policy),
      notice: noticeOf(registry),
      document: policy,
    };
    return c.json(answer, 200);
  });
}

function addResidual(app: App, { context, guard, reports }: PrivacyApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/privacy/residual",
    summary: "What bills and load of a neighbourhood do not have in common, as last audited",
    middleware: guard.api({
      permission: "privacy",
      action: "residual.view",
      subject: (c) => c.req.query("cohort"),
    }),
    request: {
      query: z.object({
        cohort: cohortId,
        direction: z.enum(["import", "export"]).default("import"),
      }),
    },
    responses: { ...answers("As `audit residual` has written it", residualReport), ...notWritten },
  });
  app.openapi(route, async (c) => {
    const { cohort, direction } = c.req.valid("query");
    const isKnown = (await context()).cohorts.has(cohort);
    const found = isKnown ? await reports?.(`residual-${direction}-${cohort}.json`) : undefined;
    const document = found && residualDocument.safeParse(readJson(found.text)).data;
    if (found === undefined || document?.cohort !== cohort || document.direction !== direction) {
      const make = `run \`audit residual ${cohort} --direction ${direction} --write <the MDMS's folder of reports>\``;
      return nothingWritten(c, make);
    }
    return c.json({ writtenAt: toIso(found.writtenAt), ...document }, 200);
  });
}

function addAttackReport(app: App, { guard, reports }: PrivacyApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/privacy/attack-report",
    summary: "The last privacy evaluation: published attacks on what each party receives",
    middleware: guard.api({ permission: "privacy", action: "attack-report.view" }),
    responses: { ...answers("As `attack run` has written it", attackReport), ...notWritten },
  });
  app.openapi(route, async (c) => {
    const [report, record] = await Promise.all([
      reports?.("attack-report.md"),
      reports?.("attack-report.json"),
    ]);
    if (report === undefined) {
      const make = "run `attack run --write <the MDMS's folder of reports>/attack-report.md`";
      return nothingWritten(c, make);
    }
    const answer = {
      writtenAt: toIso(report.writtenAt),
      report: report.text,
      record: record === undefined ? null : readJson(record.text),
    };
    return c.json(answer, 200);
  });
}

const notWritten = { 404: { description: "Nobody has written one: the title says how to" } };

function nothingWritten(context: Context, make: string): Response {
  const title = `no such report was written; ${make}`;
  return problemResponse(context, { status: 404, code: "MDMS_NO_REPORT", title });
}

/** Null for what is no JSON: a report that was cut off. */
function readJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
