/** A new key epoch of a meter (docs/protocol.md §2.6, §3): one at every start and start over. */
import { encodeEnvelope, sealEnvelope } from "@smarter-metering/protocol";
import type { Epoch, MeterMemory } from "./memory.ts";
import type { MeterPorts } from "./meter.ts";
import type { Provisioning } from "./provisioning.ts";

/**
 * Opens it, durably, with a fresh random key, `skip` above all that were. The opener's envelope is
 * made where there is an opener, and nowhere else.
 */
export async function openEpoch(
  provisioning: Provisioning,
  memory: MeterMemory,
  { journal, random, nowSeconds }: MeterPorts,
  skip = 1,
): Promise<Epoch> {
  const { networkPseudonym, meterId, opener, signer } = provisioning;
  const openedSeconds = nowSeconds();
  const keyEpoch = Math.max(memory.lastEpoch, openedSeconds - 1) + skip;
  const dataKey = random(32);
  const context = { recipient: "opener", networkPseudonym, meterId, keyEpoch } as const;
  const openerEnvelope =
    opener === undefined
      ? new Uint8Array(0)
      : encodeEnvelope(await sealEnvelope(context, dataKey, opener, signer));
  const record = { kind: "EPOCH", keyEpoch, dataKey, openedSeconds, openerEnvelope } as const;
  await journal.append(provisioning, [record]);
  await memory.apply(record);
  return { ...record, wrapped: false };
}
