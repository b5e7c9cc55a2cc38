/**
 * From a year of a minute meter's sealed frames to the first paint of its load profile, in Node and in headless Chromium; medians of rounds,
 * in milliseconds. The frames are in memory when it starts: no network is measured.
 * Run: npm run bench:portal [-- --days 365 --rounds 5 --json]
 */
import { parseArgs } from "node:util";
import { packYear, type SealedYear } from "./packed-year.ts";
import { sealYear } from "./sealed-year.ts";
import { withPage } from "./served-page.ts";
import { measureYear, type Stages } from "./stages.ts";

/** Each round in a browser context of its own. */
function inChromium(year: SealedYear, rounds: number): Promise<Stages[]> {
  const files = { "/year.bin": packYear(year) };
  return withPage({ scripts: ["page", "worker"], files }, async (open) => {
    const measured: Stages[] = [];
    for (let round = 0; round < rounds; round++) {
      const page = await open(1280, 900);
      measured.push(await page.evaluate<Stages>("measure()"));
      await page.close();
    }
    return measured;
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

const medians = (rounds: readonly Stages[]): Stages =>
  Object.fromEntries(
    Object.keys(rounds[0] ?? {}).map((stage) => [
      stage,
      Number(median(rounds.map((round) => round[stage] ?? NaN)).toFixed(2)),
    ]),
  );

const { values } = parseArgs({
  options: {
    days: { type: "string", default: "365" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const year = await sealYear(Number(values.days));
const node: Stages[] = [];
for (let round = 0; round < rounds; round++) node.push(await measureYear(year, () => undefined));
const results = { node: medians(node), chromium: medians(await inChromium(year, rounds)) };
if (values.json) console.log(JSON.stringify({ days: values.days, rounds, results }));
else {
  const { length } = year.frames;
  console.log(`${values.days} days of minutes, ${length} frames; medians of ${rounds} rounds, ms`);
  const stages = Object.entries(results.chromium);
  console.table(
    Object.fromEntries(
      stages.map(([stage, chromium]) => [stage, { node: results.node[stage], chromium }]),
    ),
  );
}
