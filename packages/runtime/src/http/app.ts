/**
 * The HTTP application that every role starts from: request ids, limits, security headers, problems,
 * access log, /metrics /healthz /readyz and the OpenAPI document of its typed routes.
 */
import { randomUUID } from "node:crypto";
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { routePath } from "hono/route";
import { timeout } from "hono/timeout";
import type { Clock } from "../clock.ts";
import { errorFields } from "../log.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { frameworkProblem, problemResponse, statusProblem } from "./problem.ts";
import type { ProblemOf } from "./problem.ts";
import { requestLimit, type RequestLimit } from "./request-limit.ts";

export interface AppEnv {
  /** `problemCode`: of a request that was refused or failed. */
  Variables: { requestId: string; problemCode?: string };
}
export type App = OpenAPIHono<AppEnv>;

export interface AppOptions {
  /** Title and version of the OpenAPI document. */
  readonly title: string;
  readonly version: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The whole Content-Security-Policy. Default: nothing may load, for an API without pages. */
  readonly contentSecurityPolicy?: string;
  /** Default 1 MiB. */
  readonly bodyBytesMax?: number;
  /** Default 30,000; long polls have to stay below it. */
  readonly timeoutMs?: number;
  /** Reasons why the role cannot serve now; none: ready. */
  readonly notReady?: () => readonly string[] | Promise<readonly string[]>;
  readonly problemOf?: ProblemOf;
  /** For what the public may call. Default: none. */
  readonly requestLimit?: RequestLimit | undefined;
}

const apiPolicy = "default-src 'none'; frame-ancestors 'none'";
const durationBounds = [0.005, 0.02, 0.1, 0.5, 2, 10, 30];

/** Add typed routes with `app.openapi(createRoute({…}), handler)`; they appear in /openapi.json. */
export function createApp(options: AppOptions): App {
  const { metrics, title, version } = options;
  const app: App = new OpenAPIHono<AppEnv>({
    defaultHook: (result, context) => {
      if (result.success) return undefined;
      const errors = result.error.issues.map(({ path, message }) => ({
        path: path.map(String).join("."),
        message,
      }));
      return problemResponse(context, { ...statusProblem(400), errors });
    },
  });
  app.use(access(options));
  app.use(
    secureHeaders({ xFrameOptions: "DENY", referrerPolicy: "no-referrer" }),
    policy(options.contentSecurityPolicy ?? apiPolicy),
  );
  if (options.requestLimit !== undefined) {
    app.use(requestLimit(options.requestLimit, options.clock));
  }
  app.use(timeout(options.timeoutMs ?? 30_000));
  app.use(
    bodyLimit({
      maxSize: options.bodyBytesMax ?? 1024 * 1024,
      onError: (context) => problemResponse(context, statusProblem(413)),
    }),
  );
  app.notFound((context) => problemResponse(context, statusProblem(404)));
  app.onError((error, context) => {
    const problem = options.problemOf?.(error) ?? frameworkProblem(error);
    if (problem === undefined) {
      const requestId = context.get("requestId");
      options.log.error("a request failed", { requestId, ...errorFields(error) });
    }
    return problemResponse(context, problem ?? statusProblem(500));
  });
  app.get("/metrics", async (context) =>
    context.text(await metrics.scrape(), 200, { "content-type": "text/plain; version=0.0.4" }),
  );
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", async (context) => {
    const reasons = (await options.notReady?.()) ?? [];
    if (reasons.length === 0) return context.json({ status: "ready" });
    return problemResponse(context, {
      status: 503,
      code: "NOT_READY",
      title: "the role cannot serve now",
      detail: reasons.join("; "),
    });
  });
  app.doc31("/openapi.json", { openapi: "3.1.0", info: { title, version } });
  return app;
}

/** Logs the route's pattern, not the address: queries and ids in paths stay out of the log. */
function access({ log, clock, metrics }: AppOptions): MiddlewareHandler<AppEnv> {
  const seconds = metrics.histogram(
    "http_request_seconds",
    "Time to answer a request",
    durationBounds,
    ["method", "route", "status"],
  );
  const problems = metrics.counter("http_problems_total", "Requests refused or failed, by code", [
    "code",
  ]);
  return async (context, next) => {
    const startMs = clock.nowMs();
    const requestId = randomUUID();
    context.set("requestId", requestId);
    context.header("x-request-id", requestId);
    await next();
    const durationMs = clock.nowMs() - startMs;
    const { method } = context.req;
    const { status } = context.res;
    const route = routePattern(context);
    seconds.observe(durationMs / 1000, { method, route, status: `${Math.floor(status / 100)}xx` });
    const code = context.get("problemCode");
    if (code !== undefined) problems.add(1, { code });
    log.info("request", { requestId, method, route, status, durationMs });
  };
}

function routePattern(context: Context): string {
  return routePath(context, -1);
}

function policy(contentSecurityPolicy: string): MiddlewareHandler {
  return async (context, next) => {
    await next();
    context.header("content-security-policy", contentSecurityPolicy);
  };
}
