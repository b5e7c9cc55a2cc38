/**
 * More than one person in a household (docs/protocol.md §10.5). The secret of an invitation passes from person to person, never here: the UCS
 * gets an authentication key to know it by, and an item that it cannot open.
 */
import {
  fromBase64Url,
  fromHex,
  primitives,
  type RegistryFeed,
  type UcsView,
} from "@smarter-metering/protocol";
import { createRoute, type App, type AppEnv, type Clock, z } from "@smarter-metering/runtime";
import type { Context } from "hono";
import { UcsError } from "../error.ts";
import { INVITATION_SECONDS, type Household, type HouseholdStore } from "../household-store.ts";
import type { LiveHub } from "../live-hub.ts";
import type { LoginGuard } from "../login-guard.ts";
import { servicePointsOf } from "../service-points.ts";
import * as schema from "./schemas.ts";
import type { Session, SessionAuth } from "./session-auth.ts";

export interface HouseholdRoutesPorts {
  readonly clock: Clock;
  readonly registry: RegistryFeed<UcsView>;
  readonly households: HouseholdStore;
  readonly guard: LoginGuard;
  readonly hub: LiveHub;
  readonly auth: SessionAuth;
}

const routes = {
  household: createRoute({
    method: "get",
    path: "/v1/household",
    responses: {
      200: schema.json(schema.household, "Who reads the service point of this account"),
      ...schema.problems,
    },
  }),
  events: createRoute({
    method: "get",
    path: "/v1/household/events",
    responses: {
      200: schema.json(
        schema.householdEvents,
        "Who was invited, came, read and went; newest first",
      ),
      ...schema.problems,
    },
  }),
  end: createRoute({
    method: "delete",
    path: "/v1/household/persons/{login}",
    request: { params: z.object({ login: schema.login }) },
    responses: {
      204: { description: "The person is served nothing any more" },
      ...schema.problems,
    },
  }),
  invite: createRoute({
    method: "post",
    path: "/v1/invitations",
    request: { body: schema.body(schema.invitation) },
    responses: {
      201: schema.json(schema.invited, "The invitation waits for its secret"),
      ...schema.problems,
    },
  }),
  withdraw: createRoute({
    method: "delete",
    path: "/v1/invitations/{id}",
    request: { params: z.object({ id: schema.invitationId }) },
    responses: { 204: { description: "Nobody joins by it any more" }, ...schema.problems },
  }),
  open: createRoute({
    method: "post",
    path: "/v1/invitations/openings",
    request: { body: schema.body(schema.opening) },
    responses: {
      200: schema.json(schema.opened, "What the invitation carries, for this account alone"),
      ...schema.problems,
    },
  }),
  join: createRoute({
    method: "post",
    path: "/v1/household/persons",
    request: { body: schema.body(schema.invitation) },
    responses: { 204: { description: "The account is of the household" }, ...schema.problems },
  }),
};

