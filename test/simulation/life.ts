/**
 * One life of a process in the simulation, from its start to its crash. All its ports go through it: after the crash none of them has an
 * effect any more, and what the dead process still does in memory is seen by nobody.
 */
import { RuntimeError, type Clock } from "@smarter-metering/runtime";

/** Real time after which work in hand is taken for a deadlock. */
const QUIET_MS_MAX = 60_000;

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
    const untilMs = performance.now() + QUIET_MS_MAX;
    for (let calm = 0; calm < 2; calm = this.busy === 0 ? calm + 1 : 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (performance.now() > untilMs) throw new Error("something hangs");
    }
  }

  /** A clock for work that counts as in hand: while it waits for a timer it does not. */
  pausing(clock: Clock): Clock {
    return {
      nowMs: () => clock.nowMs(),
      every: (periodMs, fn) => clock.every(periodMs, fn),
      at: (timeMs, fn) => {
        this.busy -= 1;
        let isPaused = true;
        const goOn = (): void => {
          if (isPaused) this.busy += 1;
          isPaused = false;
        };
        const cancel = clock.at(timeMs, () => {
          goOn();
          return fn();
        });
        return () => {
          goOn();
          cancel();
        };
      },
    };
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

  /** Undefined: it dies of nothing that was planned. */
  light(fuse: Fuse | undefined): void {
    this.#fuse = fuse && { left: fuse.operations, afterEffect: fuse.afterEffect };
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
