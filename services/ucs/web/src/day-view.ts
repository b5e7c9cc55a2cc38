/** A day as bars and as a table of the same numbers, in the household's local time. */
import { localParts } from "@smarter-metering/tariff";
import { kilowattHours, type DaySeries } from "./day-series.ts";
import { element, svgElement } from "./element.ts";

const HEIGHT = 240;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 10;
/** A label every three hours of the wall clock. */
const LABEL_HOURS = 3;

const twoDigits = (value: number): string => String(value).padStart(2, "0");

/** Such as 02:15. */
export function clockTime(seconds: number, zone: string): string {
  const { hour, minute } = localParts(seconds, zone);
  return `${twoDigits(hour)}:${twoDigits(minute)}`;
}

/** Mean watts of each interval; a gap is a grey column of full height. `width` is in the units of the labels' 11 px. */
export function dayChart(
  series: DaySeries,
  zone: string,
  date: string,
  width: number,
): SVGSVGElement {
  const { slots, intervalSeconds } = series;
  const watts = (milliwattHours: number): number => (milliwattHours * 3.6) / intervalSeconds;
  const peak = Math.max(100, ...slots.map((slot) => watts(slot.importMilliwattHours ?? 0)));
  const step = (width - LEFT) / slots.length;
  const usable = HEIGHT - BOTTOM - TOP;
  const label = `Consumption on ${date}, ${kilowattHours(series.importMilliwattHours)} kilowatt-hours`;
  const chart = svgElement("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    role: "img",
    "aria-label": label,
  });
  for (const fraction of [0, 0.5, 1]) {
    const y = String(TOP + usable * (1 - fraction));
    chart.append(
      svgElement("line", { class: "grid", x1: String(LEFT), x2: String(width), y1: y, y2: y }),
      svgElement("text", { x: "2", y: String(Number(y) + 4) }, `${Math.round(peak * fraction)} W`),
    );
  }
  for (const [index, slot] of slots.entries()) {
    const x = LEFT + index * step;
    const isGap = slot.importMilliwattHours === undefined;
    const height = isGap ? usable : (watts(slot.importMilliwattHours) / peak) * usable;
    const bar = svgElement("rect", {
      class: isGap ? "gap" : "value",
      x: x.toFixed(2),
      y: (TOP + usable - height).toFixed(2),
      width: Math.max(step * (isGap ? 1 : 0.85), 0.3).toFixed(2),
      height: height.toFixed(2),
    });
    const shown = isGap ? "no reading" : `${Math.round(watts(slot.importMilliwattHours))} W`;
    bar.append(svgElement("title", {}, `${clockTime(slot.startSeconds, zone)}: ${shown}`));
    chart.append(bar);
    const { hour, minute } = localParts(slot.startSeconds, zone);
    if (minute === 0 && hour % LABEL_HOURS === 0) {
      chart.append(svgElement("text", { x: x.toFixed(1), y: String(HEIGHT - 6) }, twoDigits(hour)));
    }
  }
  return chart;
}

export function dayTable({ slots }: DaySeries, zone: string): HTMLTableElement {
  const head = ["From", "Import kWh", "Export kWh", "Quality"];
  const cell = (milliwattHours: number | undefined): string =>
    milliwattHours === undefined ? "–" : kilowattHours(milliwattHours);
  return element(
    "table",
    {},
    element(
      "thead",
      {},
      element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text))),
    ),
    element(
      "tbody",
      {},
      ...slots.map((slot) =>
        element(
          "tr",
          {},
          element("td", {}, clockTime(slot.startSeconds, zone)),
          element("td", {}, cell(slot.importMilliwattHours)),
          element("td", {}, cell(slot.exportMilliwattHours)),
          element("td", {}, slot.quality),
        ),
      ),
    ),
  );
}
