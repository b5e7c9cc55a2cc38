/**
 * The moment a frame is in plaintext (docs/protocol.md §6.3–§6.5): open, plan, encrypt, wipe. Runs
 * in the opener alone. No reading leaves this file but as ciphertext. What JavaScript cannot wipe
 * (BigInts of registers and packed messages) stays until the garbage collector comes round:
 * SECURITY.md says so.
 */
import {
  blindingOf,
  openEnvelope,
  openFrame,
  planContributions,
  ProtocolError,
  wipeBody,
  type ContributionHeader,
  type FrameBody,
  type KeyEnvelope,
  type PlannedContribution,
  type RecipientSecret,
} from "@smarter-metering/protocol";
import type { CheckedFrame, FrameRefusal } from "./check-frame.ts";
import type { DataKeyCache } from "./data-key-cache.ts";
import type { EncryptionQueue } from "./encryption-queue.ts";

/** A contribution that is still to be signed. */
export interface Encrypted {
  readonly header: ContributionHeader;
  readonly headerBytes: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export type Reencryption =
  | { readonly ok: true; readonly encrypted: readonly Encrypted[] }
  | { readonly ok: false; readonly code: FrameRefusal };

/** The data key of a checked envelope, unwrapped or remembered; the caller wipes it. */
export async function dataKeyOf(
  envelope: KeyEnvelope,
  secret: RecipientSecret,
  keys: DataKeyCache,
): Promise<Uint8Array | undefined> {
  const known = keys.get(envelope);
  if (known !== undefined) return known;
  try {
    const key = await openEnvelope(envelope, secret);
    keys.put(envelope, key);
    return key;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/**
 * Opens a checked frame and encrypts its contributions; by the time it settles, every buffer with a
 * reading is overwritten. Rejects with PaillierError when the engine does not take the work now.
 */
export async function reencrypt(
  { frame, hash, context, key }: CheckedFrame,
  dataKey: Uint8Array,
  queue: EncryptionQueue,
): Promise<Reencryption> {
  let body: FrameBody | undefined;
  let planned: readonly PlannedContribution[] = [];
  try {
    body = await openFrame(frame, dataKey);
    planned = planContributions(frame.header, hash, body, context);
    wipeBody(body);
    const encrypted = planned.map(async (plan): Promise<Encrypted> => {
      const blinding = await blindingOf(dataKey, plan, key.bits);
      try {
        const ciphertext = await queue.encrypt(key, plan.message, blinding);
        return { header: plan.header, headerBytes: plan.headerBytes, ciphertext };
      } finally {
        blinding.fill(0);
      }
    });
    // Settled, not all: a message may not be wiped while another call still reads it.
    return { ok: true, encrypted: await allSettled(encrypted) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const outOfRange = error.code === "FRAME_OUT_OF_RANGE";
    return { ok: false, code: outOfRange ? "FRAME_OUT_OF_RANGE" : "FRAME_UNOPENABLE" };
  } finally {
    if (body !== undefined) wipeBody(body);
    for (const { message } of planned) message.fill(0);
  }
}

async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
