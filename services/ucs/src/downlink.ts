/** Enrolment requests on their way to the meters: stored first, then published; what a crash left is published at the next start. */
import { primitives, toHex } from "@smarter-metering/protocol";
import type { Bus } from "@smarter-metering/runtime";
import type { EnrolmentStore } from "./enrolment-store.ts";

/** Publishes what waits. Idempotent: the bus knows a request by the hash of its bytes. */
export async function flushDownlink(bus: Bus, enrolments: EnrolmentStore): Promise<void> {
  for (const { meter, nonce, request } of await enrolments.unpublished()) {
    const id = toHex(await primitives.sha256(request));
    const result = await bus.publish("downlink", [{ id, subject: meter, body: request }]);
    if ("full" in result) return; // The next flush tries again.
    await enrolments.published(meter, nonce);
  }
}
