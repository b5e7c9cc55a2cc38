/**
 * A new key epoch of a meter (docs/protocol.md §2.6, §3): one at every start and start over, and when
 * the period of the opener's key is over.
 */
import { encodeEnvelope, sealEnvelope, type Recipient } from "@smarter-metering/protocol";
import type { Random } from "./enrolment.ts";
import type { Epoch, MeterMemory } from "./memory.ts";
import type { MeterPorts } from "./meter.ts";
import type { Provisioning } from "./provisioning.ts";

/**
 * A new start of the chain skips up to 2^16 epochs, four times as many each time it does not help,
 * up to 2^26.
 */
const SKIP_BITS_MIN = 16;
const SKIP_BITS_MAX = 26;

export interface OpenedEpoch extends Epoch {
  /** Whom its envelope is for; without one it can seal no BLOCK of `pes-encrypts`. */
  readonly recipient: Recipient | undefined;
}

/** How far ahead a chain starts over that did so `startsOver` times since a frame was last taken. */
export function skipOf(startsOver: number, random: Random): number {
  const bits = Math.min(SKIP_BITS_MIN + 2 * startsOver, SKIP_BITS_MAX);
  const drawn = new DataView(Uint8Array.from(random(4)).buffer).getUint32(0);
  return 1 + (drawn >>> (32 - bits));
}

/**
 * Opens it, durably, with a fresh random key, `skip` above all that were.
 * The opener's envelope is made once, here.
 */
export async function openEpoch(
  provisioning: Provisioning,
  memory: MeterMemory,
  { journal, random, nowSeconds }: MeterPorts,
  recipient: Recipient | undefined,
  skip = 1,
): Promise<OpenedEpoch> {
  const { networkPseudonym, meterId, signer } = provisioning;
  const openedSeconds = nowSeconds();
  const keyEpoch = Math.max(memory.lastEpoch, openedSeconds - 1) + skip;
  const dataKey = random(32);
  const context = { recipient: "opener", networkPseudonym, meterId, keyEpoch } as const;
  const openerEnvelope =
    recipient === undefined
      ? new Uint8Array(0)
      : encodeEnvelope(await sealEnvelope(context, dataKey, recipient, signer));
  const record = { kind: "EPOCH", keyEpoch, dataKey, openedSeconds, openerEnvelope } as const;
  await journal.append(provisioning, [record]);
  await memory.apply(record);
  return { ...record, wrapped: false, recipient };
}
