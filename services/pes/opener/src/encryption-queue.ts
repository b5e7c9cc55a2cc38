/**
 * Coalesces the messages of many frames into few engine calls: an engine is fast on batches. Runs
 * in the opener; its buffers are plaintext and are wiped as soon as the engine has answered.
 */
import { itemBytes, type Engine, type EngineKey } from "@smarter-metering/paillier";
import { concatBytes } from "@smarter-metering/protocol";

/**
 * Two calls: while the engine works on one, the other keeps idle workers busy and the next one
 * gathers.
 */
const CALLS_MAX = 2;
/**
 * Messages in one call: enough for every worker, few enough that the first frame does not wait for
 * the last.
 */
const BATCH_MAX = 64;

interface Item {
  readonly key: EngineKey;
  readonly message: Uint8Array;
  readonly blinding: Uint8Array;
  readonly resolve: (ciphertext: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

export interface EncryptionQueue {
  /**
   * The ciphertext of `message` (|n|/8 bytes) with the given blinding (|n|/16 bytes). The queue's
   * own copies are wiped before it resolves; the caller wipes its own. Rejects with the engine's
   * PaillierError. What waits is bounded by the reading budget.
   */
  encrypt(key: EngineKey, message: Uint8Array, blinding: Uint8Array): Promise<Uint8Array>;
}

export function createEncryptionQueue(engine: Engine): EncryptionQueue {
  const waiting: Item[] = [];
  let calls = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || calls >= CALLS_MAX || waiting.length === 0) return;
    scheduled = true;
    // After this turn of the event loop, in which the other messages of the frames at hand arrive.
    setImmediate(() => {
      scheduled = false;
      while (calls < CALLS_MAX && waiting.length > 0) void call(takeBatch(waiting));
    });
  }

  async function call(batch: readonly Item[]): Promise<void> {
    calls += 1;
    await encryptBatch(engine, batch);
    calls -= 1;
    schedule();
  }

  return {
    encrypt(key, message, blinding) {
      return new Promise((resolve, reject) => {
        waiting.push({ key, message, blinding, resolve, reject });
        schedule();
      });
    },
  };
}

/** The longest run of messages under one key, from the front. */
function takeBatch(waiting: Item[]): Item[] {
  const keyId = waiting[0]?.key.id;
  const other = waiting.findIndex(({ key }) => key.id !== keyId);
  return waiting.splice(0, Math.min(other < 0 ? waiting.length : other, BATCH_MAX));
}

/** Settles every item of the batch; never rejects itself. */
async function encryptBatch(engine: Engine, batch: readonly Item[]): Promise<void> {
  const key = batch[0]?.key;
  if (key === undefined) return;
  const messages = concatBytes(...batch.map(({ message }) => message));
  // A blinding is as secret as its message: with it, anybody opens the ciphertext.
  const blindings = concatBytes(...batch.map(({ blinding }) => blinding));
  try {
    const ciphertexts = await engine.encrypt(key, messages, blindings);
    const width = itemBytes(key.bits).ciphertext;
    messages.fill(0);
    blindings.fill(0);
    for (const [index, { resolve }] of batch.entries()) {
      resolve(ciphertexts.slice(index * width, (index + 1) * width));
    }
  } catch (error) {
    for (const { reject } of batch) reject(error);
  } finally {
    messages.fill(0);
    blindings.fill(0);
  }
}
