/**
 * The limits that this process runs under, for `doctor` and for roles that hold plaintext or keys: a
 * core dump would write their memory to disk.
 */
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";

export interface ProcessLimits {
  /** Undefined where the system does not say (no /proc). Infinity: unlimited. */
  readonly openFilesMax: number | undefined;
  readonly coreDumpBytesMax: number | undefined;
  readonly heapBytesMax: number;
}

export function processLimits(): ProcessLimits {
  let limits = "";
  try {
    limits = readFileSync("/proc/self/limits", "latin1");
  } catch {
    // not Linux: the two limits stay undefined
  }
  return {
    openFilesMax: softLimit(limits, "Max open files"),
    coreDumpBytesMax: softLimit(limits, "Max core file size"),
    heapBytesMax: getHeapStatistics().heap_size_limit,
  };
}

function softLimit(limits: string, name: string): number | undefined {
  const line = limits.split("\n").find((candidate) => candidate.startsWith(name));
  const soft = line?.slice(name.length).trim().split(/\s+/)[0];
  if (soft === undefined) return undefined;
  return soft === "unlimited" ? Infinity : Number(soft);
}
