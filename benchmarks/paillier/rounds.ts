/**
 * Rates of contenders in one operation, taken in turns (A B C, A B C, …), so that a machine that is
 * busy for a while is busy for all of them.
 */

/** Works for about so many milliseconds, at least once; operations per second. */
export type Trial = (milliseconds: number) => Promise<number>;

export type Effort = { readonly rounds: number; readonly sliceMs: number };

/** Operations per second: the best of all rounds, and their median. */
export type Rate = { readonly best: number; readonly median: number };

/** A trial of something that does `batch` operations a call. */
export function trialOf(batch: number, run: () => unknown): Trial {
  return async (milliseconds) => {
    const startMs = performance.now();
    let operations = 0;
    let elapsedMs = 0;
    do {
      await run();
      operations += batch;
      elapsedMs = performance.now() - startMs;
    } while (elapsedMs < milliseconds);
    return (1000 * operations) / elapsedMs;
  };
}

/** One rate for each trial, in order. The first round warms up and does not count. */
export async function race(trials: readonly Trial[], effort: Effort): Promise<Rate[]> {
  const rates = trials.map((): number[] => []);
  for (const trial of trials) await trial(0);
  for (let round = 0; round < effort.rounds; round++) {
    for (const [i, trial] of trials.entries()) rates[i]?.push(await trial(effort.sliceMs));
  }
  return rates.map(rateOf);
}

function rateOf(rates: readonly number[]): Rate {
  const sorted = [...rates].sort((a, b) => b - a);
  return { best: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0 };
}
