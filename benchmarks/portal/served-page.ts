/** A page of the benchmarks in headless Chromium: bundles its scripts, serves them on a free port, and closes both when the work is done. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { build } from "vite";
import { CHROMIUM, CHROMIUM_FLAGS } from "../../test/browser/chromium.ts";

export interface ServedPage {
  /** Names of files beside this one, without ".ts"; the page runs the first. */
  readonly scripts: readonly [string, ...string[]];
  /** What else the page may fetch, by path. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** `open` gives the page anew, in a browser context of its own, in a window of CSS pixels. */
export async function withPage<T>(
  page: ServedPage,
  act: (open: (width: number, height: number) => Promise<Page>) => Promise<T>,
): Promise<T> {
  const server = await serve(page);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  try {
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    return await act(async (width, height) => {
      const opened = await browser.newPage({ viewport: { width, height } });
      await opened.goto(`http://localhost:${port}/`);
      return opened;
    });
  } finally {
    await browser.close();
    server.close();
  }
}

async function serve({ scripts, files = {} }: ServedPage): Promise<Server> {
  const [first] = scripts;
  const html = `<!doctype html><div id=app></div><script type=module src=/${first}.js></script>`;
  const served = new Map<string | undefined, { type: string; body: string | Uint8Array }>([
    ["/", { type: "text/html", body: html }],
  ]);
  for (const name of scripts) {
    served.set(`/${name}.js`, { type: "text/javascript", body: await bundle(name) });
  }
  for (const [path, body] of Object.entries(files)) {
    served.set(path, { type: "application/octet-stream", body });
  }
  const server = createServer((request, response) => {
    const file = served.get(request.url);
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": file.type }).end(file.body);
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  return server;
}

async function bundle(name: string): Promise<string> {
  const entry = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const built = await build({
    configFile: false,
    logLevel: "warn",
    resolve: { conditions: ["browser"] },
    build: { write: false, target: "es2022", lib: { entry, formats: ["es"], fileName: name } },
  });
  const [first] = Array.isArray(built) ? built : [built];
  const [chunk] = first !== undefined && "output" in first ? first.output : [];
  if (chunk === undefined) throw new Error(`no bundle of ${name}`);
  return chunk.code;
}
