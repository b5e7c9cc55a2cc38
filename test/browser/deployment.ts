/** A whole deployment for the browser tests: the command line's own demonstration, small, served by a process of its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { start, temporaryFolder, type Running } from "../e2e/command-line.ts";
import { households, type Household } from "../e2e/deployment-output.ts";

export interface Operator {
  readonly login: string;
  readonly password: string;
  readonly role: string;
}

export interface Deployment {
  readonly dir: string;
  /** Origins. */
  readonly portal: string;
  readonly mdms: string;
  readonly operators: readonly Operator[];
  households(): Readonly<Record<string, Household>>;
  close(): Promise<void>;
}

/** Enough for a month's bill, and a neighbourhood of its own under a policy that says how small it is. */
const HOUSEHOLDS = 24;
const DAYS = 33;

/** A small one; `more` options of `demo` go before these. */
export function startDeployment(...more: readonly string[]): Promise<Deployment> {
  const size = ["--households", String(HOUSEHOLDS), "--days", String(DAYS), "--customers", "2"];
  const policy = ["--min-contributors", "10", "--unsafe-policy"];
  return startDemonstration(...size, ...policy, ...more);
}

/** `demo` with these options. Resolves when its days are loaded and time goes on. */
export async function startDemonstration(...options: readonly string[]): Promise<Deployment> {
  const dir = join(temporaryFolder(), "demo");
  const demo: Running = start("demo", "--dir", dir, ...options);
  await demo.printed("Ctrl", "stdout");
  const { urls } = readJson(join(dir, "run.json")) as { urls: Record<string, string> };
  return {
    dir,
    portal: urls["ucs"] ?? "",
    mdms: urls["mdms"] ?? "",
    operators: Object.values(
      readJson(join(dir, "mdms/operators.json")) as Record<string, Operator>,
    ),
    households: () => households(dir),
    async close() {
      await demo.end("SIGTERM");
    },
  };
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
