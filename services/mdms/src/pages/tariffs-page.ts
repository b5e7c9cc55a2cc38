/** The tariffs in words: bands, and the prices of each version. */
import { html } from "hono/html";
import { describeTariff } from "@smarter-metering/tariff";
import type { RegistryContext } from "../registry-context.ts";
import type { Html } from "./layout.ts";

export function tariffsBody({ tariffs }: RegistryContext): Html {
  if (tariffs.size === 0) return html`<p>The registry lists none.</p>`;
  return html`${[...tariffs.values()].map(
    ({ tariff }) =>
      html`<h2>${tariff.tariff}</h2>
        <ul>
          ${describeTariff(tariff).map((sentence) => html`<li>${sentence}</li>`)}
        </ul>`,
  )}`;
}
