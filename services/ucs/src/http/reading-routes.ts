/**
 * What a customer takes home to open: his envelopes, his frames, and frames as they arrive. No request names a service point: it follows
 * from the session's account, enrolled or invited, so that there is none to guess.
 */
import {
  fromHex,
  toBase64Url,
  toHex,
  type RegistryFeed,
  type UcsView,
} from "@smarter-metering/protocol";
import { createRoute, type App, type AppEnv, type Clock, z } from "@smarter-metering/runtime";
import type { Context } from "hono";
import type { EnvelopeStore } from "../envelope-store.ts";
import { UcsError } from "../error.ts";
import type { FramePlace, FrameStore } from "../frame-store.ts";
import type { HouseholdStore, Reach } from "../household-store.ts";
import type { LiveHub } from "../live-hub.ts";
import { servicePointsOf } from "../service-points.ts";
import { liveStream } from "./live-stream.ts";
import * as schema from "./schemas.ts";
import type { Session, SessionAuth } from "./session-auth.ts";

export interface ReadingRoutesPorts {
  readonly clock: Clock;
  readonly registry: RegistryFeed<UcsView>;
  readonly households: HouseholdStore;
  readonly envelopes: EnvelopeStore;
  readonly frames: FrameStore;
  readonly hub: LiveHub;
  readonly auth: SessionAuth;
  readonly framesPerPageMax: number;
}

const routes = {
  envelopes: createRoute({
    method: "get",
    path: "/v1/envelopes",
    responses: {
      200: schema.json(schema.envelopes, "Key envelopes for the account's key, newest epoch first"),
      ...schema.problems,
    },
  }),
  frames: createRoute({
    method: "get",
    path: "/v1/frames",
    request: { query: schema.frameQuery },
    responses: {
      200: schema.json(schema.frames, "Sealed frames of [from, to) in order of time, in pages"),
      ...schema.problems,
    },
  }),
  live: createRoute({
    method: "get",
    path: "/v1/live",
    responses: {
      200: {
        description: "Sealed frames as they arrive, one in each event's data",
        content: { "text/event-stream": { schema: z.string() } },
      },
      ...schema.problems,
    },
  }),
};

export function addReadingRoutes(app: App, ports: ReadingRoutesPorts): void {
  const { clock, registry, households, auth } = ports;

  const reachOf = (login: string): Promise<Reach | undefined> =>
    households.reach(login, servicePointsOf(registry.current().view));

  const requireReach = async (
    context: Context<AppEnv>,
  ): Promise<{ session: Session; reach: Reach }> => {
    const session = await auth.require(context);
    const { login } = session;
    const reach = await reachOf(login);
    if (reach === undefined) throw new UcsError("UCS_NOT_ENROLLED");
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    if (reach.item !== null) await households.noteReading(login, reach.servicePoint, nowSeconds);
    context.header("cache-control", "no-store");
    return { session, reach };
  };

  app.openapi(routes.envelopes, async (context) => {
    const { reach } = await requireReach(context);
    const messages = await ports.envelopes.of(reach);
    return context.json({ envelopes: messages.map(toBase64Url) }, 200);
  });

  app.openapi(routes.frames, async (context) => {
    const { reach } = await requireReach(context);
    const { from, to, cursor } = context.req.valid("query");
    const limit = ports.framesPerPageMax;
    const page = await ports.frames.page({
      servicePoint: reach.servicePoint,
      from: Math.max(from, reach.contractStart),
      to: Math.min(to, reach.contractEnd ?? to),
      ...(cursor === undefined ? {} : { after: placeOf(cursor) }),
      limit,
    });
    const last = page.at(-1);
    const next = last === undefined || page.length < limit ? {} : { next: cursorOf(last) };
    return context.json({ frames: page.map(({ sealed }) => toBase64Url(sealed)), ...next }, 200);
  });

  app.openapi(routes.live, async (context) => {
    const { session, reach } = await requireReach(context);
    const stream = liveStream({
      clock,
      hub: ports.hub,
      login: session.login,
      servicePoint: reach.servicePoint,
      isAllowed: async () =>
        (await auth.isOpen(session)) &&
        (await reachOf(session.login))?.servicePoint === reach.servicePoint,
    });
    if (stream === undefined) throw new UcsError("UCS_LIVE_FULL");
    return context.body(stream, 200, { "content-type": "text/event-stream" });
  });
}

const cursorOf = ({ starts, hash }: FramePlace): string => `${starts}.${toHex(hash)}`;

function placeOf(cursor: string): FramePlace {
  const [starts = "", hash = ""] = cursor.split(".");
  return { starts: Number(starts), hash: fromHex(hash) };
}
