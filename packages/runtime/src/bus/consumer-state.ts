/**
 * What the embedded bus remembers in memory about one consumer: cursor, number pending, leases, and
 * who waits for a message. All of it can be computed again from the tables, except leases, which end
 * with the process.
 */

export interface Lease {
  readonly attempt: number;
  /** Epoch milliseconds, Infinity without a limit. */
  readonly untilMs: number;
}

export class ConsumerState {
  readonly stream: string;
  readonly consumer: string;
  cursor: bigint;
  pending: number;
  readonly leases = new Map<bigint, Lease>();
  /** True once a fetch skipped messages, so that the cursor may pass some that are not settled. */
  skips = false;
  /** Fetches run one after the other: two must not lease the same message. */
  turn: Promise<unknown> = Promise.resolve();
  readonly #waiting = new Set<() => void>();

  constructor(stream: string, consumer: string, cursor: bigint, pending: number) {
    this.stream = stream;
    this.consumer = consumer;
    this.cursor = cursor;
    this.pending = pending;
  }

  wake(): void {
    for (const resume of this.#waiting) resume();
    this.#waiting.clear();
  }

  /** A promise for the next wake, and how to stop waiting; taken before looking, so none is missed. */
  nextWake(): { readonly woken: Promise<void>; readonly leave: () => void } {
    let resume = (): void => undefined;
    const woken = new Promise<void>((resolve) => (resume = resolve));
    this.#waiting.add(resume);
    return {
      woken,
      leave: () => {
        this.#waiting.delete(resume);
        resume();
      },
    };
  }

  async inTurn<T>(job: () => Promise<T>): Promise<T> {
    const result = this.turn.then(job);
    this.turn = result.catch(() => undefined);
    return result;
  }
}
