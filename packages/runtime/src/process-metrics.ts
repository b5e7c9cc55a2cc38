/** What a process uses of its machine, for every role: memory, processor, event loop, files, disk. */
import { readdirSync, statfsSync } from "node:fs";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { Metrics } from "./metrics.ts";
import { processLimits } from "./process-limits.ts";

export interface ProcessMetricsOptions {
  readonly version: string;
  /** Where the party keeps what it must not lose; absent: no numbers of a disk. */
  readonly folder?: string;
}

const quantiles = [50, 99, 100] as const;
const nanoseconds = 1e9;
const lookMs = 20;

/** Nothing is measured before the first scrape: a process that nobody watches pays nothing. */
export function addProcessMetrics(metrics: Metrics, options: ProcessMetricsOptions): void {
  const build = metrics.gauge("build_info", "1, with the version that runs", ["version", "node"]);
  build.set(1, { version: options.version, node: process.version });
  const started = metrics.gauge("process_start_time_seconds", "When the process started");
  started.set(performance.timeOrigin / 1000);
  const dumps = metrics.gauge(
    "process_core_dumps_possible",
    "1 where a crash would write the process's memory to a disk",
  );
  dumps.set(processLimits().coreDumpBytesMax === 0 ? 0 : 1);
  metrics.collect("process", memoryAndProcessor(metrics));
  metrics.collect("event loop", eventLoop(metrics));
  metrics.collect("files", openFiles(metrics));
  const { folder } = options;
  if (folder !== undefined) metrics.collect("disk", disk(metrics, folder));
}

function memoryAndProcessor(metrics: Metrics): () => void {
  const resident = metrics.gauge("process_resident_memory_bytes", "Memory of the process");
  const heap = metrics.gauge("process_heap_used_bytes", "JavaScript heap in use");
  const heapMax = metrics.gauge("process_heap_max_bytes", "What the JavaScript heap may grow to");
  const cpu = metrics.counter("process_cpu_seconds_total", "Processor time, user and system");
  let counted = 0;
  return () => {
    const { rss, heapUsed } = process.memoryUsage();
    resident.set(rss);
    heap.set(heapUsed);
    heapMax.set(processLimits().heapBytesMax);
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1e6;
    cpu.add(seconds - counted);
    counted = seconds;
  };
}

function eventLoop(metrics: Metrics): () => void {
  const delay = metrics.gauge(
    "event_loop_delay_seconds",
    "How late timers came since the last scrape",
    ["quantile"],
  );
  const busy = metrics.gauge(
    "event_loop_busy_ratio",
    "Part of the time since the last scrape in which the event loop worked",
  );
  const histogram = monitorEventLoopDelay({ resolution: lookMs });
  let last = performance.eventLoopUtilization();
  return () => {
    histogram.enable(); // At the first scrape; then it has no effect.
    for (const quantile of quantiles) {
      const value = histogram.count === 0 ? 0 : histogram.percentile(quantile);
      // The histogram holds times between two looks, which are `lookMs` apart when nothing is late.
      const late = Math.max(0, value / nanoseconds - lookMs / 1000);
      delay.set(late, { quantile: String(quantile / 100) });
    }
    histogram.reset();
    const now = performance.eventLoopUtilization();
    busy.set(performance.eventLoopUtilization(now, last).utilization);
    last = now;
  };
}

function openFiles(metrics: Metrics): () => void {
  const open = metrics.gauge("process_open_files", "Open files and connections");
  const max = metrics.gauge("process_open_files_max", "How many of them the kernel allows");
  return () => {
    const { openFilesMax } = processLimits();
    if (openFilesMax === undefined) return; // Not Linux: there is no /proc to count in.
    open.set(readdirSync("/proc/self/fd").length);
    max.set(openFilesMax);
  };
}

function disk(metrics: Metrics, folder: string): () => void {
  const free = metrics.gauge("disk_free_bytes", "Free space where the party's folder is");
  const size = metrics.gauge("disk_size_bytes", "Size of the file system of the party's folder");
  return () => {
    const { bavail, blocks, bsize } = statfsSync(folder);
    free.set(bavail * bsize);
    size.set(blocks * bsize);
  };
}
