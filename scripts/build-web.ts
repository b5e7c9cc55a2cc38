/**
 * Builds the two web applications: the customers' portal (services/ucs/web → services/ucs/dist/web) and the operators' pages
 * (services/mdms/web → services/mdms/dist/web). Each becomes one script, one style sheet and one page that names both with their hashes;
 * the portal also has one worker, in which keys and readings stay. The same sources give the same bytes. Only our own packages and the
 * few libraries named here may get in. Prints the sizes and fails when an application has outgrown its limit.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Where the applications' folders are made: the repository, or the folder that the command names, to compare the two. */
const into = process.argv[2] ?? root;

interface WebApplication {
  readonly name: string;
  /** Under the repository. */
  readonly source: string;
  readonly target: string;
  /** Our own code that it may contain, besides its own and the kit. */
  readonly packages: readonly string[];
  readonly libraries: readonly string[];
  /** All scripts and styles, compressed. */
  readonly gzipBytesMax: number;
}

const APPLICATIONS: readonly WebApplication[] = [
  {
    name: "portal",
    source: "services/ucs/web",
    target: "services/ucs/dist/web",
    packages: ["customer", "log", "paillier", "protocol", "tariff"],
    libraries: ["jose", "preact"],
    gzipBytesMax: 120_000,
  },
  {
    name: "operators' pages",
    source: "services/mdms/web",
    target: "services/mdms/dist/web",
    packages: ["policy", "protocol", "tariff"],
    libraries: ["preact"],
    gzipBytesMax: 150_000,
  },
];

/** A page that holds keys takes in nothing by accident: every module has to come from a place that is named here. */
function checkedInputs({ source, packages, libraries }: WebApplication): Plugin {
  const allowed = [
    `${source}/`,
    "packages/web/",
    ...packages.map((name) => `packages/${name}/src/`),
    ...libraries.map((name) => `node_modules/${name}/`),
  ].map((path) => join(root, path));
  return {
    name: "checked-inputs",
    generateBundle(_options, bundle) {
      const foreign = Object.values(bundle)
        .flatMap((output) => (output.type === "chunk" ? Object.entries(output.modules) : []))
        .filter(([, { renderedLength }]) => renderedLength > 0)
        .map(([path]) => path.replace(/^\0/, "").replace(/\?.*$/, ""))
        .filter((path) => path.startsWith("/") && !allowed.some((place) => path.startsWith(place)));
      if (foreign.length > 0) throw new Error(`not for this page: ${foreign.join(", ")}`);
    },
  };
}

const integrityOf = (bytes: Uint8Array): string =>
  `sha384-${createHash("sha384").update(bytes).digest("base64")}`;

/** None of our modules does anything when it is loaded: what a page does not use stays out of it. */
const pureModules: Plugin = {
  name: "pure-modules",
  enforce: "pre",
  async resolveId(source, importer, options) {
    if (!/^(@smarter-metering\/|\.)/.test(source) || source.endsWith(".css")) return null;
    const resolved = await this.resolve(source, importer, { ...options, skipSelf: true });
    return resolved && { ...resolved, moduleSideEffects: options.isEntry };
  },
};

const common = (application: WebApplication, plugins: readonly Plugin[] = []) => ({
  configFile: false as const,
  root: join(root, application.source),
  logLevel: "warn" as const,
  publicDir: false as const,
  resolve: { conditions: ["browser", "module"] },
  plugins: [pureModules, checkedInputs(application), ...plugins],
});

/**
 * Puts address and hash of the worker's later part into the worker, in place of `PATH_OF_later` and `INTEGRITY_OF_later`. That part may
 * import from the worker alone: whatever else it brought would run unchecked.
 */
const namedPart: Plugin = {
  name: "named-part",
  generateBundle: {
    order: "post",
    handler(_options, bundle) {
      const chunks = Object.values(bundle).flatMap((output) =>
        output.type === "chunk" ? [output] : [],
      );
      const worker = chunks.find(({ isEntry }) => isEntry);
      const later = chunks.find(({ isDynamicEntry }) => isDynamicEntry);
      if (worker === undefined || later === undefined || chunks.length !== 2) {
        const names = chunks.map(({ fileName }) => fileName).join(", ");
        throw new Error(`a worker and its later part were expected, not ${names}`);
      }
      worker.code = worker.code
        .replace("PATH_OF_later", `/assets/${later.fileName}`)
        .replace("INTEGRITY_OF_later", integrityOf(Buffer.from(later.code)));
    },
  },
};

