/** A neighbourhood's load over one local day as SVG, drawn on the server. */
import { html } from "hono/html";
import { localParts } from "@smarter-metering/tariff";
import { px, roundSteps, tickText } from "./axis.ts";
import type { Html } from "./layout.ts";
import { legend } from "./legend.ts";
import { timeText } from "./texts.ts";

export interface DayCurve {
  readonly dayStart: number;
  readonly intervalSeconds: number;
  readonly zone: string;
  /** Watt-hours per slot of the day; undefined is a gap. */
  readonly importWattHours: readonly (number | undefined)[];
  /** The same for export; empty where none is released. */
  readonly exportWattHours: readonly (number | undefined)[];
}

const WIDTH = 720;
const HEIGHT = 300;
const LEFT = 56;
const RIGHT = 12;
const TOP = 24;
const BOTTOM = 40;
const LABEL_EVERY_HOURS = 3;

export function loadChart(curve: DayCurve, label: string): Html {
  const slots = curve.importWattHours.length;
  const kilowatts = (wattHours: number): number => (wattHours * 3.6) / curve.intervalSeconds;
  const all = [...curve.importWattHours, ...curve.exportWattHours];
  const steps = roundSteps(Math.max(0, ...all.map((value) => kilowatts(value ?? 0))));
  const top = steps.at(-1) ?? 1;
  const x = (slot: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * slot) / Math.max(slots, 1);
  const y = (kw: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - kw / top);
  const runs = runsOf(curve.importWattHours);
  const outline = (run: Run): string =>
    run.values
      .map((wattHours, index) => {
        const height = px(y(kilowatts(wattHours)));
        return `${px(x(run.first + index))},${height} ${px(x(run.first + index + 1))},${height}`;
      })
      .join(" ");
  const base = px(y(0));
  return html`<div class="scroll">
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
        ${steps.map(
          (kw) =>
            html`<line
                class="grid"
                x1="${LEFT}"
                x2="${WIDTH - RIGHT}"
                y1="${px(y(kw))}"
                y2="${px(y(kw))}"
              />
              <text x="${LEFT - 6}" y="${px(y(kw) + 4)}" text-anchor="end">${tickText(kw)}</text>`,
        )}
        ${hourTicks(curve).map(
          ({ slot, text }) =>
            html`<line
                class="grid"
                x1="${px(x(slot))}"
                x2="${px(x(slot))}"
                y1="${TOP}"
                y2="${base}"
              />
              <text x="${px(x(slot))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle"
                >${text}</text
              >`,
        )}
        ${gapsOf(curve.importWattHours).map(
          ([first, end]) =>
            html`<rect
              class="gap"
              x="${px(x(first))}"
              width="${px(x(end) - x(first))}"
              y="${TOP}"
              height="${HEIGHT - TOP - BOTTOM}"
              ><title>no release</title></rect
            >`,
        )}
        ${runs.map(
          (run) =>
            html`<polygon
                class="area"
                points="${px(x(run.first))},${base} ${outline(run)} ${px(x(run.first + run.values.length))},${base}"
              />
              <polyline class="curve" points="${outline(run)}" />`,
        )}
        ${runsOf(curve.exportWattHours).map(
          (run) => html`<polyline class="second" points="${outline(run)}" />`,
        )}
        <text x="${LEFT}" y="${TOP - 8}">kW, mean of each interval</text>
        <text x="${WIDTH - RIGHT}" y="${HEIGHT - 6}" text-anchor="end">
          local time, ${curve.zone}
        </text>
      </svg>
    </div>
    ${curve.exportWattHours.length > 0 ? legend(["Import", "Export"]) : ""}`;
}

interface Run {
  readonly first: number;
  readonly values: number[];
}

/** Stretches without a gap. */
function runsOf(values: readonly (number | undefined)[]): Run[] {
  const runs: Run[] = [];
  for (const [slot, value] of values.entries()) {
    if (value === undefined) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.values.length === slot) last.values.push(value);
    else runs.push({ first: slot, values: [value] });
  }
  return runs;
}

/** Stretches of nothing, as [first, end). */
function gapsOf(values: readonly (number | undefined)[]): [number, number][] {
  const gaps: [number, number][] = [];
  for (const [slot, value] of values.entries()) {
    if (value !== undefined) continue;
    const last = gaps.at(-1);
    if (last !== undefined && last[1] === slot) last[1] = slot + 1;
    else gaps.push([slot, slot + 1]);
  }
  return gaps;
}

/** Every third hour of the wall clock, wherever a day of 23 or 25 hours puts it. */
function hourTicks({ importWattHours, dayStart, intervalSeconds, zone }: DayCurve) {
  const ticks: { readonly slot: number; readonly text: string }[] = [];
  for (let slot = 0; slot < importWattHours.length; slot++) {
    const start = dayStart + slot * intervalSeconds;
    const { hour, minute } = localParts(start, zone);
    if (minute === 0 && hour % LABEL_EVERY_HOURS === 0) {
      ticks.push({ slot, text: timeText(start, zone) });
    }
  }
  return ticks;
}
