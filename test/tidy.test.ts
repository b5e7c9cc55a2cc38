/**
 * The repository's own rules: who may import whom (a border between services is a trust border), what may appear where, how large a
 * file may be, and that the documents name tests that exist.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = new URL("..", import.meta.url).pathname;
const tracked = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(root, path)));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const sources = tracked.filter((path) => /\.(ts|tsx|js|mjs)$/.test(path));
const isTest = (path: string): boolean => /(^|\/)test\//.test(path);
/** Examples are a user's code: they import the package by its name and print. */
const isExample = (path: string): boolean => path.startsWith("packages/paillier/examples/");
const production = sources.filter(
  (path) => /^(packages|services|cli)\//.test(path) && !isTest(path) && !isExample(path),
);

/** Import specifiers of a file: static, dynamic and re-exports. */
function importsOf(path: string): string[] {
  const pattern = /^(?:import|export|\})(?:[^"\n]* from)? "([^"\n]+)";|\bimport\(\s*"([^"]+)"/gm;
  return [...read(path).matchAll(pattern)].flatMap(([, fixed, dynamic]) => fixed ?? dynamic ?? []);
}

/** `packages/x`, `services/pes/x`, `cli`: the workspace a file belongs to. */
function workspaceOf(path: string): string {
  const match = /^(packages\/[^/]+|services\/pes\/[^/]+|services\/[^/]+|cli)\//.exec(path);
  return match?.[1] ?? "";
}

/** Which of our packages a workspace may import. What is not here is a trust border. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "packages/paillier": [],
  "packages/tariff": [],
  "packages/policy": ["tariff"],
  "packages/log": ["protocol", "runtime"],
  "packages/attacks": ["readings", "tariff"],
  "packages/readings": [],
  "packages/runtime": [],
  "packages/protocol": ["paillier"],
  "packages/customer": ["protocol", "paillier", "log", "tariff"],
  "packages/web": [],
  "services/registry": ["protocol", "paillier", "policy", "tariff", "runtime"],
  "services/meter": ["protocol", "paillier", "tariff", "readings", "runtime"],
  "services/concentrator": ["protocol", "tariff", "runtime"],
  "services/pes/opener": ["protocol", "paillier", "tariff", "runtime"],
  "services/pes/aggregator": ["protocol", "paillier", "policy", "tariff", "log", "runtime"],
  "services/pes/trustee": ["protocol", "paillier", "policy", "tariff", "log", "runtime"],
  "services/mdms": ["protocol", "paillier", "policy", "tariff", "runtime"],
  "services/ucs": ["protocol", "runtime"],
};

/** Pages run on a person's device: they are his code, which the service only serves. */
const PAGES_MAY_IMPORT: readonly (readonly [folder: string, names: readonly string[]])[] = [
  ["services/ucs/web/", ["customer", "tariff", "web"]],
  ["services/mdms/web/", ["web"]], // And, as its service may, policy, protocol, tariff.
];

test("imports between workspaces follow the table of trust borders", () => {
  const wrong: string[] = [];
  for (const path of production) {
    const workspace = workspaceOf(path);
    const allowed = MAY_IMPORT[workspace];
    if (workspace === "cli") continue; // The command line starts every party.
    assert(allowed !== undefined, `${path}: workspace ${workspace} is not in the table`);
    const extra = PAGES_MAY_IMPORT.find(([folder]) => path.startsWith(folder))?.[1] ?? [];
    for (const specifier of importsOf(path)) {
      const [, name] = /^@smarter-metering\/([^/]+)/.exec(specifier) ?? [];
      if (name !== undefined && ![...allowed, ...extra].includes(name)) {
        wrong.push(`${path} imports ${specifier}`);
      }
      if (specifier.startsWith(".") && workspaceOf(join(path, "..", specifier)) !== workspace) {
        wrong.push(`${path} reaches out of its workspace: ${specifier}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("a workspace lists what it imports as dependencies, and nothing else", () => {
  const wrong: string[] = [];
  for (const manifestPath of tracked.filter((path) =>
    /^(packages|services|cli)\/.*package\.json$/.test(path),
  )) {
    const folder = manifestPath.replace(/package\.json$/, "");
    const manifest = JSON.parse(read(manifestPath)) as { dependencies?: Record<string, string> };
    const listed = new Set(Object.keys(manifest.dependencies ?? {}));
    const used = new Set<string>();
    for (const path of production.filter((candidate) => candidate.startsWith(folder))) {
      for (const specifier of importsOf(path)) {
        if (/^(node:|\.|#)/.test(specifier)) continue;
        const parts = specifier.split("/");
        used.add(specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? ""));
      }
    }
    for (const name of used) if (!listed.has(name)) wrong.push(`${folder}: ${name} is not listed`);
    for (const name of listed) if (!used.has(name)) wrong.push(`${folder}: ${name} is not used`);
  }
  assert.deepEqual(wrong, []);
});

/** Names that open something, and the only workspaces whose production code may use them. */
const OPENS: Readonly<Record<string, readonly string[]>> = {
  openFrame: ["packages/protocol", "packages/customer", "services/pes/opener"],
  openEnvelope: ["packages/protocol", "packages/customer", "services/pes/opener"],
  openRelease: ["packages/protocol", "services/mdms"],
  openToken: ["packages/protocol", "services/mdms"],
  decryptBatch: ["packages/paillier", "services/pes/trustee"],
  parseSecretKey: ["packages/paillier", "services/pes/trustee", "cli"],
  engineSecretKeyOf: ["packages/paillier", "services/pes/trustee"],
  dealThresholdKey: ["packages/paillier", "cli"],
  parseSecretShare: ["packages/paillier", "services/pes/trustee", "cli"],
  partialDecrypt: ["packages/paillier", "services/pes/trustee"],
  combinePartials: ["packages/paillier", "services/mdms"],
};

test("what opens something is used by the party that may open it, and by no other", () => {
  const wrong = production.flatMap((path) =>
    Object.entries(OPENS)
      .filter(([name]) => new RegExp(`\\b${name}\\b`).test(read(path)))
      .filter(([, allowed]) => !allowed.includes(workspaceOf(path)))
      .map(([name]) => `${path} uses ${name}`),
  );
  assert.deepEqual(wrong, []);
});

test("packages that run in a browser touch no Node module", () => {
  const wrong: string[] = [];
  for (const path of production) {
    if (
      !/^(packages\/(protocol|tariff|policy|customer|log|web)|services\/(ucs|mdms)\/web)\//.test(
        path,
      )
    ) {
      continue;
    }
    if (/^packages\/log\/src\/(store-log|tiles)\.ts$/.test(path)) continue; // The operator's part, behind ./store.
    if (path.endsWith("primitives.node.ts")) continue; // The one behind #primitives.
    for (const specifier of importsOf(path)) {
      if (specifier.startsWith("node:")) wrong.push(`${path} imports ${specifier}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("clock, environment and console are touched only where that is the purpose", () => {
  const allowed = [
    /^packages\/runtime\//, // Clock, worker threads, shutdown.
    /^cli\//,
    /^(packages\/web|services\/(ucs|mdms)\/web)\//, // A browser's page has the browser's clock.
    /^services\/meter\/src\/mqtt-uplink/, // Gives up on a silent broker, in the network's own time.
    /^packages\/paillier\/(native\/build|scripts\/|src\/engine\/native\/load)/, // Choose and build an engine.
    /^packages\/readings\/src\/xlsx-/, // Gives up on a workbook that takes too long.
  ];
  const pattern = /\b(Date\.now|setTimeout|setInterval|process\.env|console\.\w+|Math\.random)\b/;
  const wrong = production
    .filter((path) => !allowed.some((rule) => rule.test(path)))
    .filter((path) => pattern.test(stripComments(read(path))));
  assert.deepEqual(wrong, []);
});

const stripComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");

test("no source file is over 400 lines; test files, which are few and full, may have 700", () => {
  const long = [...sources, ...tracked.filter((path) => /\.(c|h|inc)$/.test(path))].filter(
    (path) => read(path).split("\n").length > (isTest(path) ? 700 : 400) + 1,
  );
  assert.deepEqual(long, []);
});

test("no test is skipped, and no rule is switched off in the sources", () => {
  const pattern = new RegExp(
    [
      "\\.(skip|todo|only)\\(",
      "skip: true",
      "@ts-(ignore|expect-error|nocheck)",
      "(oxlint|eslint)-disable",
      "\\b(TODO|FIXME)\\b",
    ].join("|"),
  );
  const wrong = sources.filter((path) => path !== "test/tidy.test.ts" && pattern.test(read(path)));
  assert.deepEqual(wrong, []);
});

test("no file names a machine's folders or a registry's host", () => {
  const pattern = /\/work\/|\/root\/|registry\.npmjs|deb\.debian/;
  const wrong = tracked
    .filter((path) => path !== "test/tidy.test.ts" && !/\.(png|gz|xlsx|bin)$/.test(path))
    .filter((path) => pattern.test(read(path)));
  assert.deepEqual(wrong, []);
});

test("production code never reaches for the shared test data", () => {
  const wrong = production.filter((path) => read(path).includes("shared/"));
  assert.deepEqual(wrong, []);
});

test("docs/protocol.md names a test for each behaviour, and each of them exists", () => {
  const rows = [...read("docs/protocol.md").matchAll(/^\| (\S.*?) \| `([^`]+)` \| (.+?) \|$/gm)];
  assert(rows.length >= 20, `the table of behaviours has ${rows.length} rows`);
  const missing = rows.filter(
    ([, , file = "", title = ""]) => !existsSync(join(root, file)) || !read(file).includes(title),
  );
  assert.deepEqual(
    missing.map(([row]) => row),
    [],
  );
});

test("every runtime dependency has its line in docs/decisions", () => {
  const decisions = tracked
    .filter((path) => path.startsWith("docs/decisions/"))
    .map(read)
    .join("\n");
  const names = tracked
    .filter((path) => path.endsWith("package.json"))
    .flatMap((path) => {
      const manifest = JSON.parse(read(path)) as Record<string, Record<string, string>>;
      return Object.keys({ ...manifest["dependencies"], ...manifest["devDependencies"] });
    })
    .filter((name) => !name.startsWith("@smarter-metering/"));
  const missing = [...new Set(names)].filter((name) => !decisions.includes(`\`${name}\``));
  assert.deepEqual(missing, []);
});
