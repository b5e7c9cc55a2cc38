/**
 * The operators' pages: what the MDMS knows, on its own JSON API, under the permissions of whoever is logged in. They hold no key but, while
 * a tariff is being signed, that of the tariff signer, which is never sent.
 */
import { applyKeptTheme } from "@smarter-metering/web";
import { render } from "preact";
import { Application } from "./application.tsx";
import { I18nProvider } from "./texts.ts";

const root = document.getElementById("app");
if (root !== null) {
  applyKeptTheme();
  render(
    <I18nProvider>
      <Application />
    </I18nProvider>,
    root,
  );
}
