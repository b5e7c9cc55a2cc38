/**
 * Many small requests, few calls: an engine is fast on batches, and the meters of a fleet seal at
 * the same time.
 */

/**
 * What is asked for until the event loop turns goes into one call of `run`, at most `itemsMax` items
 * in each. Results come back in order; a call that rejects rejects all of its items. What waits is
 * bounded by who asks.
 */
export function coalesce<Item, Result>(
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
  itemsMax: number,
): (item: Item) => Promise<Result> {
  interface Waiting {
    readonly item: Item;
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];

  async function call(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await run(batch.map(({ item }) => item));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index];
        if (result === undefined) reject(new RangeError("a batch came back too short"));
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  function callAll(): void {
    const all = waiting;
    waiting = [];
    for (let start = 0; start < all.length; start += itemsMax) {
      void call(all.slice(start, start + itemsMax)); // Settles its items, never rejects.
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(callAll);
      waiting.push({ item, resolve, reject });
    });
}
