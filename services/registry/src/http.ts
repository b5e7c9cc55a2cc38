/**
 * The registry over HTTP (docs/protocol.md §9). Epochs are hashes, and open to all with the public view; another view goes to the parties it is made for, by bearer
 * token; changes take the administrator's, or wait as proposals of the MDMS. Bodies are limited; errors are problem+json (RFC 9457) without what was sent.
 */
import { PARTS_ASKED_MAX, VIEW_NAMES, type Role, type ViewName } from "@smarter-metering/protocol";
import {
  createApp,
  problemResponse,
  statusProblem,
  type App,
  type Clock,
  type Logger,
  type Metrics,
  type Problem,
} from "@smarter-metering/runtime";
import type { Context } from "hono";
import { z } from "zod";
import { adminOf, bears, only, tokensOf, type RegistryTokens } from "./bearer.ts";
import { admission } from "./changes.ts";
import { RegistryError, type RegistryErrorCode } from "./error.ts";
import { exchange } from "./exchange.ts";
import { addProposalRoutes } from "./proposal-routes.ts";
import { recode } from "./recode.ts";
import type { RegistryService } from "./registry.ts";
import { label, name, PRICES_CHARACTERS_MAX, profile } from "./state.ts";

/** 10,000 service points of a few hundred bytes. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;

/** Which parties a view is for; the public one is for everybody. */
const READERS: Readonly<Record<ViewName, readonly Role[]>> = {
  network: ["concentrator", "opener", "aggregator", "trustee"],
  mdms: ["mdms"],
  ucs: ["ucs"],
  public: [],
};

const STATUS: Readonly<Record<RegistryErrorCode, 400 | 404 | 409 | 429 | 500>> = {
  REGISTRY_DAMAGED: 500,
  REGISTRY_INVALID_CHANGE: 400,
  REGISTRY_TAKEN: 409,
  REGISTRY_UNKNOWN: 404,
  REGISTRY_COHORT_TOO_FINE: 409,
  REGISTRY_PROFILE_DOWNGRADE: 409,
  REGISTRY_REWRITES_PAST: 409,
  REGISTRY_POLICY_NOTICE: 409,
  REGISTRY_TARIFF_INVALID: 400,
  REGISTRY_PRICES_INVALID: 400,
  REGISTRY_NO_SUCH_EPOCH: 404,
  REGISTRY_PROPOSAL_DECIDED: 409,
  REGISTRY_PROPOSALS_FULL: 429,
};

const NOT_STORED = { "cache-control": "no-store" } as const;

const viewName = z.enum(VIEW_NAMES);
const askedParts = z.strictObject({
  hashes: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .min(1)
    .max(PARTS_ASKED_MAX),
});
const viewParams = z.object({
  name: viewName,
  epoch: z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number),
});
const moveOut = z.strictObject({ label, contractEnd: z.number().int().nonnegative() });
const tariff = z.strictObject({ jws: z.string().max(1024 * 1024) });
const prices = z.strictObject({ jws: z.string().max(PRICES_CHARACTERS_MAX) });
const openerKey = z.strictObject({ spki: z.string().max(1024), from: z.number(), to: z.number() });
const policy = z.strictObject({ policy: z.unknown() });
const raise = z.strictObject({ neighbourhood: name, profile });

export interface HttpPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export function makeApp(registry: RegistryService, tokens: RegistryTokens, ports: HttpPorts): App {
  const app = createApp({
    title: "Smarter Metering registry",
    version: "1",
    log: ports.log,
    clock: ports.clock,
    metrics: ports.metrics,
    bodyBytesMax: BODY_BYTES_MAX,
    problemOf,
  });

  app.get("/v1/epochs", async (c) => c.json(await registry.transport().epochs()));

