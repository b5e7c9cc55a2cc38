/** The profile that a meter has used (docs/protocol.md §2.6): upwards alone. */
import { MeterError } from "./error.ts";
import type { MeterMemory } from "./memory.ts";
import type { MeterPorts } from "./meter.ts";
import type { Provisioning } from "./provisioning.ts";

/** On disk before the first frame of the higher profile. Throws METER_PROFILE_LOWERED. */
export async function keepProfile(
  provisioning: Provisioning,
  memory: MeterMemory,
  { journal }: Pick<MeterPorts, "journal">,
): Promise<void> {
  const { profile, meterName } = provisioning;
  if (profile === memory.profile) return;
  if (profile === "pes-encrypts") {
    const message = `meter ${meterName} encrypts for itself and seals nothing for an opener any more; provision it for meter-encrypts`;
    throw new MeterError("METER_PROFILE_LOWERED", message);
  }
  const record = { kind: "PROFILE", profile } as const;
  await journal.append(provisioning, [record]);
  await memory.apply(record);
}
