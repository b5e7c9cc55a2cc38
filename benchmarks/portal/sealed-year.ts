/**
 * A year of minutes as a meter seals it (docs/protocol.md §2): each day in two BLOCKs of 720 readings, a key epoch every week, as the
 * opener's keys change. Everything is made by the meter's own functions.
 */
import { randomBytes } from "node:crypto";
import {
  encodeEnvelope,
  encodeFrame,
  frameHash,
  generateRecipient,
  keyCommitment,
  recipientFromSpki,
  sealEnvelope,
  sealFrame,
  signerFromSeed,
  type UnsealedHeader,
} from "@smarter-metering/protocol";
import { addLocalDays, dayStartOf } from "@smarter-metering/tariff";
import type { SealedYear } from "./packed-year.ts";
import { MINUTE_SECONDS, ZONE } from "./stages.ts";

const FRAME_SLOTS = 720;
const EPOCH_DAYS = 7;

/** mWh of a minute: a base load, a kettle, a cooker, and nothing that repeats soon. */
const energyOf = (minute: number): number =>
  1_500 +
  ((minute * 7919) % 977) +
  (minute % 480 < 4 ? 33_000 : 0) +
  (minute % 1440 < 45 ? 9_000 : 0);

export async function sealYear(days: number): Promise<SealedYear> {
  const { spki, pkcs8 } = await generateRecipient();
  const customer = await recipientFromSpki(spki);
  const meter = await signerFromSeed(randomBytes(32));
  const names = { networkPseudonym: randomBytes(16), meterId: randomBytes(16) };
  const from = dayStartOf("2025-01-01", ZONE);
  const envelopes: Uint8Array[] = [];
  const frames: Uint8Array[] = [];
  let epoch = { keyEpoch: 0, dataKey: randomBytes(32), counter: 0 };
  let previousFrameHash: Uint8Array = new Uint8Array(32);
  for (let day = 0; day < days; day++) {
    const blockStart = addLocalDays(from, day, ZONE);
    const slots = (addLocalDays(from, day + 1, ZONE) - blockStart) / MINUTE_SECONDS;
    if (day % EPOCH_DAYS === 0) {
      epoch = { keyEpoch: blockStart, dataKey: randomBytes(32), counter: 0 };
      const context = { recipient: "customer", ...names, keyEpoch: epoch.keyEpoch } as const;
      const envelope = await sealEnvelope(context, epoch.dataKey, customer, meter);
      envelopes.push(encodeEnvelope(envelope));
    }
    for (let firstSlot = 0; firstSlot < slots; firstSlot += FRAME_SLOTS) {
      const { keyEpoch, dataKey } = epoch;
      const count = Math.min(FRAME_SLOTS, slots - firstSlot);
      const header: UnsealedHeader = {
        profile: "pes-encrypts",
        kind: "BLOCK",
        ...names,
        keyEpoch,
        keyCommitment: await keyCommitment(names.meterId, keyEpoch, dataKey),
        counter: epoch.counter++,
        blockStart,
        firstSlot,
        count,
        intervalSeconds: MINUTE_SECONDS,
        registerBank: new Uint8Array(8),
        previousFrameHash,
      };
      const first = (blockStart - from) / MINUTE_SECONDS + firstSlot;
      const body = {
        importMilliwattHours: Uint32Array.from({ length: count }, (_, i) => energyOf(first + i)),
        exportMilliwattHours: new Uint32Array(count),
        quality: new Uint8Array(count),
        registersMilliwattHours: Array.from({ length: 8 }, () => 0n),
      };
      const frame = await sealFrame(header, body, dataKey, meter);
      previousFrameHash = await frameHash(frame);
      frames.push(encodeFrame(frame));
    }
  }
  const to = addLocalDays(from, days, ZONE);
  return { from, to, spki, pkcs8, ...names, meterKey: meter.publicKey, envelopes, frames };
}