/** The worker; its address and hash, for the page that starts it. Undefined where there is none. */
async function buildWorker(application: WebApplication) {
  const entry = join(root, application.source, "src/worker.ts");
  if (!existsSync(entry)) return undefined;
  await build({
    ...common(application, [namedPart]),
    build: {
      target: "es2022",
      outDir: join(into, application.target, "assets"),
      emptyOutDir: true,
      modulePreload: false,
      rolldownOptions: {
        input: entry,
        // What the parts share with the worker stays in it; they import it from there.
        preserveEntrySignatures: "allow-extension",
        output: { entryFileNames: "worker-[hash].js", chunkFileNames: "later-[hash].js" },
      },
    },
  });
  const folder = join(into, application.target, "assets");
  const [name] = (await readdir(folder)).filter((file) => file.startsWith("worker-"));
  if (name === undefined) throw new Error(`${application.name}: the worker was not written`);
  return { path: `/assets/${name}`, integrity: integrityOf(await readFile(join(folder, name))) };
}

async function buildApplication(application: WebApplication): Promise<void> {
  const worker = await buildWorker(application);
  await build({
    ...common(application),
    define: {
      WORKER_PATH: JSON.stringify(worker?.path ?? ""),
      WORKER_INTEGRITY: JSON.stringify(worker?.integrity ?? ""),
    },
    build: {
      target: "es2022",
      outDir: join(into, application.target),
      emptyOutDir: worker === undefined,
      modulePreload: false,
      assetsInlineLimit: 0,
      cssCodeSplit: false,
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  await nameHashes(application);
  await printSizes(application);
}

/** Subresource integrity: the page takes its script and style sheet only as they were built. */
async function nameHashes({ target }: WebApplication): Promise<void> {
  const page = join(into, target, "index.html");
  let html = await readFile(page, "utf8");
  for (const [tag, path] of html.matchAll(
    /<(?:script|link rel="stylesheet")[^>]* (?:src|href)="(\/assets\/[^"]+)"[^>]*>/g,
  )) {
    const integrity = integrityOf(await readFile(join(into, target, path ?? "")));
    html = html.replace(tag, tag.replace(/\/?>$/, ` integrity="${integrity}">`));
  }
  await writeFile(page, html);
}

/** What comes with the first page, against the limit; parts that come when they are asked for are told beside it. */
async function printSizes({ name, target, gzipBytesMax }: WebApplication): Promise<void> {
  const folder = join(into, target, "assets");
  const files = (await readdir(folder)).filter((entry) => /\.(js|css)$/.test(entry)).toSorted();
  const sizes = await Promise.all(
    files.map(async (file) => ({
      part: basename(file).replace(/-[\w-]{8}\./, "."),
      isLater: file.startsWith("later-"),
      bytes: gzipSync(await readFile(join(folder, file)), { level: 9 }).length,
    })),
  );
  const sum = (isLater: boolean): number =>
    sizes.reduce((total, size) => total + (size.isLater === isLater ? size.bytes : 0), 0);
  const [first, later] = [sum(false), sum(true)];
  const parts = sizes.map(({ part, bytes }) => `${part} ${kilobytes(bytes)}`).join(", ");
  const beside = later > 0 ? `, ${kilobytes(later)} more when asked for` : "";
  const limit = gzipBytesMax / 1000;
  console.log(`${name}: ${kilobytes(first)} kB gzip of at most ${limit}${beside} (${parts})`);
  if (first > gzipBytesMax) {
    console.error(`${name} is too large: ${first} of ${gzipBytesMax} bytes`);
    process.exitCode = 1; // The other application is built all the same.
  }
}

const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);

for (const application of APPLICATIONS) {
  if (existsSync(join(root, application.source, "index.html"))) await buildApplication(application);
}
