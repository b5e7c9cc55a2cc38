/**
 * One party in a process of its own, as `serve --role` starts it but for its clock, which the measurement moves. Started by fork with the
 * role, its configuration and the time; says `{ ready }`, takes `{ setTo }` and `{ usage: true }`, ends at `{ stop: true }`.
 */
import assert from "node:assert/strict";
import { serveRole, ROLE_NAMES } from "../../cli/src/serve/serve.ts";
import { shiftedClock } from "./shifted-clock.ts";

export type ToRole =
  { readonly setTo: number } | { readonly usage: true } | { readonly stop: true };

export interface Usage {
  /** Of the whole process so far. */
  readonly processorSeconds: number;
  readonly residentBytes: number;
}

export type FromRole =
  | { readonly ready: Readonly<Record<string, string>> }
  | { readonly usage: Usage }
  | { readonly warning: string };

const [name, config, startMs] = process.argv.slice(2);
const role = ROLE_NAMES.find((known) => known === name);
assert(role !== undefined && config !== undefined);
const say = (message: FromRole): void => void process.send?.(message);
const clock = shiftedClock(Number(startMs));
const party = await serveRole(role, config, {
  clock,
  logLine: (line) => say({ warning: line }),
});
process.on("message", (message: ToRole) => {
  if ("setTo" in message) clock.setTo(message.setTo);
  else if ("usage" in message) {
    const { user, system } = process.cpuUsage();
    const processorSeconds = (user + system) / 1e6;
    say({ usage: { processorSeconds, residentBytes: process.memoryUsage.rss() } });
  } else void party.close().then(() => process.disconnect());
});
// Whoever started it is gone, or has it end: nothing of it stays.
process.once("disconnect", () => process.exit());
say({ ready: party.urls });
