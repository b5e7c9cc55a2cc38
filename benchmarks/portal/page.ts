/** The page of the benchmark: has a worker open a year of sealed frames, and draws its columns with uPlot, as the portal does. */
import uPlot from "uplot";
import type { LoadColumns } from "@smarter-metering/customer";
import { unpackYear } from "./packed-year.ts";
import type { Stages } from "./stages.ts";

interface Answer {
  readonly columns?: LoadColumns;
  readonly stages?: Stages;
  readonly error?: string;
}

const withGaps = (values: Float64Array): (number | null)[] =>
  Array.from(values, (value) => (Number.isNaN(value) ? null : value));

/** Until the frame with it has been made. */
async function draw(columns: LoadColumns): Promise<void> {
  const { fromSeconds, meanWatts, minWatts, maxWatts } = columns;
  const options = {
    width: fromSeconds.length,
    height: 400,
    series: [{}, { stroke: "navy" }, { stroke: "gray" }, { stroke: "gray" }],
  };
  const values = [meanWatts, minWatts, maxWatts].map(withGaps);
  const data: uPlot.AlignedData = [Array.from(fromSeconds), ...values];
  await new Promise<void>((resolve) => {
    const ready = { ...options, hooks: { ready: [() => resolve()] } };
    document.body.append(new uPlot(ready, data).root);
  });
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
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
        painted["first paint (uPlot)"] = performance.now() - drawing;
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
