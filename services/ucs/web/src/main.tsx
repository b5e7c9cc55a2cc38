/** The portal's page, on the customer's device (docs/protocol.md §10): what it shows comes from its worker, which alone has the keys. */
import { applyKeptTheme, KitProvider } from "@smarter-metering/web";
import { render } from "preact";
import { App } from "./app.tsx";
import { takeLetter } from "./letter.ts";

const place = document.getElementById("app");
if (place === null) throw new Error("index.html has no #app");
const letter = takeLetter();
applyKeptTheme();
render(
  <KitProvider>
    <App letter={letter} />
  </KitProvider>,
  place,
);
