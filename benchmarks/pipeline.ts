/**
 * The whole pipeline in one process: meters, concentrator, opener, aggregator, trustee, MDMS, with every signature, database and
 * cut-off of the demonstration, on made-up households and a fresh key:
 * `node --import tsx benchmarks/pipeline.ts [--households 240] [--days 31] [--json]`. Processor time is of all threads; unlike the
 * wall clock it says the same on a busy machine.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepareDemo } from "../cli/src/demo/prepare.ts";
import { reportOf } from "../cli/src/demo/report.ts";
import { playDays, startDemo } from "../cli/src/demo/run-demo.ts";
import { Terminal } from "../cli/src/terminal.ts";

const KEY_BITS = 3072;
/** The floor of the policy, so that small runs release too. */
const CONTRIBUTORS_MIN = 20;

interface Phase {
  readonly wallSeconds: number;
  readonly processorSeconds: number;
}

async function measure<T>(work: () => Promise<T>): Promise<{ value: T; phase: Phase }> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  const wallSeconds = (performance.now() - startMs) / 1000;
  return { value, phase: { wallSeconds, processorSeconds: (user + system) / 1e6 } };
}

async function run(root: string, households: number, days: number) {
  const terminal = new Terminal({ json: false, quiet: true });
  const request = {
    root,
    file: undefined,
    clock: "replay" as const,
    zone: undefined,
    households,
    days,
    intervalSeconds: undefined,
    customers: 0,
    contributorsMin: CONTRIBUTORS_MIN,
    unsafePolicy: false,
    startDate: "2026-10-01",
    seed: "benchmark",
    keyBits: KEY_BITS,
    profile: "pes-encrypts" as const,
  };
  const prepared = await measure(() => prepareDemo(request, terminal));
  const started = await measure(() => startDemo(prepared.value, terminal));
  const running = started.value;
  try {
    const neverAborted = new AbortController().signal;
    const played = await measure(() =>
      playDays(running, terminal, neverAborted, Promise.resolve()),
    );
    const { intervals, contributions, lost, doubled, engine, keyBits } = await reportOf(
      running,
      [],
    );
    const { wallSeconds, processorSeconds } = played.phase;
    return {
      engine,
      keyBits,
      households,
      days,
      readings: intervals,
      contributions,
      lost,
      doubled,
      prepare: prepared.phase,
      start: started.phase,
      play: played.phase,
      readingsPerSecond: intervals / wallSeconds,
      contributionsPerSecond: contributions / wallSeconds,
      processorSecondsPer1000Readings: (1000 * processorSeconds) / intervals,
      memoryMegabytesMax: process.resourceUsage().maxRSS / 1024,
    };
  } finally {
    await running.close();
  }
}

const { values } = parseArgs({
  options: {
    households: { type: "string", default: "240" },
    days: { type: "string", default: "31" },
    json: { type: "boolean", default: false },
  },
});
const root = await mkdtemp(join(tmpdir(), "smarter-metering-benchmark-"));
try {
  const result = await run(join(root, "demo"), Number(values.households), Number(values.days));
  if (values.json) {
    console.log(JSON.stringify(result));
  } else {
    const phase = ({ wallSeconds, processorSeconds }: Phase): string =>
      `${wallSeconds.toFixed(1).padStart(7)} s wall ${processorSeconds.toFixed(1).padStart(7)} s processor`;
    const { engine, keyBits, households, days, readings, contributions } = result;
    console.log(
      `${households} households × ${days} days, engine ${engine}, ${keyBits}-bit key: ` +
        `${readings} readings, ${contributions} contributions, ` +
        `${result.lost} intervals lost, ${result.doubled} doubled`,
    );
    console.log(`prepare (keys, registry)    ${phase(result.prepare)}`);
    console.log(`start (databases, tables)   ${phase(result.start)}`);
    console.log(`play (all days, releases)   ${phase(result.play)}`);
    console.log(`readings per second         ${result.readingsPerSecond.toFixed(0)}`);
    console.log(`contributions per second    ${result.contributionsPerSecond.toFixed(0)}`);
    console.log(
      `processor time              ${result.processorSecondsPer1000Readings.toFixed(3)} s per 1,000 readings, ` +
        `${((1000 * result.play.processorSeconds) / contributions).toFixed(1)} ms per contribution`,
    );
    console.log(`peak memory                 ${result.memoryMegabytesMax.toFixed(0)} MB`);
  }
} finally {
  await rm(root, { recursive: true, force: true });
}
