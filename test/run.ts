/**
 * The test command. Checks types and lint side by side, then runs every `*.test.ts` of packages, services, cli and test/, and fails when
 * fewer tests ran than the floor: a runner that finds nothing must not look green. Arguments name files to run instead: what needs
 * Chromium (`test:browser`) or other servers (`test:services`), and what takes minutes (`test:processes`, `test:attacks`), has commands of its own.
 *
 * `npm test` starts it with `--wasm-tiering-budget`, which every file's process inherits: V8 then optimises the database's WebAssembly
 * later. In the few seconds that most files take it would not pay.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec as SpecReporter } from "node:test/reporters";

/** Raised as tests are added; lowered only with a reason in the change. */
const TESTS_MIN = 1_230;
/** The folders with the longest files first, so that none of them is left alone at the end. */
const FOLDERS = ["test", "services", "packages", "cli"];
const ELSEWHERE = [
  "packages/attacks/",
  "packages/customer/test/export.test.ts",
  "packages/customer/test/portal-bill.test.ts",
  "packages/paillier/test/engine.test.ts",
  "packages/paillier/test/native.test.ts",
  "packages/paillier/test/threshold.test.ts",
  "services/mdms/test/access.test.ts",
  "services/mdms/test/api.test.ts",
  "services/mdms/test/corrections.test.ts",
  "services/mdms/test/cost.test.ts",
  "services/mdms/test/delivery.test.ts",
  "services/mdms/test/desk.test.ts",
  "services/mdms/test/feeder.test.ts",
  "services/mdms/test/shares.test.ts",
  "services/mdms/test/web-model.test.ts",
  "services/mdms/test/web.test.ts",
  "services/pes/aggregator/test/cost-afterwards.test.ts",
  "services/pes/aggregator/test/ledger.test.ts",
  "services/pes/aggregator/test/quorum.test.ts",
  "services/pes/opener/test/keys.test.ts",
  "services/pes/trustee/test/cost-afterwards.test.ts",
  "services/pes/trustee/test/share.test.ts",
  "services/registry/test/prices.test.ts",
  "services/ucs/test/evidence.test.ts",
  "services/ucs/test/household.test.ts",
  "services/ucs/test/privacy.test.ts",
  "test/attacks/",
  "test/browser/",
  "test/e2e/cli.test.ts",
  "test/e2e/dynamic-prices.test.ts",
  "test/e2e/kill.test.ts",
  "test/e2e/meter-encrypts.test.ts",
  "test/e2e/package.test.ts",
  "test/e2e/privacy.test.ts",
  "test/e2e/readings.test.ts",
  "test/e2e/real-data.test.ts",
  "test/e2e/secrets.test.ts",
  "test/e2e/transport.test.ts",
  "test/key-life.test.ts",
  "test/retention.test.ts",
  "test/scenario/",
  "test/services/",
  "test/simulation/",
  "test/threshold.test.ts",
];
/** One more than the smallest machine has cores: files wait for disks and timers now and then. */
const FILES_AT_ONCE = 3;
const FILE_TIMEOUT_MS = 600_000;

const root = new URL("..", import.meta.url).pathname;
const named = process.argv.slice(2);

function testFiles(): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((path) => join(folder, path))
      .toSorted(),
  )
    .filter((path) => path.endsWith(".test.ts") && !path.includes("node_modules"))
    .filter((path) => !ELSEWHERE.some((elsewhere) => path.startsWith(elsewhere)));
}

async function passes(script: string): Promise<boolean> {
  const child = spawn("npm", ["run", "--silent", script], { cwd: root, stdio: "inherit" });
  await once(child, "close");
  return child.exitCode === 0;
}

if (named.length === 0) {
  const passed = await Promise.all(["typecheck", "lint"].map(passes));
  if (passed.includes(false)) process.exit(1);
}
const files = (named.length > 0 ? named : testFiles()).map((path) => join(root, path));
let tests = 0;
const events = run({ files, concurrency: FILES_AT_ONCE, timeout: FILE_TIMEOUT_MS });
const count = (event: { details?: { type?: string } }): void => {
  if (event.details?.type !== "suite") tests += 1;
};
events.on("test:pass", count);
events.on("test:fail", (event) => {
  count(event);
  process.exitCode = 1;
});
events.once("end", () => {
  if (named.length === 0 && tests < TESTS_MIN) {
    console.error(`only ${tests} tests ran, at least ${TESTS_MIN} are expected`);
    process.exitCode = 1;
  }
});
events.compose(new SpecReporter()).pipe(process.stdout);
