/** What every role's metrics begin with: the process, and how it stands with the registry. */
import { dirname } from "node:path";
import type { RegistryFeed } from "@smarter-metering/protocol";
import { addProcessMetrics, createMetrics, type Metrics } from "@smarter-metering/runtime";
import { programVersion } from "../version.ts";

/** `file`: one of the party's own folder, whose disk is watched. */
export async function partyMetrics(file: string): Promise<Metrics> {
  const metrics = createMetrics();
  addProcessMetrics(metrics, { version: await programVersion(), folder: dirname(file) });
  return metrics;
}

/** The epoch that a role acts under: the same everywhere, but for `registryPollSeconds`. */
export function addEpochMetrics(metrics: Metrics, current: () => { readonly epoch: number }): void {
  const epoch = metrics.gauge("registry_epoch", "Registry epoch that this role acts under");
  metrics.collect("registry", () => epoch.set(current().epoch));
}

export interface RefreshMetrics {
  /** Notes an attempt to hear of a newer epoch. */
  readonly refreshed: (isAnswered: boolean, nowMs: number) => void;
}

export function followerMetrics(
  metrics: Metrics,
  registry: Pick<RegistryFeed<unknown>, "current">,
): RefreshMetrics {
  addEpochMetrics(metrics, () => registry.current());
  const failures = metrics.counter(
    "registry_refresh_failures_total",
    "Times that the registry gave no valid answer",
  );
  const answered = metrics.gauge(
    "registry_refreshed_timestamp_seconds",
    "When the registry gave a valid answer last",
  );
  return {
    refreshed(isAnswered, nowMs) {
      if (isAnswered) answered.set(nowMs / 1000);
      else failures.add();
    },
  };
}
