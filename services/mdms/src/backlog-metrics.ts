/** What the MDMS's operators watch: alarms that nobody has seen to, and bills on their way. */
import type { Metrics, Store } from "@smarter-metering/runtime";

export function addBacklogMetrics(metrics: Metrics, store: Store): void {
  const alarms = metrics.gauge("mdms_alarms_open", "Alarms that no operator has seen to");
  const unsent = metrics.gauge(
    "mdms_bills_unsent",
    "Bills of customers with a mailbox that are still to be sent",
  );
  metrics.collect("backlog", async () => {
    const [row] = await store.query<{ alarms: number; unsent: number }>(
      `select (select count(*) from alarm where acknowledged_at is null)::int4 as alarms,
        ((select count(*) from delivery join mailbox using (service_point) where due)
          + (select count(*) from delivery where sealed is not null and not due))::int4 as unsent`,
    );
    alarms.set(row?.alarms ?? 0);
    unsent.set(row?.unsent ?? 0);
  });
}
