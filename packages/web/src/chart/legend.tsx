/** What the colours mean. */
import type { VNode } from "preact";
import type { ChartColour } from "./chart-colours.ts";

export interface LegendItem {
  readonly name: string;
  readonly colour: ChartColour;
  readonly kind?: "line" | "dashed" | "area";
}

/** Nothing for a single item: the chart's name says it. */
export function Legend({ items }: { readonly items: readonly LegendItem[] }): VNode | null {
  if (items.length < 2) return null;
  return (
    <ul class="legend">
      {items.map(({ name, colour, kind = "area" }) => (
        <li key={name}>
          <span class={`swatch ${kind} ${colour}`} aria-hidden="true" />
          {name}
        </li>
      ))}
    </ul>
  );
}
