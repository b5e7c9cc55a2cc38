/**
 * What is read when a role's metrics are asked for: gauges whose value lies in a database, a bus or
 * the kernel. A collector that fails or hangs costs its own numbers, never the others.
 */

export interface Collectors {
  /** `name` is shown when `read` fails; `read` sets gauges. */
  add(name: string, read: () => void | Promise<void>): void;
  /** Runs them side by side, at most every five seconds; says which gave their numbers. */
  run(): Promise<ReadonlyMap<string, boolean>>;
}

/** Whoever reaches /metrics can make the database count; not more often than this. */
const pauseMsMin = 5_000;
/** Half of what a scrape may usually take. */
const limitMs = 5_000;

export function createCollectors(nowMs: () => number = () => performance.now()): Collectors {
  const reads = new Map<string, () => void | Promise<void>>();
  const results = new Map<string, boolean>();
  /** Those that have not answered yet; they are not asked again. */
  const hanging = new Set<string>();
  let lastMs = -Infinity;
  let running: Promise<void> | undefined;

  const runOne = async (name: string, read: () => void | Promise<void>): Promise<void> => {
    if (hanging.has(name)) return;
    hanging.add(name);
    const answered = Promise.resolve()
      .then(read)
      .then(
        () => true,
        () => false, // Its own party logs why; here it is one number that is missing.
      )
      .finally(() => hanging.delete(name));
    results.set(name, await within(answered));
  };
  return {
    add: (name, read) => void reads.set(name, read),
    async run() {
      if (running === undefined && nowMs() - lastMs >= pauseMsMin) {
        lastMs = nowMs();
        running = Promise.all([...reads].map(([name, read]) => runOne(name, read))).then(
          () => (running = undefined),
        );
      }
      await running;
      return results;
    },
  };
}

function within(answered: Promise<boolean>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), limitMs);
    void answered.then((isThere) => {
      clearTimeout(timer);
      resolve(isThere);
    });
  });
}
