/**
 * One life of a process in the simulation, from its start to its crash. All its ports go through it: after the crash none of them has an
 * effect any more, and what the dead process still does in memory is seen by nobody.
 */
import { RuntimeError, type Clock } from "@smarter-metering/runtime";

/** Work in hand anywhere in the simulation. */
export class Activity {
  busy = 0;

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.busy += 1;
    try {
      return await work();
    } finally {
      this.busy -= 1;
    }
  }

  /**
   * Resolves when nothing is in hand. Stores and cryptography run on real threads, which no simulated clock can wait for; a look that
   * comes too early costs an unusual order of events, never a wrong result.
   */
  async quiet(): Promise<void> {
    for (let calm = 0; calm < 3; calm = this.busy === 0 ? calm + 1 : 0) {
      await new Promise((resolve) => (this.busy === 0 ? setImmediate : setTimeout)(resolve, 1));
    }
  }
}

/** After so many operations the process dies, before or after the last one has its effect. */
export interface Fuse {
  readonly operations: number;
  readonly afterEffect: boolean;
}

export class Life {
  readonly #activity: Activity;
  readonly #ended = new AbortController();
  #fuse: { left: number; readonly afterEffect: boolean } | undefined;

  constructor(activity: Activity) {
    this.#activity = activity;
  }

  get isOver(): boolean {
    return this.signal.aborted;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  end(): void {
    this.#ended.abort();
  }

  light({ operations, afterEffect }: Fuse): void {
    this.#fuse = { left: operations, afterEffect };
  }

  /** One operation on the outside world. Throws BUS_CLOSED, which nobody retries, once the life is over. */
  run<T>(effect: () => Promise<T>): Promise<T> {
    return this.#activity.during(async () => {
      this.assertAlive();
      const isLast = this.#fuse !== undefined && this.#fuse.left-- <= 0;
      if (isLast && this.#fuse?.afterEffect === false) this.end();
      this.assertAlive();
      const result = await effect();
      if (isLast) this.end();
      this.assertAlive();
      return result;
    });
  }

  assertAlive(): void {
    if (this.isOver) throw new RuntimeError("BUS_CLOSED", "this process has crashed");
  }

  /** Timers of the dead do nothing. */
  clock(clock: Clock): Clock {
    const whileAlive = (fn: () => void | Promise<void>) => () => (this.isOver ? undefined : fn());
    return {
      nowMs: () => clock.nowMs(),
      at: (timeMs, fn) => clock.at(timeMs, whileAlive(fn)),
      every: (periodMs, fn) => clock.every(periodMs, whileAlive(fn)),
    };
  }
}
