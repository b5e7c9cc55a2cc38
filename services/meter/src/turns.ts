/**
 * One at a time, first come first served; who has to wait for something else lets the others go
 * meanwhile. So a fleet with days to send, or with a concentrator that is away, still sends what is
 * newest.
 */

/** The right to go on, held until the work is done. */
export interface Turn {
  /** Steps aside while `wait` lasts, then waits for its turn again: the world may have changed. */
  aside(wait: () => Promise<void>): Promise<void>;
}

export class Turns {
  #tail: Promise<void> = Promise.resolve();

  /** Settles as `work` does. */
  async run<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    let release = await this.#take();
    const turn: Turn = {
      aside: async (wait) => {
        release();
        try {
          await wait();
        } finally {
          release = await this.#take();
        }
      },
    };
    try {
      return await work(turn);
    } finally {
      release();
    }
  }

  async #take(): Promise<() => void> {
    const before = this.#tail;
    let release = (): void => undefined;
    this.#tail = new Promise((resolve) => (release = resolve));
    await before;
    return release;
  }
}
