/** The page that pans: two years of minutes in the customer's pyramid, in the kit's chart, with the last week pale behind. */
import { LoadPyramid, type ReadingRun } from "@smarter-metering/customer";
import { shiftedSource, type PyramidSource } from "@smarter-metering/web";
import { nextFrame, showProfile } from "./profile.ts";

const ZONE = "Europe/Luxembourg";
const DAY_SECONDS = 86_400;
const DAYS = 730; // As much again as is in view at most, to pan through.
const FROM = Date.UTC(2024, 0, 1) / 1000;
const GAP_DAY = 97; // Each of these days has one.

function twoYears(): ReadingRun[] {
  return Array.from({ length: DAYS }, (_, day) => {
    const quality = new Uint8Array(1440).fill(day % GAP_DAY === 0 ? 1 : 0);
    const importMilliwattHours = Uint32Array.from(quality, (_code, minute) => {
      const ripple = ((day * 1440 + minute) * 7919) % 977;
      const evening = 20_000 * Math.exp(-((minute / 60 - 19) ** 2) / 6);
      return 1_500 + ripple + evening * (0.5 + (day % 7) / 7) + (minute % 480 < 4 ? 33_000 : 0);
    });
    return {
      startSeconds: FROM + day * DAY_SECONDS,
      intervalSeconds: 60,
      importMilliwattHours,
      exportMilliwattHours: new Uint32Array(1440),
      quality,
    };
  });
}

function sourceOf(pyramid: LoadPyramid): PyramidSource {
  return {
    from: FROM,
    to: FROM + DAYS * DAY_SECONDS,
    query(from, to, columns) {
      const found = pyramid.columns({ from, to }, columns);
      return {
        x: found.fromSeconds,
        min: found.minWatts,
        max: found.maxWatts,
        mean: found.meanWatts,
      };
    },
  };
}

/** Shows the last `days`. */
async function show(days: number): Promise<void> {
  const source = sourceOf(new LoadPyramid(twoYears(), "import"));
  const behind = shiftedSource(source, 7 * DAY_SECONDS);
  const range = [source.to - days * DAY_SECONDS, source.to] as const;
  await showProfile({ source, behind, range, zone: ZONE });
}

/** Drags the curve to and fro, one step a frame. Gives the milliseconds between frames. */
async function pan(frames: number): Promise<number[]> {
  const canvas = document.querySelector("canvas");
  if (canvas === null) throw new Error("there is no canvas");
  canvas.setPointerCapture = () => undefined; // There is no such pointer.
  const { left, top, width } = canvas.getBoundingClientRect();
  const point = (type: string, share: number): void => {
    const place = { clientX: left + width * share, clientY: top + 50 };
    canvas.dispatchEvent(new PointerEvent(type, { ...place, pointerId: 1, button: 0 }));
  };
  point("pointerdown", 0.3);
  const times: number[] = [];
  let before = await nextFrame();
  for (let frame = 0; frame < frames; frame++) {
    point("pointermove", 0.3 + 0.5 * Math.sin(frame / 20) ** 2);
    const now = await nextFrame();
    times.push(now - before);
    before = now;
  }
  point("pointerup", 0.3);
  return times;
}

Object.assign(globalThis, { show, pan });
