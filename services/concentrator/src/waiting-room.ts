/**
 * Requests that wait for the concentrator's next round (docs/protocol.md §4.5). Frames that can still
 * be counted in their block go before those of an outage, which get a share of the rounds, so that a
 * backlog drains and starves nobody. Looks at headers alone, and believes them only so far: whoever
 * lies about an age waits no less than the others.
 */
import { decodeFrame, decodeUplinkItem, ProtocolError, toHex } from "@smarter-metering/protocol";

/** LOAD's cut-off (§7.2): a BLOCK that ended earlier is late for its sum, and has time. */
const FRESH_SECONDS = 6 * 3600;
/** Items of one round: about a tenth of a second of signature checks. */
const ROUND_ITEMS_MAX = 512;
/** Every eighth round begins with what is old. */
const OLD_EVERY_ROUNDS = 8;
/** Items that wait, in all and of old frames; beyond it meters keep them (FRAME_QUEUE_FULL). */
const WAITING_ITEMS_MAX = 8192;
const OLD_ITEMS_MAX = WAITING_ITEMS_MAX / 2;
/** A frame has some kilobytes; no mixture of items takes more memory than this. */
const WAITING_BYTES_MAX = 128 * 1024 * 1024;

export interface Waiting {
  readonly items: readonly Uint8Array[];
}

interface Place<Entry> {
  readonly entry: Entry;
  readonly bytes: number;
  readonly meters: ReadonlySet<string>;
}

export class WaitingRoom<Entry extends Waiting> {
  #fresh: Place<Entry>[] = [];
  #old: Place<Entry>[] = [];
  /** Requests with old frames by meter: what it sends after them stays behind them. */
  readonly #metersBehind = new Map<string, number>();
  #freshItems = 0;
  #oldItems = 0;
  #bytes = 0;
  #rounds = 0;

  get freshItems(): number {
    return this.#freshItems;
  }

  get oldItems(): number {
    return this.#oldItems;
  }

  get isEmpty(): boolean {
    return this.#fresh.length + this.#old.length === 0;
  }

  /** False when there is no room: the meter keeps its items. */
  offer(entry: Entry, nowSeconds: number): boolean {
    const { items } = entry;
    const bytes = items.reduce((sum, item) => sum + item.length, 0);
    const count = this.#freshItems + this.#oldItems + items.length;
    if (count > WAITING_ITEMS_MAX || this.#bytes + bytes > WAITING_BYTES_MAX) return false;
    const { meters, oldest } = peek(items);
    const isBehind = Array.from(meters).some((meter) => this.#metersBehind.has(meter));
    if (isBehind || oldest < nowSeconds - FRESH_SECONDS) {
      if (this.#oldItems + items.length > OLD_ITEMS_MAX) return false;
      for (const meter of meters) {
        this.#metersBehind.set(meter, (this.#metersBehind.get(meter) ?? 0) + 1);
      }
      this.#old.push({ entry, bytes, meters });
      this.#oldItems += items.length;
    } else {
      this.#fresh.push({ entry, bytes, meters });
      this.#freshItems += items.length;
    }
    this.#bytes += bytes;
    return true;
  }

  /** At least one request, where one waits, and as many more as fit a round. */
  nextRound(): Entry[] {
    this.#rounds += 1;
    const fresh = (left: number): Place<Entry>[] => {
      const taken = takeFrom(this.#fresh, left);
      this.#freshItems -= itemsOf(taken);
      return taken;
    };
    const old = (left: number): Place<Entry>[] => {
      const taken = takeFrom(this.#old, left);
      this.#oldItems -= itemsOf(taken);
      for (const { meters } of taken) this.#leave(meters);
      return taken;
    };
    const [first, second] = this.#rounds % OLD_EVERY_ROUNDS === 0 ? [old, fresh] : [fresh, old];
    const taken = first(ROUND_ITEMS_MAX);
    const round = [...taken, ...second(ROUND_ITEMS_MAX - itemsOf(taken))];
    for (const { bytes } of round) this.#bytes -= bytes;
    return round.map(({ entry }) => entry);
  }

  #leave(meters: ReadonlySet<string>): void {
    for (const meter of meters) {
      const count = (this.#metersBehind.get(meter) ?? 0) - 1;
      if (count > 0) this.#metersBehind.set(meter, count);
      else this.#metersBehind.delete(meter);
    }
  }
}

const itemsOf = (places: readonly Place<Waiting>[]): number =>
  places.reduce((sum, { entry }) => sum + entry.items.length, 0);

/** From the front of `queue` what fits `left` items; into a whole round one request fits always. */
function takeFrom<Entry extends Waiting>(queue: Place<Entry>[], left: number): Place<Entry>[] {
  let items = 0;
  const end = queue.findIndex(({ entry }, index) => {
    items += entry.items.length;
    return items > left && !(index === 0 && left === ROUND_ITEMS_MAX);
  });
  return queue.splice(0, end < 0 ? queue.length : end);
}

/** Whose frames these are, and when the oldest BLOCK ended; what cannot be read has no age. */
function peek(items: readonly Uint8Array[]): {
  readonly meters: ReadonlySet<string>;
  readonly oldest: number;
} {
  const meters = new Set<string>();
  let oldest = Infinity;
  for (const item of items) {
    try {
      const decoded = decodeUplinkItem(item);
      if (!("frame" in decoded)) continue;
      const { header } = decodeFrame(decoded.frame);
      meters.add(toHex(header.meterId));
      if (header.kind === "BLOCK") {
        const { blockStart, firstSlot, count, intervalSeconds } = header;
        oldest = Math.min(oldest, blockStart + (firstSlot + count) * intervalSeconds);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error; // Its refusal comes with the round.
    }
  }
  return { meters, oldest };
}
