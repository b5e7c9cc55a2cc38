/** `/v1/load`, `/v1/cohorts`: neighbourhoods. */
import { createRoute, z, type App } from "@smarter-metering/runtime";
import { readLoad } from "../load-query.ts";
import { readCounts } from "../overview-query.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, nextOf } from "./answers.ts";
import { encodeCursor } from "./cursor.ts";
import { cohortId, cohortList, loadPage, pageOf, range, toIso } from "./schemas.ts";

/** More than a year of one cohort's days. */
const BLOCKS_MAX = 400;

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
      }),
    },
    responses: answers("Blocks in the order of time, then of cohorts", loadPage),
  });
  app.openapi(loadRoute, async (c) => {
    const { cohort, direction, from, to, cursor, limit } = c.req.valid("query");
    const blocks = await readLoad(store, {
      cohort,
      stream: direction === "import" ? "LOAD" : "LOAD_EXPORT",
      fromSeconds: from,
      toSeconds: to,
      after: cursor && { blockStart: cursor[0], cohort: cursor[1] },
      limit,
    });
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
