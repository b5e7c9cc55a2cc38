/**
 * What one meter may send (docs/protocol.md §4.5): items and bytes, as buckets that fill with time. A
 * meter that sends more is told to wait and loses nothing; its neighbours notice nothing. Charged
 * only for what its signature vouches for, so that nobody can use up another's.
 */

export interface QuotaTerms {
  /** Items that a meter may send at once, and how fast that room comes back. */
  readonly itemsMax: number;
  readonly itemsPerSecond: number;
  /** Bytes of a day, all of which may come at once. */
  readonly bytesPerDay: number;
}

/**
 * A meter that was away for the 400 days for which it keeps keys sends 800 frames of 4 kB, of
 * `meter-encrypts` with 15 kB of contributions; one that reports every second needs one item each.
 */
export const QUOTA_DEFAULT: QuotaTerms = {
  itemsMax: 2048,
  itemsPerSecond: 2,
  bytesPerDay: 32 * 1024 * 1024,
};

const DAY_SECONDS = 86_400;
/** So often those that have their full room again are forgotten. */
const SWEEP_SECONDS = 3600;

interface Room {
  items: number;
  bytes: number;
  seconds: number;
}

/** In memory: a restart forgives. As long as the list of meters that sent something in a day. */
export class Quota {
  readonly #terms: QuotaTerms;
  readonly #rooms = new Map<string, Room>();
  #sweptSeconds = 0;

  constructor(terms: QuotaTerms) {
    this.#terms = terms;
  }

  /** False when the meter has to wait; nothing is charged then. `nowSeconds` may have a fraction. */
  admit(meterId: string, bytes: number, nowSeconds: number): boolean {
    if (nowSeconds >= this.#sweptSeconds + SWEEP_SECONDS) this.#sweep(nowSeconds);
    const room = this.#roomOf(meterId, nowSeconds);
    if (room.items < 1 || room.bytes < bytes) return false;
    room.items -= 1;
    room.bytes -= bytes;
    return true;
  }

  #roomOf(meterId: string, nowSeconds: number): Room {
    const { itemsMax, itemsPerSecond, bytesPerDay } = this.#terms;
    const room = this.#rooms.get(meterId) ?? { items: itemsMax, bytes: bytesPerDay, seconds: 0 };
    // A clock that was set back gives nothing and takes nothing.
    const passed = Math.max(0, nowSeconds - room.seconds);
    room.items = Math.min(itemsMax, room.items + passed * itemsPerSecond);
    room.bytes = Math.min(bytesPerDay, room.bytes + (passed * bytesPerDay) / DAY_SECONDS);
    room.seconds = nowSeconds;
    this.#rooms.set(meterId, room);
    return room;
  }

  #sweep(nowSeconds: number): void {
    this.#sweptSeconds = nowSeconds;
    for (const [meterId, room] of this.#rooms) {
      if (room.seconds < nowSeconds - DAY_SECONDS) this.#rooms.delete(meterId);
    }
  }
}
