/**
 * What the UCS's own operator asks for on a data subject's behalf (docs/privacy-officer.md): what is held, and its erasure. Behind a token
 * that lies in the UCS's folder; no session of a customer opens these routes, and they open no frame.
 */
import { primitives, utf8, type RegistryFeed, type UcsView } from "@smarter-metering/protocol";
import {
  createRoute,
  z,
  type App,
  type AppEnv,
  type Clock,
  type Store,
} from "@smarter-metering/runtime";
import type { Context } from "hono";
import { erase } from "../erasure.ts";
import { UcsError } from "../error.ts";
import { readHeldData } from "../held-data.ts";
import type { LiveHub } from "../live-hub.ts";
import { servicePointsOf, type KnownServicePoint } from "../service-points.ts";
import * as schema from "./schemas.ts";

export interface OperatorRoutesPorts {
  readonly clock: Clock;
  readonly store: Store;
  readonly registry: RegistryFeed<UcsView>;
  readonly hub: LiveHub;
  /** Null: the routes are not there. */
  readonly operatorToken: string | null;
}

const routes = {
  held: createRoute({
    method: "get",
    path: "/v1/operator/service-points/{servicePoint}",
    request: { params: z.object({ servicePoint: schema.servicePoint }) },
    responses: {
      200: schema.json(
        z.record(z.string(), z.unknown()),
        "What is held about a service point and its account",
      ),
      ...schema.problems,
    },
  }),
  erase: createRoute({
    method: "post",
    path: "/v1/operator/erasures",
    request: {
      body: schema.body(
        z
          .strictObject({
            servicePoint: schema.servicePoint,
            accountOnly: z.boolean(),
            /** With `accountOnly`: an invited person's account; absent: that which is enrolled. */
            login: schema.login.optional(),
          })
          .refine(({ accountOnly, login }) => accountOnly || login === undefined),
      ),
    },
    responses: {
      200: schema.json(z.record(z.string(), z.number()), "How much of each was deleted"),
      ...schema.problems,
    },
  }),
};

export function addOperatorRoutes(app: App, ports: OperatorRoutesPorts): void {
  const { clock, store, registry, hub, operatorToken } = ports;
  if (operatorToken === null) return;
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);

  const known = async (
    context: Context<AppEnv>,
    servicePoint: string,
  ): Promise<KnownServicePoint> => {
    const [, given = ""] = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "") ?? [];
    const hashes = await Promise.all(
      [given, operatorToken].map((token) => primitives.sha256(utf8(token))),
    );
    const [own, right] = hashes;
    if (own === undefined || right === undefined || !primitives.equalSecret(own, right)) {
      throw new UcsError("UCS_OPERATOR_TOKEN");
    }
    context.header("cache-control", "no-store");
    const point = servicePointsOf(registry.current().view).get(servicePoint);
    if (point === undefined) throw new UcsError("UCS_SERVICE_POINT_UNKNOWN");
    return point;
  };

  app.openapi(routes.held, async (context) => {
    const { servicePoint } = context.req.valid("param");
    const point = await known(context, servicePoint);
    const held = await readHeldData(store, servicePoint, point, nowSeconds());
    return context.json<Record<string, unknown>, 200>({ ...held }, 200);
  });

  app.openapi(routes.erase, async (context) => {
    const erasure = context.req.valid("json");
    const { contractEnd } = await known(context, erasure.servicePoint);
    const isRunning = contractEnd === null || contractEnd > nowSeconds();
    if (isRunning && !erasure.accountOnly) throw new UcsError("UCS_CONTRACT_RUNNING");
    const erased = await erase(store, erasure, nowSeconds());
    hub.end(erasure.servicePoint);
    return context.json({ ...erased }, 200);
  });
}
