/**
 * A door of the aggregator's own for the MDMS (docs/protocol.md §7.5): it opens with one token, and nothing is behind it but
 * ledger-report.ts. The aggregator's other routes name service points by network pseudonym, which the MDMS must never see; they listen
 * elsewhere, where the MDMS does not reach.
 */
import type { LogReader } from "@smarter-metering/log/store";
import { primitives, utf8 } from "@smarter-metering/protocol";
import {
  createApp,
  createMetrics,
  createRoute,
  problemResponse,
  statusProblem,
  z,
  type App,
} from "@smarter-metering/runtime";
import type { AggregatorPorts } from "./aggregator.ts";
import { json } from "./http-audit.ts";
import { loadSet, setState } from "./http.ts";
import { countBills, listBlocks, summariseLedger } from "./ledger-report.ts";
import { registryContext } from "./registry-context.ts";

const PAGE_MAX = 200;
const SECONDS_MAX = 253_402_300_799;

const seconds = z.coerce.number().int().min(0).max(SECONDS_MAX);
const range = { from: seconds.default(0), to: seconds.default(SECONDS_MAX) };
const stream = z.enum(["LOAD", "LOAD_EXPORT"]);
const block = loadSet
  .extend({
    contributors: z.number().int(),
    answers: z
      .array(z.object({ trustee: z.number().int(), codes: z.array(z.string()).readonly() }))
      .readonly(),
  })
  .openapi("LedgerBlock");
/** `<block>/<cohort>/<version>/<stream>` of a page's last row. */
const cursor = z
  .string()
  .regex(/^\d{1,12}\/[^/]{1,64}\/\d{1,9}\/LOAD(_EXPORT)?$/)
  .transform((text) => {
    const [start = "", cohort = "", version = "", of = ""] = text.split("/");
    return { block: Number(start), after: [cohort, Number(version), of] as const };
  });

const getBlocks = createRoute({
  method: "get",
  path: "/v1/ledger/blocks",
  request: {
    query: z.object({
      ...range,
      cohort: z.string().max(64).optional(),
      state: setState.optional(),
      code: z.string().max(64).optional(),
      stream: stream.optional(),
      limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(100),
      cursor: cursor.optional(),
    }),
  },
  responses: {
    200: json(
      z.object({ blocks: z.array(block), next: z.string().nullable() }),
      "LOAD sets that begin in [from, to), newest first; `next` is the cursor of the next page",
    ),
  },
});

const getBills = createRoute({
  method: "get",
  path: "/v1/ledger/bills",
  request: { query: z.object(range) },
  responses: {
    200: json(
      z.object({
        bills: z
          .array(
            z.object({
              fromGrid: z.number(),
              toGrid: z.number(),
              state: setState,
              code: z.string().nullable(),
              costCode: z.string().nullable(),
              windows: z.number().int(),
            }),
          )
          .readonly(),
        more: z.boolean(),
      }),
      "How many BILL windows that touch [from, to) are in which state, and why",
    ),
  },
});

const getSummary = createRoute({
  method: "get",
  path: "/v1/ledger/summary",
  request: { query: z.object(range) },
  responses: {
    200: json(
      z.object({
        sets: z
          .array(
            z.object({
              cohort: z.string(),
              stream,
              state: setState,
              code: z.string().nullable(),
              blocks: z.number().int(),
            }),
          )
          .readonly(),
        contributions: z.record(z.string(), z.record(z.string(), z.number())),
      }),
      "LOAD sets that begin in [from, to) by cohort, state and code; contributions by outcome, ever",
    ),
  },
});

/** The app, not listening. Every route but the health checks answers 401 without `token`. */
export function ledgerApp(
  { store, log, clock, registry }: Omit<AggregatorPorts, "metrics">,
  publicLog: LogReader,
  token: string,
): App {
  const app = createApp({
    title: "Smarter Metering aggregator: ledger",
    version: "1",
    log,
    clock,
    // Its own: those of the aggregator are not for the MDMS.
    metrics: createMetrics(),
  });
  app.use("/v1/*", async (context, next) => {
    const given = /^Bearer (\S{16,256})$/.exec(context.req.header("authorization") ?? "")?.[1];
    if (await isSame(given ?? "", token)) return next();
    return problemResponse(context, statusProblem(401));
  });
  app.openapi(getBlocks, async (context) => {
    const query = context.req.valid("query");
    const sources = { store, log: publicLog, registry: await registryContext(registry.current()) };
    const blocks = await listBlocks(sources, query);
    const last = blocks.length < query.limit ? undefined : blocks.at(-1);
    const next = last && `${last.blockStart}/${last.cohort}/${last.cohortVersion}/${last.stream}`;
    return context.json({ blocks, next: next ?? null }, 200);
  });
  app.openapi(getBills, async (context) =>
    context.json(await countBills(store, context.req.valid("query")), 200),
  );
  app.openapi(getSummary, async (context) =>
    context.json(await summariseLedger(store, context.req.valid("query")), 200),
  );
  return app;
}

/** Of hashes, in constant time: neither bytes nor length of the token show in the answer's timing. */
async function isSame(given: string, token: string): Promise<boolean> {
  const [a, b] = await Promise.all([given, token].map((text) => primitives.sha256(utf8(text))));
  return a !== undefined && b !== undefined && primitives.equalSecret(a, b);
}
