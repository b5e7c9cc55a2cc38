/** What the aggregator counts for its operators (docs/operating.md): outcomes and codes, never of one household. */
import type { Metrics } from "@smarter-metering/runtime";

export type Meters = ReturnType<typeof createMeters>;

export function createMeters(metrics: Metrics) {
  return {
    contributions: metrics.counter(
      "aggregator_contributions_total",
      "Contributions by stream and outcome",
      ["stream", "outcome"],
    ),
    alarms: metrics.counter(
      "aggregator_alarms_total",
      "Contributions that were refused or contradict another, by code",
      ["code"],
    ),
    requests: metrics.counter("aggregator_requests_total", "Release requests published"),
    answers: metrics.counter("aggregator_answers_total", "Answers of trustees by outcome", [
      "outcome",
    ]),
    cosignatures: metrics.counter(
      "aggregator_cosignatures_total",
      "Heads that came back cosigned, by outcome",
      ["outcome"],
    ),
    leads: metrics.gauge("aggregator_leads", "1 while this aggregator leads, else 0"),
    members: metrics.gauge(
      "aggregator_members",
      "Aggregators that share the work, as it sees them",
    ),
    partitions: metrics.gauge(
      "aggregator_partitions",
      "Partitions of contributions that this aggregator takes",
    ),
  };
}
