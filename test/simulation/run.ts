/**
 * Runs histories by hand: `--seed N` for one, `--seeds A..B --workers W` for a soak. Exits with 1 when one is not sound, or when in many
 * histories some kind of fault never struck. `--trace` writes every event of one history, `--until K` ends it after K of its events.
 */
import { fork } from "node:child_process";
import { parseArgs } from "node:util";
import { check } from "./check.ts";
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import { openLaboratory, replayCommand, simulate, summaryOf } from "./simulation.ts";
import type { Report } from "./worker.ts";

/** In so many histories every kind of fault has to strike. */
const MANY = 100;
const FINDINGS_SHOWN = 20;
const USAGE = "usage: --seed N [--trace] [--until K], or --seeds A..B [--workers W]";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    workers: { type: "string", default: "2" },
    trace: { type: "boolean", default: false },
    until: { type: "string" },
  },
});
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const natural = (text: string | undefined): number => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(USAGE);
  return number;
};

if (values.seeds === undefined) await runOne(natural(values.seed ?? "1"));
else {
  const [first, last = first] = values.seeds.split("..").map(natural);
  await soak(first ?? 1, last ?? 1, natural(values.workers));
}

async function runOne(seed: number): Promise<void> {
  const laboratory = await openLaboratory();
  const untilEvent = values.until === undefined ? Infinity : natural(values.until);
  const onEvent = values.trace ? (event: string) => void process.stdout.write(event) : undefined;
  const history = await simulate(seed, laboratory, { untilEvent, ...(onEvent && { onEvent }) });
  // A history that was cut short has not settled.
  const findings = untilEvent < Infinity ? [] : check(history);
  sayResult(seed, findings, `${summaryOf(history)}; events ${history.digest}`);
  await laboratory.close();
}

function sayResult(seed: number, findings: readonly string[], summary: string): void {
  say(`seed ${seed}: ${findings.length === 0 ? "sound" : "NOT SOUND"}; ${summary}`);
  if (findings.length === 0) return;
  process.exitCode = 1;
  for (const finding of findings.slice(0, FINDINGS_SHOWN)) say(`  ${finding}`);
  say(`  replay: ${replayCommand(seed)}`);
}

async function soak(first: number, last: number, workers: number): Promise<void> {
  const totals = new Map<FaultKind, number>(FAULT_KINDS.map((kind) => [kind, 0]));
  let next = first;
  let sound = 0;
  let cpuSeconds = 0;
  const startMs = performance.now();
  const take = (report: Report): void => {
    for (const [kind, times] of report.faults) totals.set(kind, (totals.get(kind) ?? 0) + times);
    if (report.findings.length === 0) sound += 1;
    cpuSeconds += report.cpuSeconds;
    sayResult(report.seed, report.findings, `${report.cpuSeconds.toFixed(1)} s; ${report.summary}`);
  };
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = fork(new URL("./worker.ts", import.meta.url));
      worker.on("message", (message: Report | "ready") => {
        if (message !== "ready") take(message);
        worker.send(next <= last ? next++ : "end");
      });
      worker.on("error", reject);
      worker.on("exit", (code) => (code === 0 ? resolve() : reject(new Error("a worker died"))));
    });
  await Promise.all(Array.from({ length: workers }, work));
  const count = last - first + 1;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  say(
    `${sound} of ${count} histories sound, ${seconds} s, ${cpuSeconds.toFixed(0)} s of processors`,
  );
  for (const [kind, times] of totals) say(`  ${kind}: ${times}`);
  const missing = [...totals].filter(([, times]) => times === 0).map(([kind]) => kind);
  if (count < MANY || missing.length === 0) return;
  say(`never struck: ${missing.join(", ")}`);
  process.exitCode = 1;
}
