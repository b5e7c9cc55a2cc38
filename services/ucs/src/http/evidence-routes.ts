/**
 * What a customer checks his bills by: the sealed bills themselves, the registry's public view, and the aggregator's answers about his own
 * service point (docs/protocol.md §10.3, §11.5). No question names a service point: it follows from the session.
 */
import { fromHex, toBase64Url, type RegistryFeed, type UcsView } from "@smarter-metering/protocol";
import { createRoute, type App } from "@smarter-metering/runtime";
import type { Evidence } from "../evidence.ts";
import { UcsError } from "../error.ts";
import type { HouseholdStore } from "../household-store.ts";
import { servicePointsOf } from "../service-points.ts";
import type { StatementStore } from "../statement-store.ts";
import * as schema from "./schemas.ts";
import type { SessionAuth } from "./session-auth.ts";

/** Two years of months, of about 16 KB each. */
const STATEMENTS_PER_PAGE_MAX = 24;

export interface EvidenceRoutesPorts {
  readonly registry: RegistryFeed<UcsView>;
  readonly households: HouseholdStore;
  readonly statements: StatementStore;
  readonly evidence: Evidence;
  readonly auth: SessionAuth;
}

/** JSON that is another party's. */
const passedOn = (description: string) => ({
  200: { description },
  ...schema.problems,
});

const routes = {
  statements: createRoute({
    method: "get",
    path: "/v1/statements",
    request: { query: schema.statementQuery },
    responses: {
      200: schema.json(schema.statements, "Sealed statements in the order of windows, in pages"),
      ...schema.problems,
    },
  }),
  registry: createRoute({
    method: "get",
    path: "/v1/registry",
    responses: {
      ...passedOn("The root key, every epoch and the newest public view"),
      304: { description: "It is still that of the ETag" },
    },
  }),
  contributions: createRoute({
    method: "get",
    path: "/v1/evidence/contributions",
    request: { query: schema.evidenceQuery },
    responses: passedOn("As the aggregator answers"),
  }),
  requests: createRoute({
    method: "get",
    path: "/v1/evidence/requests",
    request: { query: schema.evidenceQuery },
    responses: passedOn("As the aggregator answers"),
  }),
};

export function addEvidenceRoutes(app: App, ports: EvidenceRoutesPorts): void {
  const { registry, households, statements, evidence, auth } = ports;

  // An unknown mailbox is an empty one. Nobody counts guesses: there are 2^128 of them.
  app.openapi(routes.statements, async (context) => {
    const { login } = await auth.require(context);
    const { mailbox: name, cursor } = context.req.valid("query");
    const mailbox = fromHex(name);
    const limit = STATEMENTS_PER_PAGE_MAX;
    const page = await statements.page(mailbox, { after: cursor ?? -1, limit });
    if (page.length > 0) await statements.noteReader(mailbox, login);
    const last = page.at(-1);
    const next = last === undefined || page.length < limit ? {} : { next: String(last.from) };
    context.header("cache-control", "no-store");
    const messages = page.map(({ message }) => toBase64Url(message));
    return context.json({ statements: messages, ...next }, 200);
  });

  app.openapi(routes.registry, async (context) => {
    await auth.require(context);
    const { hash, text } = await evidence.publicRegistry();
    context.header("etag", `"${hash}"`);
    context.header("cache-control", "private, no-cache");
    if (context.req.header("if-none-match") === `"${hash}"`) return context.body(null, 304);
    return context.body(text, 200, { "content-type": "application/json" });
  });

  const ownServicePoint = async (login: string): Promise<string> => {
    const reach = await households.reach(login, servicePointsOf(registry.current().view));
    if (reach === undefined) throw new UcsError("UCS_NOT_ENROLLED");
    return reach.servicePoint;
  };

  for (const kind of ["contributions", "requests"] as const) {
    app.openapi(routes[kind], async (context) => {
      const servicePoint = await ownServicePoint((await auth.require(context)).login);
      const query = new URLSearchParams(
        Object.entries(context.req.valid("query")).map(([name, value]) => [name, String(value)]),
      );
      const path =
        kind === "contributions"
          ? `/v1/contributions?servicePoint=${servicePoint}&${query}`
          : `/v1/service-points/${servicePoint}/requests?${query}`;
      const answer = await evidence.ask(path);
      context.header("cache-control", "no-store");
      return context.body(answer, 200, { "content-type": "application/json" });
    });
  }
}
