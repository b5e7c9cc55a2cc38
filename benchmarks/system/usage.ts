/** Processor time and memory of the servers that a measurement has started, from /proc: a server and all its processes. */
import { readdirSync, readFileSync } from "node:fs";

export interface ServerUsage {
  readonly processorSeconds: number;
  readonly residentBytes: number;
}

/** Ticks of USER_HZ, which Linux has at 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** Of `pid` and its children, those that have ended and were waited for included. */
export function usageOf(pid: number): ServerUsage {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const family = all.flatMap((name) => statOf(Number(name)) ?? []);
  const own = family.filter(({ id, parent }) => id === pid || parent === pid);
  return {
    processorSeconds: own.reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND,
    residentBytes: own.reduce((sum, { pages }) => sum + pages, 0) * PAGE_BYTES,
  };
}

function statOf(id: number) {
  try {
    const text = readFileSync(`/proc/${id}/stat`, "latin1");
    // The second field, a name in brackets, may hold anything; fields are counted after it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const at = (field: number): number => Number(fields[field - 3]);
    // proc(5): ppid 4, utime 14, stime 15, cutime 16, cstime 17, rss 24.
    return { id, parent: at(4), ticks: at(14) + at(15) + at(16) + at(17), pages: at(24) };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}
