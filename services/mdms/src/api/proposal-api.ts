/**
 * `/v1/registry/cohort-plan`, `/v1/registry/proposals` (docs/protocol.md §9.6): the MDMS has no power over the registry. It proposes, with
 * the login that asks; a clerk of the registry decides.
 */
import { primitives, toHex, utf8 } from "@smarter-metering/protocol";
import { createRoute, z, type App } from "@smarter-metering/runtime";
import type { Context } from "hono";
import type { CohortPlan, Proposal, ProposedOrder, RegistryDesk } from "../peers/registry-desk.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers } from "./answers.ts";
import { peerRefusals, present, refused } from "./peer-answers.ts";
import {
  cohortPlan,
  newProposal,
  proposalAnswer,
  proposalId,
  proposalList,
} from "./registry-schemas.ts";
import { toIso } from "./schemas.ts";

export interface ProposalApiPorts extends WebPorts {
  readonly registryDesk: RegistryDesk | undefined;
}

export function addProposalApi(app: App, ports: ProposalApiPorts): void {
  addPlans(app, ports);
  addList(app, ports);
  addPropose(app, ports);
  addWithdraw(app, ports);
}

const DESK = "the registry: give it the registry's address and its token";
const params = z.object({ id: proposalId });
const subject = (c: Context): string | undefined => c.req.param("id");

function addPlans(app: App, { registryDesk, guard }: ProposalApiPorts): void {
  const responses = {
    ...answers("In numbers of members; nobody has a name in it", cohortPlan),
    ...peerRefusals,
  };
  const now = createRoute({
    method: "get",
    path: "/v1/registry/cohort-plan",
    summary:
      "Who is merged with whom and why, who waits to be counted, what the next epoch changes",
    middleware: guard.api({ permission: "registry", action: "cohort-plan.view" }),
    responses,
  });
  app.openapi(now, async (c) => {
    const asked = await present(registryDesk, DESK).plan();
    if ("refusal" in asked) return refused(c, asked.refusal);
    return c.json(planAnswer(asked.value), 200);
  });
  const proposed = createRoute({
    method: "get",
    path: "/v1/registry/proposals/{id}/cohort-plan",
    summary: "The plan as it would be with an open proposal",
    middleware: guard.api({ permission: "moves", action: "proposal.plan", subject }),
    request: { params },
    responses,
  });
  app.openapi(proposed, async (c) => {
    const asked = await present(registryDesk, DESK).proposedPlan(c.req.valid("param").id);
    if ("refusal" in asked) return refused(c, asked.refusal);
    return c.json(planAnswer(asked.value), 200);
  });
}

function addList(app: App, { registryDesk, guard }: ProposalApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/registry/proposals",
    summary: "What was proposed to the registry, and what became of it",
    middleware: guard.api({ permission: "moves", action: "proposals.view" }),
    responses: { ...answers("The newest first", proposalList), ...peerRefusals },
  });
  app.openapi(route, async (c) => {
    const asked = await present(registryDesk, DESK).proposals();
    if ("refusal" in asked) return refused(c, asked.refusal);
    return c.json({ proposals: asked.value.proposals.map(shown) }, 200);
  });
}

function addPropose(app: App, { registryDesk, guard }: ProposalApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/registry/proposals",
    summary: "Propose a move or the exchange of a meter; with an idempotency key once",
    middleware: guard.api({ permission: "moves", action: "proposal.file" }),
    request: { body: { required: true, content: { "application/json": { schema: newProposal } } } },
    responses: {
      201: { description: "Filed", content: { "application/json": { schema: proposalAnswer } } },
      ...answers("Unused", proposalAnswer),
      ...peerRefusals,
    },
  });
  app.openapi(route, async (c) => {
    const { login } = c.get("session");
    const id = await proposalIdOf(login, c.req.header("idempotency-key"));
    const order: ProposedOrder = c.req.valid("json");
    const asked = await present(registryDesk, DESK).propose({ id, proposedBy: login, order });
    if ("refusal" in asked) return refused(c, asked.refusal);
    return c.json(shown(asked.value), 201);
  });
}

function addWithdraw(app: App, { registryDesk, guard }: ProposalApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/registry/proposals/{id}/withdraw",
    summary: "Take an open proposal back",
    middleware: guard.api({ permission: "moves", action: "proposal.withdraw", subject }),
    request: { params },
    responses: { ...answers("As it stands now", proposalAnswer), ...peerRefusals },
  });
  app.openapi(route, async (c) => {
    const asked = await present(registryDesk, DESK).withdraw(c.req.valid("param").id);
    if ("refusal" in asked) return refused(c, asked.refusal);
    return c.json(shown(asked.value), 200);
  });
}

/** Follows from an idempotency key, so that the registry knows a repeat whose first answer was lost on either side. */
async function proposalIdOf(login: string, key: string | undefined): Promise<string> {
  if (key === undefined) return toHex(primitives.randomBytes(16));
  const hash = await primitives.sha256(utf8(`proposal\n${login}\n${key}`));
  return toHex(hash.subarray(0, 16));
}

const planAnswer = ({ merged, versions, waiting }: CohortPlan) => ({
  merged,
  versions: versions.map(({ id, version, fromBlock, members }) => {
    return { cohort: id, version, from: toIso(fromBlock), members };
  }),
  waiting,
});

function shown({ order, ...proposal }: Proposal) {
  const { proposedAt, expiresAt, decidedAt } = proposal;
  return {
    ...proposal,
    order: orderAnswer(order),
    proposedAt: toIso(proposedAt),
    expiresAt: toIso(expiresAt),
    decidedAt: decidedAt === null ? null : toIso(decidedAt),
  };
}

function orderAnswer(order: ProposedOrder) {
  if (order.kind === "move-out") return { ...order, contractEnd: toIso(order.contractEnd) };
  if (order.kind === "meter-exchange") return { ...order, at: toIso(order.at) };
  return { ...order, contractStart: toIso(order.contractStart) };
}
