/** What the registry's operators watch: how much it lists, and until when meters have a key to wrap to. */
import type { Metrics } from "@smarter-metering/runtime";
import type { RegistryState } from "./state.ts";

export function addRegistryMetrics(metrics: Metrics, state: () => RegistryState): void {
  const servicePoints = metrics.gauge("registry_service_points", "Service points that are listed");
  const cohorts = metrics.gauge("registry_cohorts", "Neighbourhoods that load is released of");
  const keyEnd = metrics.gauge(
    "registry_opener_key_end_timestamp_seconds",
    "Until when meters have a key of the opener; 0: there is no opener",
  );
  metrics.collect("registry state", () => {
    const { servicePoints: listed, cohortOf, openerKeys } = state();
    servicePoints.set(listed.length);
    cohorts.set(new Set(Object.values(cohortOf)).size);
    keyEnd.set(Math.max(0, ...(openerKeys?.keys ?? []).map(({ to }) => to)));
  });
}
