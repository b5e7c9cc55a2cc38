/** Errors over HTTP as RFC 9457 problem+json, with a literal `code` that clients may act on. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";

export interface Problem {
  readonly status: ContentfulStatusCode;
  /** Literal, upper case: what a client switches on. */
  readonly code: string;
  /** One sentence for a person: what and what to do. No values. */
  readonly title: string;
  readonly detail?: string;
  /** Where a request is wrong: path and rule, never the value. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** Maps a service's own errors; undefined leaves the error to the defaults. */
export type ProblemOf = (error: unknown) => Problem | undefined;

/** The answer; to be returned from a handler for an expected refusal. */
export function problemResponse(context: Context, problem: Problem): Response {
  context.set("problemCode", problem.code);
  const body = { type: "about:blank", ...problem };
  return context.body(JSON.stringify(body), problem.status, {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  });
}

const titles: Readonly<Record<number, readonly [code: string, title: string]>> = {
  400: ["REQUEST_INVALID", "the request is not well formed"],
  401: ["UNAUTHENTICATED", "credentials are missing or wrong"],
  403: ["FORBIDDEN", "these credentials may not do this"],
  404: ["NOT_FOUND", "there is nothing at this address"],
  405: ["METHOD_NOT_ALLOWED", "this address does not take this method"],
  413: ["BODY_TOO_LARGE", "the request's body is too large"],
  504: ["TIMED_OUT", "the answer took too long; try again"],
};

/** A problem for a bare status. */
export function statusProblem(status: ContentfulStatusCode): Problem {
  const [code, title] = titles[status] ?? ["INTERNAL", "the server failed; the log says why"];
  return { status, code, title };
}

/** What the framework throws; undefined for everything unexpected. */
export function frameworkProblem(error: unknown): Problem | undefined {
  return error instanceof HTTPException ? statusProblem(error.status) : undefined;
}
