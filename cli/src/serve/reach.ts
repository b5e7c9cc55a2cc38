/**
 * How a command reaches a party of a deployment: through its API while `serve` runs, else by starting that party alone, here, for as long
 * as the command takes.
 */
import { systemClock } from "@smarter-metering/runtime";
import { CliError, EXIT } from "../cli-error.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";
import type { Terminal } from "../terminal.ts";
import type { Party, Shared } from "./party.ts";
import { doorAt, plainDoor, servedDoor, throughDoor, type Door } from "./door.ts";
import { readRunFile } from "./run-file.ts";
import {
  startAggregatorRole,
  startBusRole,
  startMdmsRole,
  startRegistryRole,
  startUcsRole,
} from "./start-role.ts";
import { presentMs } from "./clock-file.ts";
import { replayClock } from "./replay-clock.ts";

const START = { mdms: startMdmsRole, ucs: startUcsRole, aggregator: startAggregatorRole } as const;
export type Reachable = keyof typeof START;

/** Calls `use` with the door of `role`. Throws DEPLOYMENT_MISSING, STORE_LOCKED, and what `use` throws. */
export async function withParty<T>(
  role: Reachable,
  layout: Layout,
  terminal: Terminal,
  use: (door: Door) => Promise<T>,
): Promise<T> {
  const alone = await aloneIn(layout, terminal);
  const served = await servedDoor(layout, role);
  if (served !== undefined) return throughDoor(served, use);
  const parties: Party[] = [];
  try {
    const registry = await startRegistryRole(layout.config("registry"), alone);
    parties.push(registry);
    const bus = await startBusRole(layout.config("bus"), alone);
    parties.push(bus);
    const shared = {
      ...alone,
      bus: bus.service,
      registry: registry.service.transport(),
      urls: registry.urls,
    };
    const party = await START[role](layout.config(role), shared);
    parties.push(party);
    return await throughDoor(await doorAt(layout, role, party.urls[role] ?? ""), use);
  } finally {
    for (const party of parties.toReversed()) await party.close();
  }
}

/** Calls `use` with the registry's door: of the running `serve`, or of a registry that is started here. */
export async function withRegistry<T>(
  layout: Layout,
  terminal: Terminal,
  use: (door: Door) => Promise<T>,
): Promise<T> {
  const served = await servedDoor(layout, "registry");
  if (served !== undefined) return throughDoor(served, use);
  const registry = await startRegistryRole(
    layout.config("registry"),
    await aloneIn(layout, terminal),
  );
  try {
    const url = registry.urls["registry"] ?? "";
    return await throughDoor(await doorAt(layout, "registry", url), use);
  } finally {
    await registry.close();
  }
}

async function aloneIn(layout: Layout, terminal: Terminal): Promise<Shared> {
  const isReplay = loadDeployment(layout).clock === "replay";
  return {
    clock: isReplay ? replayClock(await presentMs(layout)) : systemClock,
    logLine: (line) => terminal.warn(line),
    bus: undefined,
    registry: undefined,
  };
}

const RETRY_MS = 500;

/**
 * Calls `use` with the door that a demonstration's `serve` has for `name` now, again and again while nobody serves: a killed one may be started at other
 * addresses. Throws SERVE_STOPPED when `signal` aborts, and what `use` throws except that nobody answers.
 */
export async function untilServed<T>(
  layout: Layout,
  name: string,
  signal: AbortSignal,
  use: (door: Door) => Promise<T>,
): Promise<T> {
  while (!signal.aborted) {
    const url = (await readRunFile(layout))?.urls[name];
    try {
      if (url !== undefined) return await use(plainDoor(url));
    } catch (error) {
      if (!(error instanceof CliError && error.code === "API_UNREACHABLE")) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new CliError("SERVE_STOPPED", "stopped while nobody served the deployment");
}

/** GET or POST; gives the JSON, or the text of anything else. A problem answer becomes one line with its code. */
export async function callApi(
  { url, fetch }: Door,
  path: string,
  options: { readonly token?: string; readonly body?: unknown } = {},
): Promise<unknown> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(new URL(path, url), {
      method: options.body === undefined ? "GET" : "POST",
      headers,
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
  } catch (cause) {
    const message = `no answer from ${url}; is serve still running?`;
    throw new CliError("API_UNREACHABLE", message, EXIT.failed, cause);
  }
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  const answer: unknown = isJson ? await response.json() : await response.text();
  if (response.ok) return answer;
  const problem = Object(answer) as { code?: unknown; title?: unknown };
  const code = typeof problem.code === "string" ? problem.code : "API_REFUSED";
  const title = typeof problem.title === "string" ? problem.title : `status ${response.status}`;
  const refused = response.status === 401 || response.status === 403;
  throw new CliError(code, title, refused ? EXIT.refused : EXIT.failed);
}
