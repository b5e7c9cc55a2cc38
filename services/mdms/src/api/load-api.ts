/** `/v1/load`, `/v1/cohorts`: neighbourhoods. */
import { createRoute, z, type App, type Sql } from "@smarter-metering/runtime";
import { readLoad, type LoadCursor, type LoadQuery } from "../load-query.ts";
import { readCounts } from "../overview-query.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, format, listAnswers, nextOf } from "./answers.ts";
import { csvResponse, wantsCsv, type Cell } from "./csv.ts";
import { encodeCursor } from "./cursor.ts";
import { cohortId, cohortList, loadPage, pageOf, range, toIso } from "./schemas.ts";

/** More than a year of one cohort's days. */
const BLOCKS_MAX = 400;
/** Of a page of CSV, where each interval is a row. */
const CSV_BLOCKS = 50;

export function addLoadApi(app: App, { store, context, guard }: WebPorts): void {
  const loadRoute = createRoute({
    method: "get",
    path: "/v1/load",
    summary: "Released load of neighbourhoods, whole blocks that touch [from, to)",
    middleware: guard.api({
      permission: "neighbourhoods",
      action: "load.view",
      subject: (c) => c.req.query("cohort"),
    }),
    request: {
      query: z.object({
        cohort: cohortId.optional(),
        direction: z.enum(["import", "export"]).default("import"),
        ...range,
        ...pageOf(BLOCKS_MAX),
        format,
      }),
    },
    responses: listAnswers("Blocks in the order of time, then of cohorts", loadPage),
  });
  app.openapi(loadRoute, async (c) => {
    const { cohort, direction, from, to, cursor, limit } = c.req.valid("query");
    const query = {
      cohort,
      stream: direction === "import" ? ("LOAD" as const) : ("LOAD_EXPORT" as const),
      fromSeconds: from,
      toSeconds: to,
    };
    if (wantsCsv(c)) {
      const columns = ["cohort", "start", "interval_seconds", "energy_Wh", "contributors"];
      return csvResponse(c, { name: `load-${direction}`, columns, pages: intervals(store, query) });
    }
    const after = cursor && { blockStart: cursor[0], cohort: cursor[1] };
    const blocks = await readLoad(store, { ...query, after, limit });
    const releases = blocks.map((block) => ({
      cohort: block.cohort,
      start: toIso(block.blockStart),
      intervalSeconds: block.intervalSeconds,
      contributors: block.contributors,
      members: block.members,
      energy_Wh: [...block.energyWattHours],
      contributorsPerSlot: [...block.contributorsPerSlot],
      policyId: block.policyId,
      requestDigest: block.requestDigest,
    }));
    const next = nextOf(blocks, limit, (last) => encodeCursor([last.blockStart, last.cohort]));
    return c.json({ releases, ...next }, 200);
  });

  const cohortsRoute = createRoute({
    method: "get",
    path: "/v1/cohorts",
    summary: "Neighbourhoods of the registry and how far their releases have come",
    middleware: guard.api({ permission: "neighbourhoods", action: "cohorts.view" }),
    responses: answers("Every cohort, newest version", cohortList),
  });
  app.openapi(cohortsRoute, async (c) => {
    const { cohorts } = await context();
    const counts = new Map((await readCounts(store)).cohorts.map((entry) => [entry.cohort, entry]));
    const list = [...cohorts.values()].map(({ id, version, zone, intervalSeconds, members }) => {
      const known = counts.get(id);
      const lastBlock = known === undefined ? null : toIso(known.lastBlockStart);
      const releasedBlocks = known?.blocks ?? 0;
      return { cohort: id, version, zone, intervalSeconds, members, releasedBlocks, lastBlock };
    });
    return c.json({ cohorts: list }, 200);
  });
}

/** An interval a row; one that nobody was counted in has no energy. */
async function* intervals(
  sql: Sql,
  query: Omit<LoadQuery, "after" | "limit">,
): AsyncGenerator<Cell[][], void> {
  let after: LoadCursor | undefined;
  do {
    const blocks = await readLoad(sql, { ...query, after, limit: CSV_BLOCKS });
    yield blocks.flatMap(({ cohort, blockStart, intervalSeconds, ...block }) =>
      block.energyWattHours.map((energy, slot) => {
        const contributors = block.contributorsPerSlot[slot] ?? 0;
        const start = toIso(blockStart + slot * intervalSeconds);
        return [cohort, start, intervalSeconds, contributors === 0 ? null : energy, contributors];
      }),
    );
    after = blocks.length < CSV_BLOCKS ? undefined : blocks.at(-1);
  } while (after !== undefined);
}
