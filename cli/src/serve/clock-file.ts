/** The replay clock's position, so that a killed demonstration goes on where it was. */
import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError, isSystemError } from "../cli-error.ts";
import { loadDemo } from "../demo/demo-options.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";

const clockDocument = z.strictObject({ nowMs: z.number().int().nonnegative() });

/** Undefined before the first move. Throws CLOCK_FILE_INVALID. */
export async function readClock(layout: Layout): Promise<number | undefined> {
  try {
    return clockDocument.parse(JSON.parse(await readFile(layout.clock, "utf8"))).nowMs;
  } catch (cause) {
    if (isSystemError(cause, "ENOENT")) return undefined;
    const message = `${layout.clock} is damaged; write {"nowMs": …} of the last day that was loaded`;
    throw new CliError("CLOCK_FILE_INVALID", message, undefined, cause);
  }
}

/** The present of a deployment: where its replay stands, at first where its contracts begin; or the machine's. */
export async function presentMs(layout: Layout): Promise<number> {
  if (loadDeployment(layout).clock !== "replay") return Date.now();
  return (await readClock(layout)) ?? 1000 * ((await loadDemo(layout))?.contractStart ?? 0);
}

export async function writeClock(layout: Layout, nowMs: number): Promise<void> {
  await writeFileAtomic(layout.clock, JSON.stringify({ nowMs }));
}