  const mayRead = async (c: Context, view: ViewName): Promise<boolean> =>
    view === "public" ||
    bears(
      c,
      READERS[view].flatMap((role) => tokensOf(tokens, role)),
    );
  app.get("/v1/views/:name/:epoch", async (c) => {
    const params = viewParams.safeParse(c.req.param());
    if (!params.success) return problemResponse(c, statusProblem(404));
    const { name, epoch } = params.data;
    if (!(await mayRead(c, name))) return problemResponse(c, statusProblem(401));
    const text = await registry.transport().head(name, epoch);
    return c.body(text, 200, { "content-type": "application/json", ...NOT_STORED });
  });
  // A hash is no secret: of a view's parts, those of other views are none.
  app.post("/v1/views/:name/parts", async (c) => {
    const name = viewName.safeParse(c.req.param("name"));
    if (!name.success) return problemResponse(c, statusProblem(404));
    if (!(await mayRead(c, name.data))) return problemResponse(c, statusProblem(401));
    const { hashes } = askedParts.parse(await c.req.json());
    const texts = await registry.transport().parts(name.data, hashes);
    return c.body(texts.join("\n"), 200, { "content-type": "application/jsonl", ...NOT_STORED });
  });

  const admin = only([adminOf(tokens)]);
  const adminOrMdms = only([adminOf(tokens), ...tokensOf(tokens, "mdms")]);
  app.post("/v1/service-points", admin, async (c) =>
    c.json(await registry.admit(admission.parse(await c.req.json())), 201),
  );
  // The signature under tariffs and prices is the authority: a token only says who brought them.
  app.post("/v1/tariffs", adminOrMdms, async (c) => {
    await registry.publishTariff(tariff.parse(await c.req.json()).jws);
    return c.json({ epoch: registry.status().epoch }, 201);
  });
  app.post("/v1/prices", adminOrMdms, async (c) => {
    await registry.publishPrices(prices.parse(await c.req.json()).jws);
    return c.json({ epoch: registry.status().epoch }, 201);
  });
  app.post("/v1/move-outs", admin, async (c) =>
    c.json(await registry.moveOut(moveOut.parse(await c.req.json())), 201),
  );
  app.post("/v1/exchanges", admin, async (c) =>
    c.json(await registry.exchangeMeter(exchange.parse(await c.req.json())), 201),
  );
  app.post("/v1/recodes", admin, async (c) =>
    c.json(await registry.recode(recode.parse(await c.req.json())), 201),
  );
  app.post("/v1/profiles", admin, async (c) => {
    const body = raise.parse(await c.req.json());
    await registry.raiseProfile(body.neighbourhood, body.profile);
    return c.json({ epoch: registry.status().epoch }, 201);
  });
  app.post("/v1/opener-keys", admin, async (c) => {
    await registry.addOpenerKey(openerKey.parse(await c.req.json()));
    return c.json({ epoch: registry.status().epoch }, 201);
  });
  app.post("/v1/policy-notices", admin, async (c) => {
    await registry.announcePolicy(policy.parse(await c.req.json()).policy);
    return c.json({ epoch: registry.status().epoch }, 201);
  });
  app.post("/v1/policies", admin, async (c) => {
    await registry.changePolicy(policy.parse(await c.req.json()).policy);
    return c.json({ epoch: registry.status().epoch }, 201);
  });
  app.get("/v1/cohort-plan", adminOrMdms, async (c) => c.json(await registry.countedPlan()));
  // Of a move-out that has not been registered, and is not by this.
  app.post("/v1/cohort-plan", admin, async (c) =>
    c.json(await registry.countedPlan(moveOut.parse(await c.req.json()))),
  );
  addProposalRoutes(app, registry, tokens);
  return app;
}

function problemOf(error: unknown): Problem | undefined {
  if (error instanceof z.ZodError || error instanceof SyntaxError) return statusProblem(400);
  if (!(error instanceof RegistryError) || STATUS[error.code] === 500) return undefined;
  return { status: STATUS[error.code], code: error.code, title: error.message };
}
