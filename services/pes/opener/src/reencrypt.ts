/**
 * The moment a frame is in plaintext (docs/protocol.md §6.3–§6.5): open, plan, encrypt, wipe. Runs
 * in the opener alone. No reading leaves this file but as ciphertext. What JavaScript cannot wipe
 * (BigInts of registers and packed messages) stays until the garbage collector comes round:
 * SECURITY.md says so.
 */
import {
  blindingOf,
  encryptContributions,
  openEnvelope,
  openFrame,
  planContributions,
  ProtocolError,
  wipeBody,
  type EncryptedContribution,
  type FrameBody,
} from "@smarter-metering/protocol";
import type { CheckedFrame, FrameRefusal } from "./check-frame.ts";
import type { DataKeyCache } from "./data-key-cache.ts";
import type { EncryptionQueue } from "./encryption-queue.ts";

export type Reencryption =
  | { readonly ok: true; readonly encrypted: readonly EncryptedContribution[] }
  | { readonly ok: false; readonly code: FrameRefusal };

/** The data key of a checked envelope, unwrapped or remembered; the caller wipes it. */
export async function dataKeyOf(
  { envelope, secret }: Pick<CheckedFrame, "envelope" | "secret">,
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
  try {
    body = await openFrame(frame, dataKey);
    const planned = planContributions(frame.header, hash, body, context);
    wipeBody(body);
    const encrypted = await encryptContributions(planned, async (plan) => {
      const blinding = await blindingOf(plan, { dataKey }, key.bits);
      try {
        return await queue.encrypt(key, plan.message, blinding);
      } finally {
        blinding.fill(0);
      }
    });
    return { ok: true, encrypted };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const outOfRange = error.code === "FRAME_OUT_OF_RANGE";
    return { ok: false, code: outOfRange ? "FRAME_OUT_OF_RANGE" : "FRAME_UNOPENABLE" };
  } finally {
    if (body !== undefined) wipeBody(body);
  }
}
