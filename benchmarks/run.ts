/** Runs the benchmarks one after the other, each in a process of its own: `npm run bench [-- --json]`. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

for (const name of ["paillier", "pipeline"]) {
  const script = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const args = ["--import", "tsx", script, ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) {
    process.exitCode = 1;
    break;
  }
}
