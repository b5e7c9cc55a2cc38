/** What the figures belong to. */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import process from "node:process";
import type { Machine } from "./results.ts";

/** Instructions that the kernels and OpenSSL look for. */
const interesting = ["bmi2", "adx", "avx2", "avx512f", "avx512ifma"];

/** As Linux lists it; undefined elsewhere. */
function linuxFile(path: string, line: RegExp): string | undefined {
  try {
    return line.exec(readFileSync(path, "utf8"))?.[1];
  } catch {
    return undefined; // another system: there is no such file
  }
}

export function describeMachine(): Machine {
  const flags = linuxFile("/proc/cpuinfo", /^flags\s*:\s*(.*)$/m)?.split(" ") ?? [];
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown processor",
    cores: availableParallelism(),
    features: interesting.filter((name) => flags.includes(name)),
    node: process.versions.node,
    v8: process.versions.v8,
    platform: `${process.platform}-${process.arch}`,
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** The first processor that this process may run on. */
export function firstProcessor(): number {
  const list = linuxFile("/proc/self/status", /^Cpus_allowed_list:\s*(\d+)/m);
  return Number(list ?? "0");
}
