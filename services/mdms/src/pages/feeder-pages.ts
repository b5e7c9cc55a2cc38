/** The address of the feeders' page. */
import type { Hono } from "hono";
import type { OperatorEnv } from "../access/guard.ts";
import { listFeeders } from "../feeder-store.ts";
import { recentBalances } from "../feeder-watch.ts";
import type { WebPorts } from "../web-ports.ts";
import { feedersBody, type FeederView } from "./feeder-page.ts";
import type { ShowPage } from "./pages.ts";

export function addFeeders(
  pages: Hono<OperatorEnv>,
  { store, context, guard }: WebPorts,
  show: ShowPage,
): void {
  const requirement = { permission: "neighbourhoods", action: "feeders.view" } as const;
  pages.get("/feeders", guard.page(requirement), async (c) => {
    const registry = await context();
    const feeders: FeederView[] = [];
    for (const { cohort } of await listFeeders(store)) {
      const zone = registry.cohorts.get(cohort)?.zone ?? "UTC";
      feeders.push({ cohort, zone, days: await recentBalances(store, cohort, registry) });
    }
    return show(c, registry, "Feeders", feedersBody(feeders));
  });
}
