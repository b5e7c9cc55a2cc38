/** Runs histories by hand: `--seed N` for one, `--seeds A..B` for a soak. Exits with 1 when one is not sound. */
import { parseArgs } from "node:util";
import { check } from "./check.ts";
import { openLaboratory, replayCommand, simulate, summaryOf } from "./simulation.ts";

const { values } = parseArgs({
  options: { seed: { type: "string" }, seeds: { type: "string" } },
});
const [first, last = first] = (values.seeds ?? values.seed ?? "1").split("..").map(Number);
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) {
  throw new RangeError("usage: --seed N or --seeds A..B");
}

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const laboratory = await openLaboratory();
for (let seed = first ?? 1; seed <= (last ?? 1); seed++) {
  const startMs = performance.now();
  const history = await simulate(seed, laboratory);
  const findings = check(history);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const result = findings.length === 0 ? "sound" : "NOT SOUND";
  say(`seed ${seed}: ${result}, ${seconds} s; ${summaryOf(history)}`);
  if (findings.length === 0) continue;
  process.exitCode = 1;
  for (const finding of findings.slice(0, 20)) say(`  ${finding}`);
  say(`  replay: ${replayCommand(seed)}`);
}
await laboratory.close();
