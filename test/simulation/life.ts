/** One life of a process: from its start to its crash. What it does to the outside world goes through here. */
import { setMaxListeners } from "node:events";
import { RuntimeError } from "@smarter-metering/runtime";
import type { Schedule } from "./schedule.ts";

/** After so many operations the process dies, before or after the last one has its effect. */
export interface Fuse {
  readonly operations: number;
  readonly afterEffect: boolean;
}

export class Life {
  readonly name: string;
  readonly #schedule: Schedule;
  readonly #ended = new AbortController();
  #fuse: { left: number; readonly afterEffect: boolean } | undefined;

  constructor(name: string, schedule: Schedule) {
    this.name = name;
    this.#schedule = schedule;
    setMaxListeners(0, this.signal); // One for each call under way.
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

  /** One operation on the outside world, when its turn has come. Throws BUS_CLOSED, which nobody retries, once the life is over. */
  async run<T>(what: string, effect: () => Promise<T>): Promise<T> {
    this.assertAlive();
    await this.#schedule.turn(`${this.name} ${what}`);
    const isLast = this.#fuse !== undefined && this.#fuse.left-- <= 0;
    if (isLast && this.#fuse?.afterEffect === false) this.end();
    this.assertAlive();
    const result = await effect();
    if (isLast) this.end();
    this.assertAlive();
    return result;
  }

  assertAlive(): void {
    if (this.isOver) throw new RuntimeError("BUS_CLOSED", "this process has crashed");
  }
}
