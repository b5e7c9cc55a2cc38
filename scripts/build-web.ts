/**
 * Builds the customers' portal (services/ucs/web → services/ucs/dist/web): one script, one style sheet, one page that names both with
 * their hashes, one icon. The same sources give the same bytes; only our own packages and `jose` may get into a page that holds keys.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type Metafile, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = `${root}services/ucs/web`;
const target = `${root}services/ucs/dist/web`;

/** Where a bundled file may come from. */
const ALLOWED =
  /^(services\/ucs\/web\/|packages\/(customer|protocol|tariff)\/src\/|node_modules\/jose\/)/;

/** None of our modules does anything when it is loaded: what a page does not use stays out of it. */
const pureModules: Plugin = {
  name: "pure-modules",
  setup(bundler) {
    bundler.onResolve({ filter: /^(@smarter-metering\/|\.|zod$)/ }, async (args) => {
      if (args.pluginData === pureModules) return undefined;
      const { path, kind, resolveDir, importer } = args;
      const options = { kind, resolveDir, importer, pluginData: pureModules };
      return {
        ...(await bundler.resolve(path, options)),
        sideEffects: args.kind === "entry-point",
      };
    });
  },
};

function checkInputs({ outputs }: Metafile): void {
  const inputs = Object.values(outputs).flatMap((output) =>
    Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [path] : [],
    ),
  );
  const foreign = inputs.filter((path) => !ALLOWED.test(path));
  if (foreign.length > 0) throw new Error(`not for the portal's page: ${foreign.join(", ")}`);
}

const integrityOf = (bytes: Uint8Array): string =>
  `sha384-${createHash("sha384").update(bytes).digest("base64")}`;

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { portal: `${source}/src/main.ts` },
  outdir: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  platform: "browser",
  conditions: ["browser"],
  metafile: true,
  logLevel: "warning",
  plugins: [pureModules],
});
checkInputs(metafile);
const script = await readFile(`${target}/portal.js`);
const style = await readFile(`${source}/portal.css`);
const page = (await readFile(`${source}/index.html`, "utf8"))
  .replace("{{portal.js}}", integrityOf(script))
  .replace("{{portal.css}}", integrityOf(style));
await writeFile(`${target}/portal.css`, style);
await copyFile(`${source}/icon.svg`, `${target}/icon.svg`);
await writeFile(`${target}/index.html`, page);
console.log(`portal: ${Math.ceil(script.length / 1024)} KiB of script in services/ucs/dist/web`);
