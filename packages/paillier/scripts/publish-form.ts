/**
 * The two forms of this package. In the workspace it is run from its TypeScript sources; what is
 * packed is JavaScript with declarations, which needs neither loader nor compiler. `prepack` builds
 * dist/ and puts the published package.json in place, `postpack` (--restore) puts ours back. npm
 * packs the package.json it finds on the disk and has no other way to publish other `exports`.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

type Manifest = {
  readonly exports: unknown;
  readonly imports: unknown;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
};

const folder = fileURLToPath(new URL("..", import.meta.url));
const manifest = join(folder, "package.json");
/** Ours, while the published one is in its place; left behind by a `npm pack` that was killed. */
const ours = join(folder, "package.workspace.json");
const license = join(folder, "LICENSE");

function restore(): void {
  if (existsSync(ours)) renameSync(ours, manifest);
  rmSync(license, { force: true });
}

function buildDist(): void {
  const tsc = fileURLToPath(import.meta.resolve("typescript/package.json"));
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  const words = [join(tsc, "../bin/tsc"), "--project", join(folder, "tsconfig.publish.json")];
  execFileSync(process.execPath, words, { stdio: "inherit" });
  // The source's twin of this file looks for a loader of TypeScript first.
  const starter = join(folder, "dist/engine/portable/paillier-worker.js");
  writeFileSync(starter, 'await import("./worker.js");\n');
}

/** Every path to a source becomes the path to what tsc made of it. */
function toDist<T>(value: T): T {
  const text = JSON.stringify(value).replaceAll(/"\.\/src\/([^"]+)\.ts"/g, '"./dist/$1.js"');
  return JSON.parse(text) as T; // of T's shape: only strings changed
}

/** Neither tsx nor the scripts of the workspace; not private, so that the tarball can be published. */
function publishedForm(workspace: Manifest & { readonly private?: boolean }): unknown {
  const { private: _private, exports, imports, scripts, dependencies, ...rest } = workspace;
  const { tsx: _tsx, ...others } = dependencies;
  return {
    ...rest,
    types: "./dist/index.d.ts",
    exports: toDist(exports),
    imports: toDist(imports),
    scripts: { install: scripts["install"] },
    dependencies: others,
  };
}

restore();
if (!process.argv.includes("--restore")) {
  buildDist();
  const published = publishedForm(JSON.parse(readFileSync(manifest, "utf8")) as Manifest);
  copyFileSync(join(folder, "../../LICENSE"), license);
  renameSync(manifest, ours);
  writeFileSync(manifest, `${JSON.stringify(published, null, 2)}\n`);
}
