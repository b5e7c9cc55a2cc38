/** The page of the benchmark: has a worker open a year of sealed frames, and draws its columns in the kit's chart, as the portal does. */
import type { LoadColumns } from "@smarter-metering/customer";
import { unpackYear } from "./packed-year.ts";
import { showProfile } from "./profile.ts";
import { ZONE, type Stages } from "./stages.ts";

interface Answer {
  readonly columns?: LoadColumns;
  readonly stages?: Stages;
  readonly error?: string;
}

/** Until the frame with it has been made. */
function draw(columns: LoadColumns): Promise<void> {
  const { fromSeconds, columnSeconds, minWatts, maxWatts, meanWatts } = columns;
  const found = { x: fromSeconds, min: minWatts, max: maxWatts, mean: meanWatts };
  const from = fromSeconds[0] ?? 0;
  const to = (fromSeconds.at(-1) ?? from) + columnSeconds;
  return showProfile({ source: { from, to, query: () => found }, range: [from, to], zone: ZONE });
}

/** From the frames in the page's memory, through a fresh worker, to the first paint; then the worker's own stages. */
async function measure(): Promise<Stages> {
  const response = await fetch("/year.bin");
  const year = unpackYear(new Uint8Array(await response.arrayBuffer()));
  const started = performance.now();
  const worker = new Worker("/worker.js", { type: "module" });
  const painted: Stages = {};
  let drawn: Promise<void> | undefined;
  const stages = await new Promise<Stages>((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      if (data.error !== undefined) reject(new Error(data.error));
      if (data.stages !== undefined) resolve(data.stages);
      if (data.columns === undefined) return;
      const drawing = performance.now();
      drawn = draw(data.columns).then(() => {
        painted["first paint"] = performance.now() - drawing;
        painted["from sealed frames to first paint"] = performance.now() - started;
      });
    });
    worker.postMessage(year, []);
  });
  await drawn;
  worker.terminate();
  return { ...stages, ...painted };
}

Object.assign(globalThis, { measure });
