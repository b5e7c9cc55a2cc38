/** The worker of the benchmark's page: takes a year, gives the columns to draw, then what it measured. */
import type { SealedYear } from "./packed-year.ts";
import { measureYear } from "./stages.ts";

const answer = (message: unknown): void => globalThis.postMessage(message, {});

globalThis.addEventListener("message", (event: MessageEvent<SealedYear>) => {
  void measureYear(event.data, (columns) => answer({ columns })).then(
    (stages) => answer({ stages }),
    (error: unknown) => answer({ error: String(error) }),
  );
});
