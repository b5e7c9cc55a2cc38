/** What the colours of a chart mean. */
import { html } from "hono/html";
import type { Html } from "./layout.ts";

/** Colours of the stylesheet, band0 to band2; with more names they repeat. */
export const FILLS = 3;

export function legend(names: readonly string[]): Html {
  const keys = names.map(
    (name, index) => html`<li><i class="band${index % FILLS}"></i> ${name}</li>`,
  );
  return html`<ul class="legend">
    ${keys}
  </ul>`;
}
