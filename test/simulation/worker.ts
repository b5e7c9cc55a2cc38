/** A process that runs the histories of the seeds it is given, one after the other, and says what each was like. */
import { check } from "./check.ts";
import type { FaultKind } from "./faults.ts";
import { openLaboratory, simulate, summaryOf } from "./simulation.ts";

export interface Report {
  readonly seed: number;
  /** What is not sound; none means all is. */
  readonly findings: readonly string[];
  readonly summary: string;
  readonly digest: string;
  readonly faults: readonly (readonly [FaultKind, number])[];
  readonly cpuSeconds: number;
}

const laboratory = await openLaboratory();

async function reportOn(seed: number): Promise<Report> {
  const before = process.cpuUsage();
  const report = await simulate(seed, laboratory)
    .then((history) => ({
      findings: check(history),
      summary: summaryOf(history),
      digest: history.digest,
      faults: [...history.faults],
    }))
    .catch((error: unknown) => ({
      findings: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      summary: "it ended early",
      digest: "",
      faults: [],
    }));
  const { user, system } = process.cpuUsage(before);
  return { seed, ...report, cpuSeconds: (user + system) / 1_000_000 };
}

process.on("message", (seed: number | "end") => {
  if (seed === "end") return process.disconnect();
  void reportOn(seed).then((report) => process.send?.(report));
});
process.on("disconnect", () => void laboratory.close());
process.send?.("ready");
