/**
 * How many requests one address may make (a token bucket for each), in front of everything else that a public role does. It bounds what
 * one caller costs the others; what guards passwords and codes counts by account, in the services.
 */
import type { IncomingMessage } from "node:http";
import { isIP, isIPv6 } from "node:net";
import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "../clock.ts";
import { problemResponse } from "./problem.ts";

export interface RequestLimit {
  /** In a minute on average, and at once after a minute's silence. */
  readonly perMinute: number;
  /**
   * Addresses of proxies, as the role sees them: of a request through one of them the last entry of X-Forwarded-For is the caller, which
   * that proxy has written. Empty: the header says nothing.
   */
  readonly trustedProxies: readonly string[];
}

/** Callers that are remembered; beyond it the one that was silent longest begins anew. About 10 MB. */
const CALLERS_MAX = 100_000;

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** 429 RATE_LIMITED with Retry-After for a caller that has none left. Who calls from the machine itself, and is no proxy, is not counted. */
export function requestLimit(limit: RequestLimit, clock: Clock): MiddlewareHandler {
  const buckets = new Map<string, Bucket>();
  const perMs = limit.perMinute / 60_000;
  return async (context, next) => {
    const caller = callerOf(context, limit.trustedProxies);
    if (caller === undefined) return next();
    const nowMs = clock.nowMs();
    const { tokens, atMs } = buckets.get(caller) ?? { tokens: limit.perMinute, atMs: nowMs };
    const filled = Math.min(limit.perMinute, tokens + Math.max(0, nowMs - atMs) * perMs);
    const isLimited = filled < 1;
    // Put at the end: the first is the one that was silent longest.
    buckets.delete(caller);
    buckets.set(caller, { tokens: isLimited ? filled : filled - 1, atMs: nowMs });
    if (buckets.size > CALLERS_MAX) forgetFirst(buckets);
    if (!isLimited) return next();
    context.header("retry-after", String(Math.ceil((1 - filled) / perMs / 1000)));
    return problemResponse(context, {
      status: 429,
      code: "RATE_LIMITED",
      title: "too many requests from this address; try again in a moment",
    });
  };
}

function forgetFirst(buckets: Map<string, Bucket>): void {
  for (const caller of buckets.keys()) {
    buckets.delete(caller);
    return;
  }
}

/** Undefined for the machine itself, and where the connection is not known. */
function callerOf(context: Context, trustedProxies: readonly string[]): string | undefined {
  const env = context.env as { incoming?: IncomingMessage } | undefined; // Undefined for requests that a test makes.
  const remote = plainAddress(env?.incoming?.socket.remoteAddress ?? "");
  if (trustedProxies.includes(remote)) {
    const forwarded = context.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() ?? "";
    // A proxy that says nothing is one caller.
    return isIP(forwarded) === 0 ? remote : networkOf(plainAddress(forwarded));
  }
  if (remote === "" || remote === "::1" || remote.startsWith("127.")) return undefined;
  return networkOf(remote);
}

/** An IPv4 address that came in an IPv6 one is the same caller. */
const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");

/** Of IPv6 the first 64 bits: a household or a server has as many addresses below them as it likes. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
