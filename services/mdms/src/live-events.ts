/**
 * What has just happened, for open pages of the operators' UI: ids alone, never a value; a page fetches what it shows, under its own
 * permissions. Told after the commit. Nothing is kept: who was away reads the lists.
 */
import type { Permission } from "./access/roles.ts";
import type { Stored, Storable } from "./release-store.ts";

export type LiveEvent =
  | {
      readonly kind: "release";
      readonly cohort: string;
      readonly stream: "LOAD" | "LOAD_EXPORT";
      /** Epoch seconds of the block. */
      readonly start: number;
    }
  | { readonly kind: "statement"; readonly servicePoint: string; readonly from: number }
  | { readonly kind: "alarm"; readonly code: string; readonly subject: string }
  | { readonly kind: "registry"; readonly epoch: number }
  /** Some were left out: read everything anew. */
  | { readonly kind: "missed" };

/** What one has to have to hear of it. */
const PERMISSION: Readonly<Record<LiveEvent["kind"], Permission>> = {
  release: "neighbourhoods",
  statement: "customers",
  alarm: "neighbourhoods",
  registry: "neighbourhoods",
  missed: "neighbourhoods",
};

/** Streams in all, and of one session (a browser keeps six connections to a host). */
const STREAMS_MAX = 100;
const STREAMS_OF_SESSION_MAX = 4;
/** Events that a slow reader may have before it; then they give way to one `missed`. */
const WAITING_MAX = 256;

export interface Stream {
  /** The next event; undefined once the stream has ended. One call at a time. */
  next(): Promise<LiveEvent | "beat" | undefined>;
  /** A sign of life, where no event waits that is one. */
  beat(): void;
  end(): void;
}

export interface Listener {
  readonly sessionId: string;
  readonly may: (permission: Permission) => boolean;
}

export class LiveEvents {
  readonly #streams = new Set<{ readonly listener: Listener; readonly queue: EventQueue }>();

  /** Undefined when there are too many streams, in all or of the session. */
  open(listener: Listener): Stream | undefined {
    const own = [...this.#streams].filter((one) => one.listener.sessionId === listener.sessionId);
    if (this.#streams.size >= STREAMS_MAX || own.length >= STREAMS_OF_SESSION_MAX) return undefined;
    const queue = new EventQueue();
    const stream = { listener, queue };
    this.#streams.add(stream);
    return {
      next: () => queue.next(),
      beat: () => queue.beat(),
      end: () => {
        this.#streams.delete(stream);
        queue.end();
      },
    };
  }

  tell(event: LiveEvent): void {
    for (const { listener, queue } of this.#streams) {
      if (listener.may(PERMISSION[event.kind])) queue.put(event);
    }
  }

  /** Of releases as `storeReleases` judged them. */
  tellStored(releases: readonly Storable[], outcomes: readonly Stored[]): void {
    for (const [index, release] of releases.entries()) {
      if (outcomes[index] !== "stored") continue;
      if (release.kind === "LOAD") {
        const { cohort, stream, blockStart } = release.load;
        this.tell({ kind: "release", cohort, stream, start: blockStart });
      } else {
        const { servicePoint, from } = release.statement;
        this.tell({ kind: "statement", servicePoint, from });
      }
    }
  }

  /** At log-out, and when sessions end otherwise. */
  endSessions(ids: readonly string[]): void {
    for (const stream of this.#streams) {
      if (!ids.includes(stream.listener.sessionId)) continue;
      this.#streams.delete(stream);
      stream.queue.end();
    }
  }

  close(): void {
    for (const { queue } of this.#streams) queue.end();
    this.#streams.clear();
  }
}

class EventQueue {
  #waiting: (LiveEvent | "beat")[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  put(event: LiveEvent): void {
    if (this.#waiting.length >= WAITING_MAX) this.#waiting = [{ kind: "missed" }];
    else this.#waiting.push(event);
    this.#wake?.();
  }

  beat(): void {
    if (this.#waiting.length > 0) return;
    this.#waiting.push("beat");
    this.#wake?.();
  }

  async next(): Promise<LiveEvent | "beat" | undefined> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#ended ? undefined : this.#waiting.shift();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}
