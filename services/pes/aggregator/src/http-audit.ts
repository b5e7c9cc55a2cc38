/**
 * The part of the aggregator's API for those who check it (docs/protocol.md §7.4, §13): the log, contributions with
 * their receipts, and what requests were made of. Ciphertexts and network pseudonyms; no reading is anywhere here.
 */
import type { LogReader } from "@smarter-metering/log/store";
import {
  fromHex,
  toBase64Url,
  type NetworkView,
  type RegistryFeed,
} from "@smarter-metering/protocol";
import { createRoute, problemResponse, z, type App, type Sql } from "@smarter-metering/runtime";
import { findRequest, listContributions } from "./audit.ts";
import { listOwnRequests, ownPlaceText } from "./own-requests.ts";
import { SET_STATES, type SetState } from "./request-state.ts";
import { AGGREGATOR_KEPT_DAYS } from "./retention.ts";

const ENTRIES_MAX = 1024;
const CONTRIBUTIONS_MAX = 1000;
/** Each is a tree over a cohort's contributions: a month of both directions, and its bill. */
const OWN_REQUESTS_MAX = 64;

const base64Url = z.string().regex(/^[A-Za-z0-9_-]*$/);
/** C2SP tlog-proof. */
const receipt = z.string().nullable();
/** C2SP signed note. */
const note = z.string().nullable();
const seconds = z.coerce.number().int().min(0);
const setState = z.enum(SET_STATES as [SetState, ...SetState[]]); // Not empty: five states.

export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

const getHead = createRoute({
  method: "get",
  path: "/v1/log/head",
  responses: {
    200: json(
      z.object({ size: z.number().int(), head: note, standing: note }),
      "Entries, the newest head, and the newest that the quorum cosigned",
    ),
  },
});

const getEntries = createRoute({
  method: "get",
  path: "/v1/log/entries",
  request: {
    query: z.object({
      from: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(ENTRIES_MAX).default(ENTRIES_MAX),
    }),
  },
  responses: {
    200: json(
      z.object({ entries: z.array(base64Url) }),
      "Encoded entries in order; none at the end",
    ),
  },
});

const getContributions = createRoute({
  method: "get",
  path: "/v1/contributions",
  request: {
    query: z.object({
      servicePoint: z.string().regex(/^[0-9a-f]{32}$/),
      from: seconds,
      to: seconds,
      stream: z.enum(["LOAD", "LOAD_EXPORT", "BILL", "COST", "STEPS"]).optional(),
      limit: z.coerce.number().int().min(1).max(CONTRIBUTIONS_MAX).default(CONTRIBUTIONS_MAX),
      offset: z.coerce.number().int().min(0).default(0),
    }),
  },
  responses: {
    200: json(
      z.object({ contributions: z.array(z.object({ encoded: base64Url, receipt })) }),
      "Those that end in [from, to], in order",
    ),
  },
});

const getRequest = createRoute({
  method: "get",
  path: "/v1/requests/{digest}",
  request: { params: z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/) }) },
  responses: {
    200: json(
      z.object({
        terms: base64Url,
        contributions: z.array(base64Url),
        receipt,
        state: setState,
      }),
      "Signed terms from the log, and the ledger's contributions to what they ask for",
    ),
    404: { description: "No such request is in the log" },
    410: { description: "Its contributions are not kept any more" },
  },
});

const getOwnRequests = createRoute({
  method: "get",
  path: "/v1/service-points/{servicePoint}/requests",
  request: {
    params: z.object({ servicePoint: z.string().regex(/^[0-9a-f]{32}$/) }),
    query: z.object({
      from: seconds,
      to: seconds,
      limit: z.coerce.number().int().min(1).max(OWN_REQUESTS_MAX).default(OWN_REQUESTS_MAX),
      offset: z.coerce.number().int().min(0).default(0),
    }),
  },
  responses: {
    200: json(
      z.object({
        requests: z.array(
          z.object({
            stream: z.enum(["LOAD", "LOAD_EXPORT", "BILL"]),
            cohort: z.string().nullable(),
            from: z.number().int(),
            to: z.number().int(),
            state: setState,
            codes: z.array(z.string()).readonly(),
            terms: base64Url.nullable(),
            receipt,
            own: z.array(z.object({ index: z.number().int(), path: z.array(z.string()) })),
          }),
        ),
      }),
      "What its contributions were asked for in [from, to), and where in each request they stand",
    ),
  },
});

export interface AuditSources {
  readonly sql: Sql;
  readonly log: LogReader;
  readonly registry: Pick<RegistryFeed<NetworkView>, "current">;
}

export function addAuditRoutes(app: App, { sql, log, registry }: AuditSources): void {
  app.openapi(getHead, async (context) => {
    const size = await log.publishedSize();
    const newest = await log.batch(size);
    const standing = await log.quorumHead();
    const body = { size, head: newest?.head ?? null, standing: standing ?? null };
    return context.json(body, 200);
  });
  app.openapi(getEntries, async (context) => {
    const { from, limit } = context.req.valid("query");
    const entries = await log.entries(from, limit);
    return context.json({ entries: entries.map(toBase64Url) }, 200);
  });
  app.openapi(getContributions, async (context) => {
    const { limit, offset, stream, ...place } = context.req.valid("query");
    const filter = stream === undefined ? place : { ...place, stream };
    const found = await listContributions(sql, log, filter, { limit, offset });
    const contributions = found.map(({ encoded, ...rest }) => {
      return { encoded: toBase64Url(encoded), ...rest };
    });
    return context.json({ contributions }, 200);
  });
  app.openapi(getOwnRequests, async (context) => {
    const { limit, offset, from, to } = context.req.valid("query");
    const { servicePoint } = context.req.valid("param");
    const filter = { servicePoint, from, to };
    const found = await listOwnRequests(sql, log, filter, { limit, offset });
    const requests = found.map(({ terms, own, ...request }) => {
      const encoded = terms && toBase64Url(terms);
      return { ...request, terms: encoded, own: own.map(ownPlaceText) };
    });
    return context.json({ requests }, 200);
  });
  app.openapi(getRequest, async (context) => {
    const digest = fromHex(context.req.valid("param").digest, 32);
    const found = await findRequest(sql, log, digest, registry.current().view);
    if (found === undefined) {
      return problemResponse(context, {
        status: 404,
        code: "REQUEST_UNKNOWN",
        title: "no such request is in the log",
      });
    }
    if (found === "forgotten") {
      const days = AGGREGATOR_KEPT_DAYS.loads;
      return problemResponse(context, {
        status: 410,
        code: "REQUEST_FORGOTTEN",
        title: `contributions to a load are kept for ${days} days after it was sealed`,
      });
    }
    const { terms, contributions, receipt, state } = found;
    const body = { terms: toBase64Url(terms), contributions: contributions.map(toBase64Url) };
    return context.json({ ...body, receipt, state }, 200);
  });
}
