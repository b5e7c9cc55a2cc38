/** `deployment.json`: what kind of deployment a folder holds. Written last by `init`, read first by everything else. */
import { existsSync } from "node:fs";
import { loadConfig, writeFileAtomic } from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import type { Layout } from "./layout.ts";

/** `replay`: time is moved by a demonstration; `system`: the machine's clock. */
export type ClockKind = "replay" | "system";

const deployment = z.strictObject({
  kind: z.literal("smarter-metering/deployment"),
  version: z.literal(1),
  clock: z.enum(["replay", "system"]),
  policyId: z.string(),
  /** False where every meter encrypts for itself. */
  opener: z.boolean().default(true),
  /** Where trustees hold shares of the Paillier key. */
  quorum: z.strictObject({ threshold: z.number().int(), trustees: z.number().int() }).optional(),
});
export type Deployment = z.infer<typeof deployment>;

export async function writeDeployment(
  layout: Layout,
  terms: Pick<Deployment, "clock" | "policyId" | "opener" | "quorum">,
): Promise<void> {
  const document: Deployment = { kind: "smarter-metering/deployment", version: 1, ...terms };
  await writeFileAtomic(layout.deployment, `${JSON.stringify(document, null, 2)}\n`);
}

/** Throws DEPLOYMENT_MISSING, CONFIG_INVALID. */
export function loadDeployment(layout: Layout): Deployment {
  if (!existsSync(layout.deployment)) {
    const message = `${layout.root} holds no deployment; make one with: smarter-metering demo --exit --dir ${layout.root}, or smarter-metering init`;
    throw new CliError("DEPLOYMENT_MISSING", message);
  }
  return loadConfig(layout.deployment, () => deployment).value;
}
