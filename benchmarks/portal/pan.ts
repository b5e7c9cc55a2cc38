/**
 * Panning over years of minutes in the kit's chart, in headless Chromium without a GPU: frames per second (60 at most), the slowest of twenty
 * frames, and the milliseconds of script and of all work on the page's thread in each frame.
 * Run: npm run bench:portal, or node --import tsx benchmarks/portal/pan.ts [--frames 240] [--json]
 */
import { parseArgs } from "node:util";
import { withPage } from "./served-page.ts";

const SCREENS = [
  [1280, 900],
  [360, 740],
] as const;
const DAYS_IN_VIEW = [120, 365];
const SLOWEST_SHARE = 0.05;

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "240" },
    json: { type: "boolean", default: false },
  },
});
const frames = Number(values.frames);
const round = (value: number): number => Number(value.toFixed(1));

const results = await withPage({ scripts: ["pan-page"] }, async (open) => {
  const rows: Record<string, Record<string, number>> = {};
  for (const [width, height] of SCREENS) {
    for (const days of DAYS_IN_VIEW) {
      const page = await open(width, height);
      const session = await page.context().newCDPSession(page);
      await session.send("Performance.enable");
      const spentMs = async (name: string): Promise<number> => {
        const { metrics } = await session.send("Performance.getMetrics");
        return (metrics.find((metric) => metric.name === name)?.value ?? NaN) * 1000;
      };
      await page.evaluate(`show(${days})`);
      const before = [await spentMs("ScriptDuration"), await spentMs("TaskDuration")] as const;
      const times = await page.evaluate<number[]>(`pan(${frames})`);
      const after = [await spentMs("ScriptDuration"), await spentMs("TaskDuration")] as const;
      const sorted = times.toSorted((a, b) => b - a);
      rows[`${days} days at ${width} px`] = {
        "frames/s": round((frames * 1000) / times.reduce((sum, time) => sum + time, 0)),
        "slowest 5 %, ms": round(sorted[Math.floor(frames * SLOWEST_SHARE)] ?? NaN),
        "script ms/frame": round((after[0] - before[0]) / frames),
        "all ms/frame": round((after[1] - before[1]) / frames),
      };
      await page.close();
    }
  }
  return rows;
});
if (values.json) console.log(JSON.stringify({ frames, results }));
else {
  console.log(`panning over two years of minutes, the week before behind; ${frames} frames`);
  console.table(results);
}
