/** A report as markdown: the whole of it, and the part that the package's README shows. */
import { operations, type Operation } from "./operations.ts";
import { bestOf, type Check, type Phase, type Report } from "./results.ts";

/** 2048 and 3072, or what there was time for. */
function sizesOf(phase: Phase): number[] {
  return [...new Set(phase.measurements.map(({ bits }) => bits))];
}

/** Three digits are what a benchmark can tell. */
function short(value: number): string {
  if (value >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString("en-US");
  return Number(value.toPrecision(3)).toString();
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map(line).join("\n");
}

function contendersOf(phase: Phase): string[] {
  const order = ["native-ifma", "native-mulx", "native-generic", "portable"];
  const found = [...new Set(phase.measurements.map(({ contender }) => contender))];
  const rank = (name: string) => (order.indexOf(name) + order.length + 1) % (order.length + 1);
  return found.sort((a, b) => rank(a) - rank(b));
}

function operationsOf(phase: Phase): Operation[] {
  const names = Object.keys(operations) as Operation[]; // the keys of that very object
  return names.filter((name) => phase.measurements.some(({ operation }) => operation === name));
}

/** Operations per second; `best (median)` or the best alone. */
function rates(phase: Phase, bits: number, withMedian: boolean): string {
  const contenders = contendersOf(phase);
  const has = (name: string) => contenders.includes(name);
  const rows = operationsOf(phase).map((operation) => {
    const cells = contenders.map((name) => {
      const found = phase.measurements.find(
        (row) => row.bits === bits && row.operation === operation && row.contender === name,
      );
      if (found === undefined) return "–";
      return withMedian ? `${short(found.best)} (${short(found.median)})` : short(found.best);
    });
    const fastest = bestOf(phase, bits, operation, contenders[0]);
    const theirs = bestOf(phase, bits, operation, "paillier-bigint");
    const times =
      fastest !== undefined && theirs !== undefined ? `${short(fastest / theirs)} ×` : "–";
    return [operations[operation], ...cells, ...(has("paillier-bigint") ? [times] : [])];
  });
  const ratio = has("paillier-bigint") ? [`${contenders[0]} / paillier-bigint`] : [];
  return table([`${bits} bits, per second`, ...contenders, ...ratio], rows);
}

function machineLine({ machine, pinnedTo }: Report): string {
  const { processor, cores, node, v8, platform, features, loadBefore } = machine;
  const pin = pinnedTo === undefined ? "not bound (no taskset)" : `bound to processor ${pinnedTo}`;
  return (
    `${processor}, ${cores} cores, ${platform}, ${features.join(" ") || "no special instructions"}; ` +
    `Node ${node}, V8 ${v8}. One core: one thread, ${pin}. Load before the run: ${loadBefore.toFixed(2)}.`
  );
}

function checks(title: string, list: readonly Check[]): string {
  const rows = list.map(({ name, bits, value, wanted, holds }) => [
    name,
    String(bits),
    short(value),
    short(wanted),
    holds ? "yes" : "**no**",
  ]);
  return `## ${title}\n\n${table(["what", "bits", "value", "at least", "holds"], rows)}`;
}

function tablesPart({ oneCore }: Report): string {
  const rows = oneCore.tables.map((row) => [
    row.engine,
    String(row.bits),
    String(row.windowBits),
    short(row.buildMs),
    short(row.megabytes),
    short(row.encryptionsPerSecond),
  ]);
  const head = ["engine", "bits", "window", "build, ms", "MB", "encryptions/s"];
  return `## Fixed-base tables, by processor time of one thread\n\n${table(head, rows)}`;
}

function limitPart({ peak, limits }: Report): string {
  if (peak === undefined) return "";
  const rows = limits.map(({ bits, operation, wordProducts, limitPerSecond, reachedPerSecond }) => [
    operations[operation],
    String(bits),
    short(wordProducts / 1000),
    short(limitPerSecond),
    short(reachedPerSecond),
    `${((100 * reachedPerSecond) / limitPerSecond).toFixed(0)} %`,
  ]);
  const head = ["native-ifma", "bits", "1000 word products", "limit/s", "reached/s", "share"];
  return `## How far from the multiplier's limit

IFMA instructions on 512 bits, per second and core: ${(peak.instructionsPerSecond / 1e9).toFixed(2)} · 10⁹, ${peak.how}. An operation's word products (52 × 52 bits, two instructions each, eight operations at once) follow from the formulas in native/kernel.h.

${table(head, rows)}

The rest goes to loading and storing sums (a load, a broadcast and a store for every twenty multiplications), to the triangle of each reduction, in which every digit waits for the one before, to fetching table entries from memory, and to turning bytes into limbs and back.`;
}

function scalingPart({ allCores }: Report): string {
  const rows = allCores.scaling.map(({ contender, bits, operation, ratio }) => [
    contender,
    String(bits),
    operations[operation],
    `${ratio.toFixed(2)} ×`,
  ]);
  if (rows.length === 0) return "";
  return `### Two threads over one\n\n${table(["engine", "bits", "operation", "ratio"], rows)}`;
}

function notes({ oneCore, allCores }: Report): string {
  const lines = [
    "Best of the rounds. A reading is one of the 96 quarters of an hour of a local day, packed in one ciphertext (two at 2048 bits).",
    `Engines: ${[...oneCore.engines, ...allCores.engines].join(", ")}.`,
    "Keys are generated by the same code whichever engine serves.",
    ...(oneCore.whyPortable === undefined ? [] : [`No native engine: ${oneCore.whyPortable}.`]),
    oneCore.python === undefined
      ? "python phe is not in the table: python3 cannot import phe and gmpy2."
      : `python: ${oneCore.python}.`,
  ];
  return lines.join(" ");
}

export function markdownOf(report: Report): string {
  const { oneCore, allCores, machine, seconds, effort } = report;
  const parts = [
    "# Paillier benchmark",
    machineLine(report),
    `${effort.rounds} rounds of ${effort.sliceMs} ms for each, in turns: best (median). ${notes(report)}`,
    "## One core",
    ...sizesOf(oneCore).map((bits) => rates(oneCore, bits, true)),
    `## All ${machine.cores} cores`,
    ...sizesOf(allCores).map((bits) => rates(allCores, bits, true)),
    scalingPart(report),
    oneCore.tables.length === 0 ? "" : tablesPart(report),
    limitPart(report),
    checks("Gates", report.gates),
    report.targets.length === 0
      ? ""
      : checks("Targets (IFMA, one core; not gates)", report.targets),
    `${seconds.toFixed(0)} s.`,
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

/** What stands between the markers of packages/paillier/README.md. */
export function readmePart(report: Report): string {
  const { oneCore, allCores, machine } = report;
  const parts = [
    machineLine(report),
    ...sizesOf(oneCore).map((bits) => rates(oneCore, bits, false)),
    `The same on all ${machine.cores} cores:`,
    ...sizesOf(allCores).map((bits) => rates(allCores, bits, false)),
    notes(report),
  ];
  return parts.join("\n\n");
}
