/**
 * packages/paillier as others get it: packed, installed into empty folders without any network, run as plain JavaScript by this Node, or
 * by each release line in SMARTER_METERING_NODES (`npm run test:node-versions`), whose binaries come from npm. Native where a compiler is,
 * portable everywhere. Works on a copy, because packing has the published package.json in place for a moment.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { prebuildName } from "../../packages/paillier/src/engine/native/load.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "paillier-package-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const { CC: _cc, SMARTER_METERING_ENGINE: _engine, ...environment } = process.env;
/** Where a command is on the PATH. */
const which = (command: string): string | undefined =>
  (environment["PATH"] ?? "")
    .split(delimiter)
    .map((place) => join(place, command))
    .find((path) => existsSync(path));
const hasCompiler = ["cc", "gcc", "clang"].some((compiler) => which(compiler) !== undefined);

/** A PATH with what npm needs, and no compiler. */
const bare = join(folder, "bare");
const withoutCompiler = { ...environment, PATH: bare };

type Outcome = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

function run(
  cwd: string,
  [command = "", ...words]: readonly string[],
  env: NodeJS.ProcessEnv = environment,
): Outcome {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, env, encoding: "utf8" });
  return { status, stdout, stderr };
}

/** What it printed; it must succeed. */
function succeed(cwd: string, words: readonly string[], env?: NodeJS.ProcessEnv): string {
  const { status, stdout, stderr } = run(cwd, words, env);
  assert.equal(status, 0, `${words.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

const headers = JSON.parse(
  readFileSync(join(root, "node_modules/node-api-headers/package.json"), "utf8"),
) as { readonly version: string };

let tarball = "";
let packed: readonly string[] = [];
/** A folder with the package installed by --ignore-scripts. */
let withoutScripts = "";
const nodes: string[] = [];

before(() => {
  mkdirSync(bare);
  for (const command of ["node", "npm", "sh"]) {
    const path = command === "node" ? process.execPath : which(command);
    assert(path !== undefined, `${command} is on the PATH`);
    symlinkSync(path, join(bare, command));
  }
  const copy = join(folder, "copy");
  const source = join(root, "packages/paillier");
  cpSync(source, join(copy, "packages/paillier"), {
    recursive: true,
    filter: (path) => !/\/(dist|test|node_modules|native\/build)$/.test(path),
  });
  for (const file of ["LICENSE", "tsconfig.json"]) cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "package.json"), '{ "workspaces": ["packages/paillier"] }');
  const pack = ["npm", "pack", "--json", "--pack-destination", folder];
  const [report] = JSON.parse(succeed(copy, [...pack, "-w", "packages/paillier"])) as [
    { filename: string; files: { path: string }[] },
  ];
  tarball = join(folder, report.filename);
  packed = report.files.map(({ path }) => path);
  assert.equal(
    readFileSync(join(copy, "packages/paillier/package.json"), "utf8"),
    readFileSync(join(source, "package.json"), "utf8"),
    "the workspace's package.json is back",
  );
  succeed(folder, [...pack, "--ignore-scripts", join(root, "node_modules/node-api-headers")]);
  withoutScripts = install("without-scripts", ["--ignore-scripts"]);
  for (const line of process.env["SMARTER_METERING_NODES"]?.split(" ") ?? []) {
    const name = `node-${process.platform}-${process.arch}`;
    const prefix = join(folder, `node-${line}`);
    succeed(folder, ["npm", "install", "--prefix", prefix, `${name}@${line}`]);
    nodes.push(join(prefix, "node_modules", name, "bin/node"));
  }
  if (nodes.length === 0) nodes.push(process.execPath);
});

/** An empty folder with the package in it. The headers lie beside it, so nothing is downloaded. */
function install(name: string, words: readonly string[], env?: NodeJS.ProcessEnv): string {
  const target = join(folder, name);
  mkdirSync(target);
  const allowScripts = { [`file:${tarball}`]: true }; // from npm 12 on they do not run unasked
  writeFileSync(join(target, "package.json"), JSON.stringify({ type: "module", allowScripts }));
  const headersTarball = join(folder, `node-api-headers-${headers.version}.tgz`);
  succeed(target, ["npm", "install", "--offline", ...words, tarball, headersTarball], env);
  cpSync(new URL("package-consumer.mjs", import.meta.url), join(target, "consumer.mjs"));
  return target;
}

const native = (target: string): string =>
  join(target, "node_modules/@smarter-metering/paillier/native");

/** 20 + 22 on every Node, and the engine that was loaded or why there is none. */
function consume(
  target: string,
  engine?: string,
): { versions: string[]; answers: string[]; engines: string[] } {
  const env = {
    ...environment,
    ...(engine === undefined ? {} : { SMARTER_METERING_ENGINE: engine }),
  };
  const results = nodes.map((node) => {
    const printed = succeed(target, [node, "consumer.mjs"], env);
    return JSON.parse(printed) as { node: string; answer: string; engine: string };
  });
  return {
    versions: results.map(({ node }) => node),
    answers: results.map(({ answer }) => answer),
    engines: [...new Set(results.map(({ engine }) => engine))],
  };
}

const everywhere = (answer: string): string[] => nodes.map(() => answer);

test("the tarball: JavaScript, declarations, C, vectors; no sources, tests, builds or loader", () => {
  const strange = packed.filter(
    (path) =>
      !/^(dist\/.*\.js|dist\/.*\.d\.ts|native\/[\w-]+\.(c|h|inc)|native\/build\.mjs)$/.test(path) &&
      !/^(native\/prebuilds\/|examples\/[\w-]+\.mjs$|test\/(vectors|fixed-keys)\.json$)/.test(
        path,
      ) &&
      !["LICENSE", "README.md", "package.json"].includes(path),
  );
  assert.deepEqual(strange, []);
  const extract = ["tar", "-xzOf", tarball, "package/package.json"];
  const manifest = JSON.parse(succeed(folder, extract)) as Record<string, unknown>;
  assert.deepEqual(manifest["scripts"], { install: "node native/build.mjs" });
  assert.deepEqual(manifest["dependencies"], { "node-api-headers": headers.version });
  assert.equal(manifest["private"], undefined);
  assert.doesNotMatch(JSON.stringify(manifest), /src\/|tsx/);
});

test("installed: computes, with the native engine where there is a compiler", (t) => {
  if (!hasCompiler) t.diagnostic("no C compiler here: the portable engine alone is tested");
  const target = install("plain", []);
  assert.equal(existsSync(join(native(target), "build/paillier.node")), hasCompiler);
  const { versions, answers, engines } = consume(target);
  t.diagnostic(`ran on Node ${versions.join(", ")}`);
  assert.deepEqual(answers, everywhere("42"));
  if (hasCompiler) assert.deepEqual(engines, ["native"]);
  else assert.match(engines.join(), /^no native engine is built/);
  assert.deepEqual(consume(target, "portable").engines, ["SMARTER_METERING_ENGINE is portable"]);
});

test("a build that does not load: the prebuilt one serves, then the portable engine", () => {
  const target = install("prebuilt", []);
  if (!hasCompiler) {
    assert.equal(existsSync(join(native(target), "build")), false);
    return;
  }
  const built = join(native(target), "build/paillier.node");
  const prebuilt = join(native(target), "prebuilds", prebuildName(), "paillier.node");
  cpSync(built, prebuilt);
  writeFileSync(built, "of another machine");
  assert.deepEqual(consume(target).engines, ["native"]);
  rmSync(prebuilt);
  const { answers, engines } = consume(target);
  assert.deepEqual(answers, everywhere("42"));
  assert.match(engines.join(), /^the native engine does not load: /);
});

test("installed without scripts or without a compiler: computes, with the portable engine", () => {
  for (const target of [withoutScripts, install("without-compiler", [], withoutCompiler)]) {
    const { answers, engines } = consume(target);
    assert.deepEqual(answers, everywhere("42"));
    assert.match(engines.join(), /^no native engine is built/);
  }
  const refusal = /^PAILLIER_ENGINE_UNAVAILABLE: SMARTER_METERING_ENGINE is (native|"fast")/;
  assert.match(consume(withoutScripts, "native").engines.join(), refusal);
  assert.match(consume(withoutScripts, "fast").engines.join(), refusal);
});

test("types resolve, under nodenext and bundler, and refuse a wrong use", () => {
  const right = `import { createPortableEngine, type Engine } from "@smarter-metering/paillier";
    export const engine: Engine = createPortableEngine({ threads: 1 });`;
  const wrong = `${right}\nexport const text: string = engine;`;
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ]) {
    const settings = `--strict --noEmit --target es2023 --lib es2023 --module ${module}`;
    const words = [process.execPath, tsc, ...settings.split(" "), "use.ts"];
    words.push("--moduleResolution", resolution ?? "");
    writeFileSync(join(withoutScripts, "use.ts"), right);
    succeed(withoutScripts, words);
    writeFileSync(join(withoutScripts, "use.ts"), wrong);
    const { stdout } = run(withoutScripts, words);
    assert.match(stdout, /^use\.ts.*TS2322: Type 'Engine' is not assignable to type 'string'/);
  }
});

test("a browser's bundle has no Node module and no loader of native code in it", async () => {
  const { outputFiles, metafile } = await build({
    absWorkingDir: withoutScripts,
    stdin: { contents: 'export * from "@smarter-metering/paillier";', resolveDir: withoutScripts },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
  });
  assert.doesNotMatch(outputFiles[0]?.text ?? "node:", /"node:|\.node\b|createRequire/);
  assert.deepEqual(
    Object.keys(metafile.inputs).filter((path) => path.includes("engine/native/load")),
    [],
  );
});

test("build.mjs: says why it does without, and fails only where it is required", () => {
  const target = join(folder, "stub");
  mkdirSync(join(target, "native"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"));
  cpSync(join(root, "packages/paillier/native/build.mjs"), join(target, "native/build.mjs"));
  const binary = join(target, "native/build/paillier.node");
  const source = join(target, "native/stub.c");
  const build = [process.execPath, "native/build.mjs"];
  const required = [...build, "--required"];
  const refuses = (env: NodeJS.ProcessEnv, reason: RegExp): void => {
    const optional = run(target, build, env);
    assert.equal(optional.status, 0);
    assert.match(optional.stderr, reason);
    assert.match(optional.stderr, /; the portable engine serves\n$/);
    assert.equal(existsSync(binary), false, "nothing is left of an older build");
    assert.equal(run(target, required, env).status, 1);
  };
  refuses(environment, /the C sources are not here/);
  writeFileSync(
    source,
    "#include <node_api.h>\nNAPI_MODULE_INIT() { (void)env; return exports; }\n",
  );
  refuses({ ...environment, CC: "no-such-compiler" }, /CC, no-such-compiler, does not run/);
  refuses(withoutCompiler, /no C compiler \(none of cc, gcc, clang\)/);
  if (!hasCompiler) return;
  assert.match(succeed(target, required), /built with cc|built with/);
  assert.match(succeed(target, required), /is up to date/);
  appendFileSync(source, "/* another */\n");
  assert.match(succeed(target, required), /built with/);
  refuses({ ...environment, CC: "cc -no-such-flag" }, /cc -no-such-flag failed/);
  appendFileSync(source, "#error not C\n");
  refuses(environment, /not C[\s\S]*failed; the portable/);
});
