/**
 * Messages of one consumer, handed over and not yet settled. The server would give them to another process after the
 * consumer's acknowledgement time; while they are in hand it is told again and again that they are
 * being worked on.
 */
import type { Cancel, Clock } from "../../clock.ts";
import type { Taken } from "./taken.ts";

/** A handler that has not come back after it hangs: its messages go to others. */
const handMsMax = 15 * 60_000;

interface Held {
  readonly message: Taken;
  readonly untilMs: number;
}

export class Hand {
  readonly #clock: Clock;
  readonly #held = new Map<bigint, Held>();
  readonly #cancel: Cancel;

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#cancel = clock.every(everyMs, () => this.#keep());
  }

  hold(message: Taken): void {
    const untilMs = this.#clock.nowMs() + handMsMax;
    this.#held.set(message.sequence, { message, untilMs });
  }

  /** Undefined if it is not in hand, or was taken before. */
  take(sequence: bigint): Taken | undefined {
    const held = this.#held.get(sequence);
    this.#held.delete(sequence);
    return held?.message;
  }

  close(): void {
    this.#cancel();
    this.#held.clear();
  }

  #keep(): void {
    const nowMs = this.#clock.nowMs();
    for (const [sequence, { message, untilMs }] of this.#held) {
      if (untilMs <= nowMs) this.#held.delete(sequence);
      else message.keep();
    }
  }
}
