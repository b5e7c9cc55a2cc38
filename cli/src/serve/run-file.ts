/** `run.json`: who serves a deployment now, and where. Written when all listeners are up, removed at the end. */
import { readFile, rm } from "node:fs/promises";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { z } from "zod";
import type { Layout } from "../deployment/layout.ts";

const runDocument = z.strictObject({
  pid: z.number().int().positive(),
  urls: z.record(z.string(), z.string()),
});
export type RunFile = z.infer<typeof runDocument>;

export async function writeRunFile(layout: Layout, urls: RunFile["urls"]): Promise<void> {
  await writeFileAtomic(layout.run, `${JSON.stringify({ pid: process.pid, urls }, null, 2)}\n`);
}

export async function removeRunFile(layout: Layout): Promise<void> {
  await rm(layout.run, { force: true });
}

/** Addresses of a running `serve`, or undefined: no file, or its process is gone. */
export async function readRunFile(layout: Layout): Promise<RunFile | undefined> {
  try {
    const run = runDocument.parse(JSON.parse(await readFile(layout.run, "utf8")));
    process.kill(run.pid, 0);
    return run;
  } catch {
    return undefined; // Nobody serves: the caller then starts what it needs itself.
  }
}
