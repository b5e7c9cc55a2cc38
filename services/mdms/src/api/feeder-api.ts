/** `/v1/feeders`: what feeder meters measured, and how it compares with what was released. */
import { createRoute, z, type App, type Clock } from "@smarter-metering/runtime";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { MdmsError } from "../error.ts";
import { balanceDay, isImbalanced, type DayBalance } from "../feeder-balance.ts";
import {
  listFeeders,
  readFeederDays,
  storeFeederBlocks,
  type FeederBlock,
} from "../feeder-store.ts";
import { recentBalances, watchFeeder } from "../feeder-watch.ts";
import type { RegistryContext } from "../registry-context.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, format, listAnswers, notFound } from "./answers.ts";
import { csvResponse, onePage, wantsCsv, type Cell } from "./csv.ts";
import { feederDays, feederImport, feederImported, feederList } from "./feeder-schemas.ts";
import { cohortId, range, toIso } from "./schemas.ts";

const DAYS_MAX = 400;
const path = "/v1/feeders/{cohort}";
const params = z.object({ cohort: cohortId });
const subject = (c: Context): string | undefined => c.req.param("cohort");

export interface FeederApiPorts extends WebPorts {
  readonly clock: Clock;
}

export function addFeederApi(app: App, ports: FeederApiPorts): void {
  addList(app, ports);
  addDays(app, ports);
  addImport(app, ports);
}

function addList(app: App, { store, context, guard }: FeederApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/feeders",
    summary: "Neighbourhoods whose feeder is measured, and whether it agrees with their load",
    middleware: guard.api({ permission: "neighbourhoods", action: "feeders.view" }),
    request: { query: z.object({ format }) },
    responses: listAnswers("Every feeder", feederList),
  });
  app.openapi(route, async (c) => {
    const registry = await context();
    const feeders = [];
    for (const { cohort, days, lastBlockStart } of await listFeeders(store)) {
      const recent = await recentBalances(store, cohort, registry);
      const lossShare = recent.findLast((day) => day.lossShare !== undefined)?.lossShare ?? null;
      const alarm = isImbalanced(recent) ? ("FEEDER_IMBALANCE" as const) : null;
      feeders.push({ cohort, days, lastDay: toIso(lastBlockStart), lossShare, alarm });
    }
    if (!wantsCsv(c)) return c.json({ feeders }, 200);
    const columns = ["cohort", "days", "last_day", "loss_share", "alarm"];
    const pages = onePage(feeders.map((feeder) => Object.values(feeder)));
    return csvResponse(c, { name: "feeders", columns, pages });
  });
}

function addDays(app: App, { store, context, guard }: FeederApiPorts): void {
  const route = createRoute({
    method: "get",
    path,
    summary: "A feeder less the load of its neighbourhood, by interval and day",
    middleware: guard.api({ permission: "neighbourhoods", action: "feeder.view", subject }),
    request: {
      params,
      query: z.object({
        ...range,
        limit: z.coerce.number().int().min(1).max(DAYS_MAX).default(31),
        format,
      }),
    },
    responses: listAnswers("The newest days of the range, in the order of time", feederDays),
  });
  app.openapi(route, async (c) => {
    const { cohort } = c.req.valid("param");
    const { from, to, limit } = c.req.valid("query");
    const { policy } = await context();
    const query = { cohort, fromSeconds: from, toSeconds: to, limit };
    const days = (await readFeederDays(store, query)).map((day) =>
      balanceDay(day, policy.auditMembersMin),
    );
    if (!wantsCsv(c)) return c.json({ days: days.map(answerOf) }, 200);
    const columns = ["start", "interval_seconds", "difference_Wh", "scaled_load_Wh"];
    const pages = onePage(days.flatMap(cellsOf));
    return csvResponse(c, { name: "feeder", columns, pages });
  });
}

/** An interval a row. */
const cellsOf = ({ blockStart, intervalSeconds, slots }: DayBalance): Cell[][] =>
  slots.map((slot, index) => [
    toIso(blockStart + index * intervalSeconds),
    intervalSeconds,
    slot?.differenceWattHours,
    slot?.scaledLoadWattHours,
  ]);

function answerOf(day: DayBalance): z.infer<typeof feederDays>["days"][number] {
  return {
    start: toIso(day.blockStart),
    intervalSeconds: day.intervalSeconds,
    difference_Wh: day.slots.map((slot) => slot?.differenceWattHours ?? null),
    scaledLoad_Wh: day.slots.map((slot) => slot?.scaledLoadWattHours ?? null),
    balancedSlots: day.balancedSlots,
    feederTotal_Wh: day.feederWattHours,
    scaledLoadTotal_Wh: day.scaledLoadWattHours,
    lossShare: day.lossShare ?? null,
    judgement: day.judgement,
  };
}

function addImport(app: App, { store, context, guard, clock }: FeederApiPorts): void {
  const route = createRoute({
    method: "post",
    path,
    summary: "Whole local days of a feeder meter; a day that is there is replaced",
    middleware: guard.api({ permission: "feeders", action: "feeder.import", subject }),
    request: {
      params,
      body: { required: true, content: { "application/json": { schema: feederImport } } },
    },
    responses: { ...answers("Stored", feederImported), ...notFound },
  });
  app.openapi(route, async (c) => {
    const { cohort } = c.req.valid("param");
    const registry = await context();
    if (!registry.cohorts.has(cohort)) throw new HTTPException(404);
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const blocks: FeederBlock[] = [];
    for (const { start, energy_Wh } of c.req.valid("json").days) {
      const block = blockOf(registry, cohort, start, energy_Wh);
      if (block === undefined || block.blockEnd > nowSeconds) {
        const message = `${toIso(start)} is not the start of a past local day with as many intervals`;
        throw new MdmsError("MDMS_FEEDER_OFF_GRID", message);
      }
      blocks.push(block);
    }
    const alarm = await store.transaction(async (sql) => {
      await storeFeederBlocks(sql, blocks, nowSeconds);
      return watchFeeder(sql, cohort, registry, nowSeconds);
    });
    return c.json({ days: blocks.length, alarm: alarm ? "FEEDER_IMBALANCE" : null } as const, 200);
  });
}

/** Undefined when the readings are not those of a whole local day on the neighbourhood's grid. */
function blockOf(
  registry: RegistryContext,
  cohort: string,
  blockStart: number,
  energyWattHours: readonly (number | null)[],
): FeederBlock | undefined {
  const version = registry.cohortAt(cohort, blockStart);
  if (version === undefined || localDayStart(blockStart, version.zone) !== blockStart)
    return undefined;
  const { intervalSeconds, zone } = version;
  const blockEnd = addLocalDays(blockStart, 1, zone);
  if (energyWattHours.length !== (blockEnd - blockStart) / intervalSeconds) return undefined;
  return { cohort, blockStart, blockEnd, intervalSeconds, energyWattHours };
}
