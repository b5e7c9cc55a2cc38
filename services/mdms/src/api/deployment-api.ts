/** `/v1/overview`, `/v1/tariffs`, `/v1/policy`, `/v1/audit`: the deployment itself. */
import { describePolicy, isUnsafe } from "@smarter-metering/policy";
import { createRoute, z, type App } from "@smarter-metering/runtime";
import { describeTariff } from "@smarter-metering/tariff";
import { readAudit } from "../access/audit.ts";
import { readCounts } from "../overview-query.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, nextOf } from "./answers.ts";
import { encodeCursor } from "./cursor.ts";
import { auditPage, overview, pageOf, policyAnswer, tariffList, toIso } from "./schemas.ts";

const ROWS_MAX = 1000;

export function addDeploymentApi(app: App, ports: WebPorts): void {
  addOverview(app, ports);
  addTariffs(app, ports);
  addPolicy(app, ports);
  addAudit(app, ports);
}

function addOverview(app: App, { store, context, guard }: WebPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/overview",
    summary: "Counts over everything the MDMS holds",
    middleware: guard.api({ permission: "neighbourhoods", action: "overview.view" }),
    responses: answers("Counts", overview),
  });
  app.openapi(route, async (c) => {
    const { epoch, policy, servicePoints, cohorts } = await context();
    const { cohorts: _, ...counts } = await readCounts(store);
    const answer = {
      registryEpoch: epoch,
      policyId: policy.id,
      unsafe: isUnsafe(policy),
      servicePoints: servicePoints.size,
      cohorts: cohorts.size,
      ...counts,
    };
    return c.json(answer, 200);
  });
}

function addTariffs(app: App, { context, guard }: WebPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/tariffs",
    summary: "Tariffs that a registered signer vouches for",
    middleware: guard.api({ permission: "neighbourhoods", action: "tariffs.view" }),
    responses: answers("Every tariff with its versions", tariffList),
  });
  app.openapi(route, async (c) => {
    const tariffs = [...(await context()).tariffs.values()].map(({ tariff }) => ({
      tariff: tariff.tariff,
      currency: tariff.currency,
      description: describeTariff(tariff),
      document: tariff,
    }));
    return c.json({ tariffs }, 200);
  });
}

function addPolicy(app: App, { context, guard }: WebPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/policy",
    summary: "The release policy in force, also in words",
    middleware: guard.api({ permission: "neighbourhoods", action: "policy.view" }),
    responses: answers("The policy", policyAnswer),
  });
  app.openapi(route, async (c) => {
    const { epoch, policy } = await context();
    const answer = {
      policyId: policy.id,
      unsafe: isUnsafe(policy),
      registryEpoch: epoch,
      description: describePolicy(policy),
      document: policy,
    };
    return c.json(answer, 200);
  });
}

function addAudit(app: App, { store, guard }: WebPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/audit",
    summary: "Who looked at what, the newest first",
    middleware: guard.api({ permission: "audit", action: "audit.view" }),
    request: { query: z.object(pageOf(ROWS_MAX)) },
    responses: answers("Audit entries", auditPage),
  });
  app.openapi(route, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const before = cursor === undefined ? undefined : BigInt(cursor[0]);
    const rows = await readAudit(store, { before, limit });
    const entries = rows.map(({ at, login, action, subject, outcome }) => ({
      at: toIso(Number(at)),
      login,
      action,
      subject,
      outcome,
    }));
    const next = nextOf(rows, limit, ({ id }) => encodeCursor([Number(id), ""]));
    return c.json({ entries, ...next }, 200);
  });
}
