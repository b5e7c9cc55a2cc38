/** A few made-up homes as a CSV and as the truth about it: quarters of an hour in Zurich, from Monday 5 January 2026 on. */
import { writeFileSync } from "node:fs";
import type { Truth } from "./truth.ts";
import { iso } from "./deployment-output.ts";

const START_SECONDS = Date.parse("2026-01-04T23:00:00Z") / 1000;

/** Numbers from 0 to 2³¹ − 3 by Park and Miller: the same ones for the same seed. */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state - 1;
  };
}

/** Writes the CSV to `path`. Values have six decimals of a kW and lie between 4 and 36 kW: each is its own. */
export function writeHomes(path: string, homes: number, days: number, seed: number): Truth {
  const next = numbersFrom(seed);
  const kilowatts = new Map<string, string[]>();
  const lines = ["household,timestamp,kw"];
  for (let home = 1; home <= homes; home++) {
    const values = Array.from({ length: 96 * days }, () =>
      ((4_000_000 + (next() % 8_000_000) * 4) / 1e6).toFixed(6),
    );
    kilowatts.set(`home-${home}`, values);
    for (const [index, value] of values.entries()) {
      lines.push(`home-${home},${iso(START_SECONDS + 900 * index)},${value}`);
    }
  }
  writeFileSync(path, `${lines.join("\n")}\n`);
  return { startSeconds: START_SECONDS, seconds: 900, firstWeekday: 0, kilowatts };
}
