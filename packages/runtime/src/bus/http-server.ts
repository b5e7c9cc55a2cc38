/**
 * The embedded bus for other processes. Each token opens only what it names: an
 * opener's token cannot read what the trustee reads.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import assert from "node:assert/strict";
import type { Context, MiddlewareHandler } from "hono";
import type { z } from "zod";
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { RuntimeError } from "../error.ts";
import { createApp } from "../http/app.ts";
import type { App } from "../http/app.ts";
import { mayBe } from "../http/peer.ts";
import { problemResponse, statusProblem } from "../http/problem.ts";
import type { Problem } from "../http/problem.ts";
import { silentLogger } from "../log.ts";
import type { Logger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import type { Metrics } from "../metrics.ts";
import type { ConsumerName } from "./bus.ts";
import {
  fetchSchema,
  letterSchema,
  pendingSchema,
  publishSchema,
  rangeSchema,
} from "./http-wire.ts";
import { settleSchema, wireBytesMax, wireOf } from "./http-wire.ts";
import type { EmbeddedBus } from "./store-engine.ts";

export interface BusToken {
  /** At least 32 characters, random. */
  readonly token: string;
  /** Whose certificate has to come with it where the connection has one, such as `party/opener`; absent: anybody's. */
  readonly peer?: string;
  /** Streams that the holder may publish to. */
  readonly publish: readonly string[];
  /** What the holder may consume; reading a stream needs any consumer of it. */
  readonly consume: readonly ConsumerName[];
}

export interface ServeBusOptions {
  readonly tokens: readonly BusToken[];
  /** Messages that a client has not settled after it come again. Default 60,000. */
  readonly leaseMs?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly metrics?: Metrics;
}

const leaseMsDefault = 60_000;
const tokenCharsMin = 32;

/** The application to hand to `listen`: with TLS, or on the loopback address only. */
export function serveBus(bus: EmbeddedBus, options: ServeBusOptions): App {
  const { engine } = bus;
  const { clock = systemClock, log = silentLogger, metrics = createMetrics() } = options;
  const { leaseMs = leaseMsDefault } = options;
  const bodyBytesMax = wireBytesMax;
  const base = { title: "Bus", version: "1", log, clock, metrics, bodyBytesMax };
  const app = createApp({ ...base, problemOf });
  const grants = new WeakMap<Request, BusToken>();
  app.use("/v1/*", authenticate(options.tokens, grants));

  const grantOf = (context: Context): BusToken => {
    const grant = grants.get(context.req.raw);
    assert(grant !== undefined, "authenticate ran before");
    return grant;
  };
  const consumerOf = (context: Context): ConsumerName => {
    const name = { stream: param(context, "stream"), consumer: param(context, "consumer") };
    if (!mayConsume(grantOf(context), name)) throw forbidden();
    return name;
  };
  const readableOf = (context: Context): string => {
    const stream = param(context, "stream");
    if (!grantOf(context).consume.some((name) => name.stream === stream)) throw forbidden();
    return stream;
  };

  app.post("/v1/streams/:stream/messages", async (context) => {
    const stream = param(context, "stream");
    if (!grantOf(context).publish.includes(stream)) throw forbidden();
    const { messages } = await bodyOf(context, publishSchema);
    return context.json(await bus.publish(stream, messages));
  });
  app.get("/v1/streams/:stream/messages", async (context) => {
    const range = parse(rangeSchema, context.req.query());
    const deliveries = await bus.read(readableOf(context), range);
    return context.json({ deliveries: deliveries.map(wireOf) });
  });
  app.get("/v1/streams/:stream/last", async (context) => {
    const delivery = await bus.last(readableOf(context), context.req.query("subject"));
    return context.json({ deliveries: delivery === undefined ? [] : [wireOf(delivery)] });
  });
  app.post("/v1/streams/:stream/consumers/:consumer/fetch", async (context) => {
    const name = consumerOf(context);
    const { max, waitMs, subject } = await bodyOf(context, fetchSchema);
    const filter = subject === undefined ? {} : { subject };
    const { signal } = context.req.raw;
    const deliveries = await engine.fetch({ ...name, ...filter, max, waitMs, leaseMs, signal });
    return context.json({ deliveries: deliveries.map(wireOf) });
  });
  app.post("/v1/streams/:stream/consumers/:consumer/settle", async (context) => {
    const name = consumerOf(context);
    const { settlements } = await bodyOf(context, settleSchema);
    await engine.settle(name, settlements);
    return context.json({});
  });
  app.post("/v1/pending", async (context) => {
    const { consumers } = await bodyOf(context, pendingSchema);
    if (!consumers.every((name) => mayConsume(grantOf(context), name))) throw forbidden();
    return context.json({ pending: await engine.pending(consumers) });
  });
  app.get("/v1/dead", async (context) => {
    const letters = await engine.deadLetters(context.req.query("stream"));
    const visible = letters.filter((letter) => mayConsume(grantOf(context), letter));
    return context.json({ letters: visible.map(wireOf) });
  });
  for (const action of ["requeue", "discard"] as const) {
    app.post(`/v1/streams/:stream/consumers/:consumer/${action}`, async (context) => {
      const name = consumerOf(context);
      const { sequence } = await bodyOf(context, letterSchema);
      return context.json({ found: await engine[action](name, sequence) });
    });
  }
  return app;
}

function authenticate(
  tokens: readonly BusToken[],
  grants: WeakMap<Request, BusToken>,
): MiddlewareHandler {
  const known = tokens.map((grant) => {
    assert(grant.token.length >= tokenCharsMin, "a token has at least 32 characters");
    return { grant, digest: digestOf(grant.token) };
  });
  return async (context, next) => {
    const given = digestOf((context.req.header("authorization") ?? "").replace(/^Bearer /, ""));
    // Every token is compared, and digests have one length: time tells nothing.
    const grant = known.filter(({ digest }) => timingSafeEqual(digest, given))[0]?.grant;
    if (grant === undefined || !isHeldBy(grant, context))
      return problemResponse(context, statusProblem(401));
    grants.set(context.req.raw, grant);
    return next();
  };
}

const isHeldBy = ({ peer }: BusToken, context: Context): boolean =>
  peer === undefined || mayBe(context, peer);

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function mayConsume({ consume }: BusToken, { stream, consumer }: ConsumerName): boolean {
  return consume.some((name) => name.stream === stream && name.consumer === consumer);
}

function param(context: Context, name: string): string {
  return context.req.param(name) ?? "";
}

async function bodyOf<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  return parse(schema, await context.req.json().catch(() => undefined));
}

class RequestInvalid extends Error {}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new RequestInvalid("the request does not fit the schema");
  return result.data;
}

function forbidden(): RuntimeError {
  return new RuntimeError("BUS_FORBIDDEN", "the token does not open this");
}

function problemOf(error: unknown): Problem | undefined {
  if (error instanceof RequestInvalid) return statusProblem(400);
  if (!(error instanceof RuntimeError)) return undefined;
  const { code, message: title } = error;
  if (code === "BUS_FORBIDDEN") return { status: 403, code, title };
  if (code === "BUS_UNKNOWN_STREAM" || code === "BUS_UNKNOWN_CONSUMER") {
    return { status: 404, code, title };
  }
  if (code === "BUS_TOO_LARGE") return { status: 413, code, title };
  if (code === "BUS_CLOSED") return { status: 503, code: "BUS_UNREACHABLE", title };
  return undefined;
}
