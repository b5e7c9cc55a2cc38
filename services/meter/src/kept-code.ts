/** Which enrolment code of its contract a meter knows to be the newest (docs/protocol.md §10.1): forwards alone. */
import { MeterError } from "./error.ts";
import type { MeterMemory } from "./memory.ts";
import type { MeterPorts } from "./meter.ts";
import type { Provisioning } from "./provisioning.ts";

/** On disk before the first request under a new code. The customer stays enrolled until one comes. Throws METER_CODE_VOID. */
export async function keepCode(
  provisioning: Provisioning,
  memory: MeterMemory,
  { journal }: Pick<MeterPorts, "journal">,
): Promise<void> {
  const { recodes, meterName } = provisioning;
  if (recodes === memory.recodes) return;
  if (recodes < memory.recodes) {
    const message = `meter ${meterName} knows of a newer enrolment code; provision it with the registry's newest`;
    throw new MeterError("METER_CODE_VOID", message);
  }
  const record = { kind: "RECODED", recodes } as const;
  await journal.append(provisioning, [record]);
  await memory.apply(record);
}
