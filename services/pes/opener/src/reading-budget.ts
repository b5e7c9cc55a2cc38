/**
 * How many readings are in plaintext at once (docs/protocol.md §6.5): a counting semaphore, first
 * come first served. Runs in the opener; sees counts, never readings.
 */
import assert from "node:assert/strict";

export interface ReadingBudget {
  /**
   * Resolves when `readings` (1 to the maximum) more may be opened; the result gives them back,
   * once. Who waits is bounded by the messages that the bus has in flight.
   */
  acquire(readings: number): Promise<() => void>;
  /** Most readings handed out at once so far: counted as they are, not sampled. */
  readonly seenMax: number;
}

export function createReadingBudget(readingsMax: number): ReadingBudget {
  assert(Number.isInteger(readingsMax) && readingsMax >= 1, "a budget of at least one reading");
  const waiting: { readonly readings: number; readonly admit: () => void }[] = [];
  let open = 0;
  let seenMax = 0;

  function admitWaiting(): void {
    // Strictly in order: a small frame that overtakes would starve a large one.
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (open + next.readings > readingsMax) return;
      waiting.shift();
      open += next.readings;
      seenMax = Math.max(seenMax, open);
      next.admit();
    }
  }

  return {
    acquire(readings) {
      assert(
        Number.isInteger(readings) && readings >= 1 && readings <= readingsMax,
        `1 to ${readingsMax} readings at once`,
      );
      return new Promise((resolve) => {
        let held = true;
        const giveBack = (): void => {
          assert(held, "readings are given back once");
          held = false;
          open -= readings;
          admitWaiting();
        };
        waiting.push({ readings, admit: () => resolve(giveBack) });
        admitWaiting();
      });
    },
    get seenMax() {
      return seenMax;
    },
  };
}
