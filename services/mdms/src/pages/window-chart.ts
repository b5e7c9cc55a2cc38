/** Mean consumption per day in each billing window, bands stacked, as SVG. Nothing finer exists. */
import { html } from "hono/html";
import { localDate } from "@smarter-metering/tariff";
import { daysOf } from "../consumption.ts";
import type { StatementRecord } from "../statement-query.ts";
import { px, roundSteps, tickText } from "./axis.ts";
import type { Html } from "./layout.ts";
import { FILLS, legend } from "./legend.ts";

const WIDTH = 720;
const HEIGHT = 220;
const LEFT = 56;
const RIGHT = 12;
const TOP = 24;
const BOTTOM = 28;
/** Bars of one chart; the table below it has the rest. */
const BARS_MAX = 24;

export function windowChart(records: readonly StatementRecord[]): Html {
  const shown = records.slice(-BARS_MAX);
  // Doubles are good enough for pixels; the table has the integers.
  const perDay = (milliwattHours: bigint, record: StatementRecord): number =>
    Number(milliwattHours) / 1e6 / daysOf(record);
  const bands = [...new Set(shown.flatMap(({ registers }) => registers.map(({ band }) => band)))];
  const totals = shown.map((record) => perDay(record.energyMilliwattHours, record));
  const steps = roundSteps(Math.max(0, ...totals));
  const top = steps.at(-1) ?? 1;
  const slot = (WIDTH - LEFT - RIGHT) / Math.max(shown.length, 1);
  const width = Math.min(slot * 0.7, 60);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const bar = (record: StatementRecord, index: number): Html => {
    const left = LEFT + slot * (index + 0.5) - width / 2;
    let below = 0;
    const parts = record.registers.map(({ band, energyMilliwattHours }) => {
      const value = perDay(energyMilliwattHours, record);
      const [high, low] = [y(below + value), y(below)];
      below += value;
      return html`<rect
        class="band${bands.indexOf(band) % FILLS}"
        x="${px(left)}"
        width="${px(width)}"
        y="${px(high)}"
        height="${px(low - high)}"
        ><title>${band}</title></rect
      >`;
    });
    const labelled = shown.length <= 12 || index % 2 === 0;
    const text = labelled ? localDate(record.fromSeconds, record.zone).slice(0, 7) : "";
    return html`${parts}<text x="${px(left + width / 2)}" y="${HEIGHT - 8}" text-anchor="middle"
        >${text}</text
      >`;
  };
  return html`<div class="scroll">
      <svg
        viewBox="0 0 ${WIDTH} ${HEIGHT}"
        role="img"
        aria-label="Mean consumption per day by window"
      >
        ${steps.map(
          (value) =>
            html`<line
                class="grid"
                x1="${LEFT}"
                x2="${WIDTH - RIGHT}"
                y1="${px(y(value))}"
                y2="${px(y(value))}"
              />
              <text x="${LEFT - 6}" y="${px(y(value) + 4)}" text-anchor="end"
                >${tickText(value)}</text
              >`,
        )}
        ${shown.map(bar)}
        <text x="${LEFT}" y="${TOP - 8}">kWh/day</text>
      </svg>
    </div>
    ${legend(bands)}`;
}
