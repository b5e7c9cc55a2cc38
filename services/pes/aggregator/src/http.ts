/**
 * The aggregator's API: for operators states and reasons, for those who check it what http-audit.ts adds. Ciphertexts at
 * most; nothing here was ever a reading.
 */
import type { LogReader } from "@smarter-metering/log/store";
import {
  createApp,
  createRoute,
  hasCode,
  problemResponse,
  z,
  type App,
} from "@smarter-metering/runtime";
import type { AggregatorPorts, AggregatorService } from "./aggregator.ts";
import { addAuditRoutes, json } from "./http-audit.ts";
import { listBills, listSets, type ReportSources } from "./report.ts";
import { registryContext } from "./registry-context.ts";
import { SET_STATES, type SetState } from "./request-state.ts";

const PAGE_MAX = 500;

export const setState = z.enum(SET_STATES as [SetState, ...SetState[]]); // Not empty: five states.
const hex16 = z.string().regex(/^[0-9a-f]{32}$/);
const seconds = z.number().int();
/** Trustees' numbers. */
const trustees = z.array(z.number().int()).readonly();
const requestState = {
  state: setState,
  codes: z.array(z.string()).readonly(),
  requestDigest: z.string().nullable(),
  sealedAt: seconds.nullable(),
  log: z
    .object({
      entry: z.number().int().nullable(),
      needed: z.number().int(),
      cosigned: trustees,
      silent: trustees,
    })
    .nullable(),
  trustees: z
    .object({
      threshold: z.number().int(),
      answered: trustees,
      refused: trustees,
      silent: trustees,
    })
    .nullable(),
};
/** A LOAD set as both faces of the aggregator show it. */
export const loadSet = z
  .object({
    kind: z.literal("LOAD"),
    cohort: z.string(),
    cohortVersion: z.number().int(),
    stream: z.enum(["LOAD", "LOAD_EXPORT"]),
    blockStart: seconds,
    blockEnd: seconds,
    members: z.number().int(),
    slotCount: z.number().int(),
    slotsCovered: z.number().int(),
    slotsValued: z.number().int(),
    ...requestState,
  })
  .openapi("LoadSet");
const bill = z
  .object({
    kind: z.literal("BILL"),
    servicePoint: hex16,
    fromGrid: seconds,
    toGrid: seconds,
    fromBorder: seconds.nullable(),
    toBorder: seconds.nullable(),
    costCodes: z.array(z.string()).readonly(),
    ...requestState,
  })
  .openapi("BillWindow");
const asked = z.object({
  requested: z.array(z.union([loadSet, bill])).readonly(),
  notDue: z
    .array(z.object({ what: z.union([loadSet, bill]), reason: z.string(), dueAt: seconds }))
    .readonly(),
  suppressed: z.array(z.union([loadSet, bill])).readonly(),
});

const page = {
  state: setState.optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(100),
  offset: z.coerce.number().int().min(0).default(0),
};

const getSets = createRoute({
  method: "get",
  path: "/v1/sets",
  request: { query: z.object(page) },
  responses: { 200: json(z.object({ sets: z.array(loadSet) }), "LOAD sets, newest block first") },
});

const getBlock = createRoute({
  method: "get",
  path: "/v1/sets/{cohort}/{block}",
  request: { params: z.object({ cohort: z.string().max(64), block: z.coerce.number().int() }) },
  responses: {
    200: json(z.object({ sets: z.array(loadSet) }), "One block of a cohort, all streams, and why"),
    404: { description: "Nothing is known of this block" },
  },
});

const getBills = createRoute({
  method: "get",
  path: "/v1/bills",
  request: { query: z.object({ ...page, servicePoint: hex16.optional() }) },
  responses: { 200: json(z.object({ bills: z.array(bill) }), "BILL windows, newest first") },
});

const getSharing = createRoute({
  method: "get",
  path: "/v1/sharing",
  responses: {
    200: json(
      z.object({
        members: z.array(z.string()).readonly(),
        leader: z.string().nullable(),
        leads: z.boolean(),
        partitions: z.array(z.string()).readonly(),
      }),
      "Aggregators that share this one's database, and which partitions this one takes",
    ),
  },
});

const postRequests = createRoute({
  method: "post",
  path: "/v1/release-requests",
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.union([
            z.strictObject({ cohort: z.string().min(1).max(64) }),
            z.strictObject({ servicePoint: hex16 }),
          ]),
        },
      },
    },
  },
  responses: {
    200: json(asked, "What this call asked for, and what is not due and why"),
    409: { description: "Another aggregator leads: ask there" },
  },
});

/** The app, not listening; `/metrics`, `/healthz`, `/readyz`, `/openapi.json` come with it. */
export function aggregatorApp(
  service: Pick<AggregatorService, "askDue" | "sharing">,
  { store, log, clock, metrics, registry }: AggregatorPorts,
  publicLog: LogReader,
): App {
  const sourcesNow = async (): Promise<ReportSources> => {
    return { store, log: publicLog, registry: await registryContext(registry.current()) };
  };
  const app = createApp({
    title: "Smarter Metering aggregator",
    version: "1",
    log,
    clock,
    metrics,
  });
  app.openapi(getSets, async (context) => {
    const { state, limit, offset } = context.req.valid("query");
    const filter = state === undefined ? {} : { state };
    const sets = await listSets(await sourcesNow(), filter, { limit, offset });
    return context.json({ sets }, 200);
  });
  app.openapi(getBlock, async (context) => {
    const { cohort, block } = context.req.valid("param");
    const page = { limit: PAGE_MAX, offset: 0 };
    const sets = await listSets(await sourcesNow(), { cohort, block }, page);
    if (sets.length > 0) return context.json({ sets }, 200);
    return problemResponse(context, {
      status: 404,
      code: "SET_UNKNOWN",
      title: "nothing is known of this cohort's block",
    });
  });
  app.openapi(getBills, async (context) => {
    const { state, servicePoint, limit, offset } = context.req.valid("query");
    const filter = {
      ...(state === undefined ? {} : { state }),
      ...(servicePoint === undefined ? {} : { servicePoint }),
    };
    const bills = await listBills(await sourcesNow(), filter, { limit, offset });
    return context.json({ bills }, 200);
  });
  app.openapi(getSharing, (context) => {
    const { leader, ...sharing } = service.sharing();
    return context.json({ ...sharing, leader: leader ?? null }, 200);
  });
  app.openapi(postRequests, async (context) => {
    try {
      return context.json(await service.askDue(context.req.valid("json")), 200);
    } catch (error) {
      if (!hasCode(error, "GROUP_NOT_LEADER")) throw error;
      const title = `another aggregator leads: ${error.message}`;
      return problemResponse(context, { status: 409, code: "AGGREGATOR_NOT_LEADING", title });
    }
  });
  addAuditRoutes(app, { sql: store, log: publicLog, registry });
  return app;
}
