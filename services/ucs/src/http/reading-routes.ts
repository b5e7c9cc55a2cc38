/**
 * What a customer takes home to open: his envelopes, his frames, and frames as they arrive. No request names a service point: it follows
 * from the session's own link, so that there is none to guess.
 */
import {
  fromHex,
  primitives,
  toBase64Url,
  toHex,
  type RegistryFeed,
  type UcsView,
} from "@smarter-metering/protocol";
import { createRoute, type App, type AppEnv, type Clock, z } from "@smarter-metering/runtime";
import type { Context } from "hono";
import type { AccountStore } from "../account-store.ts";
import type { EnrolmentStore, Link } from "../enrolment-store.ts";
import type { EnvelopeStore } from "../envelope-store.ts";
import { UcsError } from "../error.ts";
import type { FramePlace, FrameStore } from "../frame-store.ts";
import type { LiveHub } from "../live-hub.ts";
import { servicePointsOf } from "../service-points.ts";
import { liveStream } from "./live-stream.ts";
import * as schema from "./schemas.ts";
import type { Session, SessionAuth } from "./session-auth.ts";

export interface ReadingRoutesPorts {
  readonly clock: Clock;
  readonly registry: RegistryFeed<UcsView>;
  readonly accounts: AccountStore;
  readonly enrolments: EnrolmentStore;
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
  const { registry, accounts, enrolments, auth } = ports;

  const linkOf = (login: string): Promise<Link | undefined> =>
    enrolments.link(login, servicePointsOf(registry.current().view));

  const requireLink = async (
    context: Context<AppEnv>,
  ): Promise<{ session: Session; link: Link }> => {
    const session = await auth.require(context);
    const link = await linkOf(session.login);
    if (link === undefined) throw new UcsError("UCS_NOT_ENROLLED");
    context.header("cache-control", "no-store");
    return { session, link };
  };

  app.openapi(routes.envelopes, async (context) => {
    const { session, link } = await requireLink(context);
    const account = await accounts.find(session.login);
    if (account === undefined) throw new UcsError("UCS_SESSION_REQUIRED");
    const recipientKeyId = await primitives.sha256(account.publicKey);
    const messages = await ports.envelopes.of({ ...link, recipientKeyId });
    return context.json({ envelopes: messages.map(toBase64Url) }, 200);
  });

  app.openapi(routes.frames, async (context) => {
    const { link } = await requireLink(context);
    const { from, to, cursor } = context.req.valid("query");
    const limit = ports.framesPerPageMax;
    const page = await ports.frames.page({
      servicePoint: link.servicePoint,
      from: Math.max(from, link.contractStart),
      to: Math.min(to, link.contractEnd ?? to),
      ...(cursor === undefined ? {} : { after: placeOf(cursor) }),
      limit,
    });
    const last = page.at(-1);
    const next = last === undefined || page.length < limit ? {} : { next: cursorOf(last) };
    return context.json({ frames: page.map(({ sealed }) => toBase64Url(sealed)), ...next }, 200);
  });

  app.openapi(routes.live, async (context) => {
    const { session, link } = await requireLink(context);
    const stream = liveStream({
      clock: ports.clock,
      hub: ports.hub,
      login: session.login,
      servicePoint: link.servicePoint,
      isAllowed: async () =>
        (await auth.isOpen(session)) &&
        (await linkOf(session.login))?.servicePoint === link.servicePoint,
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
