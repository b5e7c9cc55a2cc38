/** What a fleet counts. No label names a meter: a metric per household would be a load curve. */
import type { Counter, Gauge, Metrics } from "@smarter-metering/runtime";

export interface FleetMetrics {
  /** Intervals by what validation found (docs/quality.md). */
  readonly findings: Counter;
  /** Days that the meter furthest behind has still to bring to the concentrator. */
  readonly backlog: Gauge;
  readonly drift: Gauge;
}

export function fleetMetrics(metrics: Metrics): FleetMetrics {
  return {
    findings: metrics.counter(
      "meter_intervals_found_total",
      "Intervals of sealed days by what validation found",
      ["code"],
    ),
    backlog: metrics.gauge(
      "meter_backlog_days",
      "Days that the meter furthest behind has still to bring to the concentrator",
    ),
    drift: metrics.gauge(
      "meter_clock_drift_seconds",
      "How far the meters' clock is ahead of the concentrator's, at least",
    ),
  };
}
