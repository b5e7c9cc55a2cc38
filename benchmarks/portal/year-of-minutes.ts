/**
 * From a year of a minute meter's sealed frames to the first paint of its load profile, in Node and in headless Chromium; medians of rounds,
 * in milliseconds. The frames are in memory when it starts: no network is measured.
 * Run: npm run bench:portal [-- --days 365 --rounds 5 --json]
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { build } from "vite";
import { packYear, type SealedYear } from "./packed-year.ts";
import { sealYear } from "./sealed-year.ts";
import { measureYear, type Stages } from "./stages.ts";

const CHROMIUM = "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

async function bundle(name: "page" | "worker"): Promise<string> {
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

async function serve(year: SealedYear): Promise<Server> {
  const script = "text/javascript";
  const files = new Map<string | undefined, { type: string; body: string | Uint8Array }>([
    ["/", { type: "text/html", body: `<!doctype html><script type=module src=/page.js></script>` }],
    ["/page.js", { type: script, body: await bundle("page") }],
    ["/worker.js", { type: script, body: await bundle("worker") }],
    ["/year.bin", { type: "application/octet-stream", body: packYear(year) }],
  ]);
  const server = createServer((request, response) => {
    const file = files.get(request.url);
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": file.type }).end(file.body);
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  return server;
}

/** Each round in a browser context of its own. */
async function inChromium(year: SealedYear, rounds: number): Promise<Stages[]> {
  const server = await serve(year);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const measured: Stages[] = [];
  try {
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    for (let round = 0; round < rounds; round++) {
      const page = await browser.newPage();
      await page.goto(`http://localhost:${port}/`);
      measured.push(await page.evaluate<Stages>("measure()"));
      await page.close();
    }
  } finally {
    await browser.close();
    server.close();
  }
  return measured;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

const medians = (rounds: readonly Stages[]): Stages =>
  Object.fromEntries(
    Object.keys(rounds[0] ?? {}).map((stage) => [
      stage,
      Number(median(rounds.map((round) => round[stage] ?? NaN)).toFixed(2)),
    ]),
  );

const { values } = parseArgs({
  options: {
    days: { type: "string", default: "365" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const year = await sealYear(Number(values.days));
const node: Stages[] = [];
for (let round = 0; round < rounds; round++) node.push(await measureYear(year, () => undefined));
const results = { node: medians(node), chromium: medians(await inChromium(year, rounds)) };
if (values.json) console.log(JSON.stringify({ days: values.days, rounds, results }));
else {
  const { length } = year.frames;
  console.log(`${values.days} days of minutes, ${length} frames; medians of ${rounds} rounds, ms`);
  const stages = Object.entries(results.chromium);
  console.table(
    Object.fromEntries(
      stages.map(([stage, chromium]) => [stage, { node: results.node[stage], chromium }]),
    ),
  );
}
