/** `/v1/overview`, `/v1/policy`: the deployment itself. */
import { describePolicy, isUnsafe } from "@smarter-metering/policy";
import { createRoute, type App } from "@smarter-metering/runtime";
import { readCounts } from "../overview-query.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers } from "./answers.ts";
import { overview, policyAnswer } from "./schemas.ts";

export function addDeploymentApi(app: App, ports: WebPorts): void {
  addOverview(app, ports);
  addPolicy(app, ports);
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