export function addHouseholdRoutes(app: App, ports: HouseholdRoutesPorts): void {
  const { clock, registry, households, auth } = ports;
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);

  const require = async (
    context: Context<AppEnv>,
  ): Promise<{ session: Session; household: Household }> => {
    const session = await auth.require(context);
    const points = servicePointsOf(registry.current().view);
    const household = await households.household(session.login, points);
    if (household === undefined) throw new UcsError("UCS_NOT_ENROLLED");
    context.header("cache-control", "no-store");
    return { session, household };
  };
  const requireFirst = async (context: Context<AppEnv>) => {
    const required = await require(context);
    if (!required.household.isFirst) throw new UcsError("UCS_HOUSEHOLD_FIRST");
    return required;
  };

  app.openapi(routes.household, async (context) => {
    const { household } = await require(context);
    const { servicePoint, persons, isFirst } = household;
    const invitations = isFirst ? await households.invitations(servicePoint, nowSeconds()) : [];
    return context.json({ persons: [...persons], isFirst, invitations }, 200);
  });

  app.openapi(routes.events, async (context) => {
    const { household } = await require(context);
    return context.json({ events: await households.events(household.servicePoint) }, 200);
  });

  app.openapi(routes.end, async (context) => {
    const { session, household } = await require(context);
    const { login } = context.req.valid("param");
    if (!household.isFirst && login !== session.login) throw new UcsError("UCS_HOUSEHOLD_FIRST");
    const isEnded = await households.end(login, household.servicePoint, nowSeconds());
    if (!isEnded) throw new UcsError("UCS_PERSON_UNKNOWN");
    ports.hub.endOf(login);
    return context.body(null, 204);
  });

  app.openapi(routes.invite, async (context) => {
    const { session, household } = await requireFirst(context);
    const { authenticationKey, item } = context.req.valid("json");
    const proof = await proofOf(authenticationKey);
    const now = nowSeconds();
    const invitation = { inviter: session.login, proof, item };
    const outcome = await households.invite(household, invitation, now);
    if (outcome === "full") throw new UcsError("UCS_HOUSEHOLD_FULL");
    return context.json({ expiresAt: now + INVITATION_SECONDS }, 201);
  });

  app.openapi(routes.withdraw, async (context) => {
    const { session, household } = await requireFirst(context);
    const { servicePoint } = household;
    const proof = fromHex(context.req.valid("param").id, 32);
    const of = { login: session.login, servicePoint };
    if (!(await households.withdraw(of, proof, nowSeconds()))) {
      throw new UcsError("UCS_INVITATION_REFUSED");
    }
    return context.body(null, 204);
  });

  addInvitedRoutes(app, ports);
}

/** The invited person's side: a guess costs his own account an attempt, whatever is wrong with it. */
function addInvitedRoutes(app: App, ports: HouseholdRoutesPorts): void {
  const { clock, registry, households, guard, auth } = ports;
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);
  // No login looks like this: its own count, so that a wrong invitation locks nobody out of his account.
  const guardedAs = (login: string): string => `invitation ${login}`;

  const admit = async (login: string): Promise<void> => {
    if (!(await guard.admit(guardedAs(login), nowSeconds()))) {
      throw new UcsError("UCS_INVITATION_LOCKED");
    }
  };

  app.openapi(routes.open, async (context) => {
    const { login } = await auth.require(context);
    await admit(login);
    const proof = await proofOf(context.req.valid("json").authenticationKey);
    const points = servicePointsOf(registry.current().view);
    const opened = await households.open(login, proof, points, nowSeconds());
    if (opened.outcome === "unknown") throw new UcsError("UCS_INVITATION_REFUSED");
    await guard.clear(guardedAs(login));
    if (opened.outcome === "elsewhere") throw new UcsError("UCS_HOUSEHOLD_ELSEWHERE");
    const { inviter, item } = opened;
    context.header("cache-control", "no-store");
    return context.json({ inviter, item }, 200);
  });

  app.openapi(routes.join, async (context) => {
    const { login } = await auth.require(context);
    await admit(login);
    const { authenticationKey, item } = context.req.valid("json");
    const invited = { login, proof: await proofOf(authenticationKey), item };
    const points = servicePointsOf(registry.current().view);
    const outcome = await households.join(invited, points, nowSeconds());
    if (outcome === "unknown") throw new UcsError("UCS_INVITATION_REFUSED");
    await guard.clear(guardedAs(login));
    if (outcome === "elsewhere") throw new UcsError("UCS_HOUSEHOLD_ELSEWHERE");
    if (outcome === "full") throw new UcsError("UCS_HOUSEHOLD_FULL");
    return context.body(null, 204);
  });
}

/** The key has 128 random bits behind it: a plain hash gives nothing away, and finds its invitation. */
const proofOf = (authenticationKey: string): Promise<Uint8Array> =>
  primitives.sha256(fromBase64Url(authenticationKey));
