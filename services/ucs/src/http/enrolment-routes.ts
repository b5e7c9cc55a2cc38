/** Enrolment over HTTP (docs/protocol.md §10.1). The UCS passes offers, requests and answers on; the code in the letter never comes here. */
import {
  decodeEnrolmentRequest,
  equalBytes,
  fromBase64Url,
  ProtocolError,
  toBase64Url,
  toHex,
  type EnrolmentRequest,
  type RegistryFeed,
  type UcsView,
} from "@smarter-metering/protocol";
import { createRoute, type App, type Clock, z } from "@smarter-metering/runtime";
import type { AccountStore } from "../account-store.ts";
import type { EnrolmentStore } from "../enrolment-store.ts";
import { UcsError } from "../error.ts";
import { servicePointsOf } from "../service-points.ts";
import * as schema from "./schemas.ts";
import type { SessionAuth } from "./session-auth.ts";

export interface EnrolmentRoutesPorts {
  readonly clock: Clock;
  readonly registry: RegistryFeed<UcsView>;
  readonly accounts: AccountStore;
  readonly enrolments: EnrolmentStore;
  readonly auth: SessionAuth;
  /** Publishes the requests that wait. */
  readonly flush: () => Promise<void>;
}

const named = { params: z.object({ networkPseudonym: schema.servicePoint }) };
const routes = {
  offer: createRoute({
    method: "get",
    path: "/v1/enrolment-offers/{networkPseudonym}",
    request: named,
    responses: { 200: schema.json(schema.offer, "The meter's current offer"), ...schema.problems },
  }),
  request: createRoute({
    method: "post",
    path: "/v1/enrolments",
    request: { body: schema.body(schema.enrol) },
    responses: { 202: { description: "On its way to the meter" }, ...schema.problems },
  }),
  state: createRoute({
    method: "get",
    path: "/v1/enrolments/{networkPseudonym}",
    request: named,
    responses: {
      200: schema.json(schema.enrolmentState, "What the meter has answered"),
      ...schema.problems,
    },
  }),
};

export function addEnrolmentRoutes(app: App, ports: EnrolmentRoutesPorts): void {
  const { clock, registry, accounts, enrolments, auth } = ports;

  app.openapi(routes.offer, async (context) => {
    await auth.require(context);
    const { networkPseudonym } = context.req.valid("param");
    const found = await enrolments.offer(networkPseudonym);
    const point = servicePointsOf(registry.current().view).get(networkPseudonym);
    const meterKey = found === undefined ? undefined : point?.meters.get(found.meter);
    if (found === undefined || meterKey === undefined) throw new UcsError("UCS_OFFER_UNKNOWN");
    return context.json({ offer: toBase64Url(found.message), meterKey: toHex(meterKey) }, 200);
  });

  app.openapi(routes.request, async (context) => {
    const { login } = await auth.require(context);
    const encoded = fromBase64Url(context.req.valid("json").request);
    const request = decoded(encoded);
    const account = await accounts.find(login);
    const isOwn = request.account === login;
    if (account === undefined || !isOwn || !equalBytes(request.customerSpki, account.publicKey)) {
      throw new UcsError("UCS_ENROLMENT_INVALID");
    }
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const outcome = await enrolments.request(request, encoded, nowSeconds);
    if (outcome === "stale") throw new UcsError("UCS_OFFER_STALE");
    if (outcome === "limited") throw new UcsError("UCS_ENROLMENT_LIMIT");
    if (outcome === "pending") throw new UcsError("UCS_ENROLMENT_PENDING");
    await ports.flush();
    return context.body(null, 202);
  });

  app.openapi(routes.state, async (context) => {
    const { login } = await auth.require(context);
    const { networkPseudonym } = context.req.valid("param");
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const found = await enrolments.progress(login, networkPseudonym, nowSeconds);
    if (found === undefined) return context.json({ state: "none" } as const, 200);
    const state = found.state === "lapsed" ? "refused" : found.state;
    const answer = found.acceptance === null ? {} : { answer: toBase64Url(found.acceptance) };
    return context.json({ state, ...answer }, 200);
  });
}

function decoded(bytes: Uint8Array): EnrolmentRequest {
  try {
    return decodeEnrolmentRequest(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) throw new UcsError("UCS_ENROLMENT_INVALID", error);
    throw error;
  }
}
