/**
 * Compiles native/*.c to native/build/paillier.node: the `install` script of this package.
 * Downloads nothing, and never makes an install fail: what is missing is said in one line, and the
 * portable engine serves. Plain JavaScript, as it also runs where only the package is installed.
 *
 *   node native/build.mjs              build if a compiler is there; up to date is left alone
 *   node native/build.mjs --required   exit 1 instead of doing without (continuous integration)
 *   node native/build.mjs --sanitize   native/build/paillier-asan.node, with AddressSanitizer and
 *                                      UBSan; implies --required
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const folder = fileURLToPath(new URL(".", import.meta.url));
const { values: options } = parseArgs({
  options: { required: { type: "boolean" }, sanitize: { type: "boolean" } },
});
const name = options.sanitize ? "paillier-asan" : "paillier";
const target = join(folder, "build", `${name}.node`);
const stamp = join(folder, "build", `${name}.stamp`);

/** No -march: functions for particular processors carry their own target attributes. */
const flags = [
  "-std=c11 -fPIC -shared -fvisibility=hidden -Wall -Wextra",
  "-Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion",
  options.sanitize ? "-O1 -g -fno-omit-frame-pointer" : "-O3",
  options.sanitize ? "-fsanitize=address,undefined -fno-sanitize-recover=undefined" : "",
  process.platform === "darwin" ? "-undefined dynamic_lookup" : "",
].flatMap((words) => words.split(" ").filter(Boolean));

/** The compiler's command, as words, and what it says of itself. CC, when set, is the only one. */
function findCompiler() {
  const candidates = process.env.CC ? [process.env.CC] : ["cc", "gcc", "clang"];
  for (const candidate of candidates) {
    const command = candidate.split(" ").filter(Boolean);
    const { status, stdout } = run([...command, "--version"]);
    if (status === 0) return { command, version: stdout };
  }
  const why = process.env.CC
    ? `CC, ${candidates[0]}, does not run`
    : `none of ${candidates.join(", ")}`;
  throw new Error(`no C compiler (${why})`);
}

async function findHeaders() {
  try {
    return (await import("node-api-headers")).default.include_dir;
  } catch {
    throw new Error("the package node-api-headers is not installed");
  }
}

function run([command, ...words]) {
  return spawnSync(command, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** What a build is made of: equal digests, equal builds. */
function digestOf(sources, compiler) {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([process.platform, process.arch, flags, compiler]));
  for (const source of sources) {
    hash.update(JSON.stringify([source, readFileSync(join(folder, source), "utf8")]));
  }
  return hash.digest("hex");
}

/** A build of other sources would not fit the JavaScript beside it. */
function removeBuild() {
  for (const path of [stamp, target]) rmSync(path, { force: true });
}

/** Builds beside the target and renames: a target is whole. */
function compile(compiler, headers, sources) {
  const temporary = join(folder, "build", `${name}.${process.pid}.tmp.node`);
  removeBuild();
  mkdirSync(join(folder, "build"), { recursive: true });
  try {
    const code = sources
      .filter((source) => source.endsWith(".c"))
      .map((source) => join(folder, source));
    const compiled = run([...compiler.command, ...flags, "-I", headers, "-o", temporary, ...code]);
    process.stderr.write(compiled.stderr ?? "");
    if (compiled.status !== 0) throw new Error(`${compiler.command.join(" ")} failed`);
    if (!options.sanitize) checkLoads(temporary);
    renameSync(temporary, target);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** A compiler for another machine must not leave what this one cannot load. */
function checkLoads(path) {
  const { status, stderr } = run([process.execPath, "-e", "require(process.argv[1])", path]);
  if (status === 0) return;
  process.stderr.write(stderr ?? "");
  throw new Error("what was compiled cannot be loaded");
}

async function build() {
  if (process.platform === "win32") throw new Error("not built on Windows");
  const sources = readdirSync(folder)
    .filter((file) => /\.(c|h|inc)$/.test(file))
    .toSorted();
  if (sources.length === 0) throw new Error("the C sources are not here");
  const compiler = findCompiler();
  const headers = await findHeaders();
  const digest = digestOf(sources, compiler);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest) {
    return "is up to date";
  }
  compile(compiler, headers, sources);
  writeFileSync(stamp, digest);
  return `built with ${compiler.command.join(" ")}`;
}

try {
  const outcome = await build().catch((error) => {
    removeBuild();
    throw error;
  });
  console.log(`paillier: native/build/${name}.node ${outcome}`);
} catch (error) {
  // Whatever it was, a full disk too: no install fails for it.
  const required = options.required || options.sanitize;
  const serves = required ? "" : "; the portable engine serves";
  console.error(`paillier: no native engine: ${error.message}${serves}`);
  process.exitCode = required ? 1 : 0;
}
