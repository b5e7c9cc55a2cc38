/**
 * The test command. Runs every `*.test.ts` of packages, services, cli and test/, three files at a time (they wait for disks and
 * timers now and then), and fails when fewer tests ran than
 * the floor: a runner that finds nothing must not look green. Arguments name files to run instead: what needs Chromium (`test:browser`)
 * and what takes minutes (`test:e2e`) has commands of its own.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec as SpecReporter } from "node:test/reporters";

/** Raised as tests are added; lowered only with a reason in the change. */
const TESTS_MIN = 640;
const ELSEWHERE = [
  "test/browser/",
  "test/e2e/package.test.ts",
  "test/e2e/real-data.test.ts",
  "test/e2e/secrets.test.ts",
];
const FILE_TIMEOUT_MS = 600_000;

const root = new URL("..", import.meta.url).pathname;
const named = process.argv.slice(2);

function testFiles(): string[] {
  return ["packages", "services", "cli", "test"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) =>
        join(folder, path),
      ),
    )
    .filter((path) => path.endsWith(".test.ts") && !path.includes("node_modules"))
    .filter((path) => !ELSEWHERE.some((elsewhere) => path.startsWith(elsewhere)))
    .toSorted();
}

const files = (named.length > 0 ? named : testFiles()).map((path) => join(root, path));
let tests = 0;
const events = run({ files, concurrency: 3, timeout: FILE_TIMEOUT_MS });
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
