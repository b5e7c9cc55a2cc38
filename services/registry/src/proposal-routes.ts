/** `/v1/proposals` (docs/protocol.md §9.6): filed and withdrawn by the MDMS, decided by the registry's clerk with the administrator's token. */
import type { App } from "@smarter-metering/runtime";
import { z } from "zod";
import { adminOf, bears, only, tokensOf, type RegistryTokens } from "./bearer.ts";
import { approval, newProposal, proposalId } from "./proposals.ts";
import type { RegistryService } from "./registry.ts";

const decline = z.strictObject({ reason: z.string().min(1).max(200) });

export function addProposalRoutes(
  app: App,
  registry: RegistryService,
  tokens: RegistryTokens,
): void {
  const mdms = only(tokensOf(tokens, "mdms"));
  const admin = only([adminOf(tokens)]);
  const either = only([adminOf(tokens), ...tokensOf(tokens, "mdms")]);
  const idOf = (text: string): string => proposalId.parse(text);

  app.get("/v1/proposals", either, async (c) => {
    const proposals = registry.desk.list();
    if (!(await bears(c, [adminOf(tokens)]))) return c.json({ proposals });
    const named = proposals.map((one) => ({ ...one, label: registry.desk.labelOf(one) }));
    return c.json({ proposals: named });
  });
  app.post("/v1/proposals", mdms, async (c) =>
    c.json(await registry.desk.file(newProposal.parse(await c.req.json())), 201),
  );
  app.post("/v1/proposals/:id/withdraw", mdms, async (c) =>
    c.json(await registry.desk.withdraw(idOf(c.req.param("id")))),
  );
  app.get("/v1/proposals/:id/cohort-plan", either, async (c) =>
    c.json(await registry.proposedPlan(idOf(c.req.param("id")))),
  );
  app.post("/v1/proposals/:id/approve", admin, async (c) => {
    const added = approval.parse(await c.req.json());
    return c.json(await registry.desk.approve(idOf(c.req.param("id")), added), 201);
  });
  app.post("/v1/proposals/:id/decline", admin, async (c) => {
    const { reason } = decline.parse(await c.req.json());
    return c.json(await registry.desk.decline(idOf(c.req.param("id")), reason));
  });
}
