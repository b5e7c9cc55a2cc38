/** What a demonstration shows: read from the command line once, kept in `demo.json`, so that a killed one goes on as it began. */
import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { parseDynamicPrices, parseTariff } from "@smarter-metering/tariff";
import { z } from "zod";
import { CliError, isSystemError } from "../cli-error.ts";
import type { Layout } from "../deployment/layout.ts";

const demoDocument = z.strictObject({
  kind: z.literal("smarter-metering/demo"),
  /** Where the readings come from: made up, or a file the user named. */
  source: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("synthetic"), seed: z.string(), startDate: z.string() }),
    z.strictObject({
      kind: z.literal("file"),
      path: z.string(),
      unit: z.string().optional(),
      strict: z.boolean(),
    }),
  ]),
  /** The user's own, and what its cost counts by; without it, the demonstration's. */
  tariff: z
    .unknown()
    .transform((value) => parseTariff(value))
    .optional(),
  prices: z.array(z.unknown().transform(parseDynamicPrices)).default([]),
  zone: z.string(),
  households: z.number().int().positive(),
  days: z.number().int().positive(),
  intervalSeconds: z.number().int().positive(),
  customers: z.number().int().nonnegative(),
  contributorsMin: z.number().int().positive(),
  unsafePolicy: z.boolean(),
  profile: z.enum(["pes-encrypts", "meter-encrypts"]).default("pes-encrypts"),
  keyBits: z.number().int(),
  /** Where trustees hold shares of the Paillier key. */
  quorum: z.strictObject({ threshold: z.number().int(), trustees: z.number().int() }).optional(),
  /** A local midnight: contracts and the first block begin. */
  contractStart: z.number().int().nonnegative(),
});
export type DemoOptions = z.infer<typeof demoDocument>;

export async function saveDemo(layout: Layout, options: DemoOptions): Promise<void> {
  await writeFileAtomic(layout.demo, `${JSON.stringify(options, null, 2)}\n`);
}

/** Undefined when the folder holds no demonstration. Throws DEMO_FILE_INVALID. */
export async function loadDemo(layout: Layout): Promise<DemoOptions | undefined> {
  try {
    return demoDocument.parse(JSON.parse(await readFile(layout.demo, "utf8")));
  } catch (cause) {
    if (isSystemError(cause, "ENOENT")) return undefined;
    const message = `${layout.demo} is damaged; begin anew in another folder`;
    throw new CliError("DEMO_FILE_INVALID", message, undefined, cause);
  }
}
