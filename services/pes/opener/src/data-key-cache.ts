/**
 * Data keys the opener unwrapped lately (docs/protocol.md §3). RSA decryption costs more than all
 * other checks of a frame together, and a meter that catches up sends many frames of one epoch.
 *
 * The price, plainly: the opener holds not only the readings of the moment, but for up to 15
 * minutes also up to 1024 keys that open recorded frames. Its RSA secret opens the same frames, so
 * whoever reads its memory gains nothing by the cache; a core dump taken after that secret was
 * destroyed would. Keys live in memory only and are overwritten when they leave.
 */
import { toHex, type KeyEnvelope } from "@smarter-metering/protocol";

export const DATA_KEYS_MAX = 1024;
export const DATA_KEY_MILLISECONDS = 15 * 60 * 1000;

interface Entry {
  readonly key: Uint8Array;
  readonly expiresMs: number;
}

type KeyName = Pick<KeyEnvelope, "meterId" | "keyEpoch" | "keyCommitment">;

/**
 * By (meter, epoch) and the commitment, so that a forged epoch number cannot push out another key's
 * entry.
 */
const nameOf = ({ meterId, keyEpoch, keyCommitment }: KeyName): string =>
  `${toHex(meterId)}/${keyEpoch}/${toHex(keyCommitment)}`;

export class DataKeyCache {
  /** In order of insertion, which is the order of expiry. */
  readonly #entries = new Map<string, Entry>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A copy, which the caller wipes: an entry may be wiped while its key is in use. */
  get(name: KeyName): Uint8Array | undefined {
    this.sweep();
    return this.#entries.get(nameOf(name))?.key.slice();
  }

  /** Keeps a copy; the oldest entry goes when the cache is full. */
  put(name: KeyName, key: Uint8Array): void {
    this.sweep();
    const id = nameOf(name);
    this.#drop(id);
    if (this.#entries.size >= DATA_KEYS_MAX) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#drop(oldest);
    }
    this.#entries.set(id, {
      key: Uint8Array.from(key),
      expiresMs: this.#nowMs() + DATA_KEY_MILLISECONDS,
    });
  }

  /**
   * Wipes what has expired; called on every use and by a timer, so that an idle opener forgets too.
   */
  sweep(): void {
    const nowMs = this.#nowMs();
    for (const [id, entry] of this.#entries) {
      if (entry.expiresMs > nowMs) return;
      this.#drop(id);
    }
  }

  clear(): void {
    for (const id of this.#entries.keys()) this.#drop(id);
  }

  #drop(id: string): void {
    this.#entries.get(id)?.key.fill(0);
    this.#entries.delete(id);
  }
}
