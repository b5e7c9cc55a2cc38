/** Asks the parties that run on this machine for their health and metrics, each with its own certificate, and judges what they say. */
import { silentLogger, type Fetch } from "@smarter-metering/runtime";
import { isSystemError } from "../cli-error.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { loadRoleConfig, ROLE_NAMES } from "../deployment/role-config.ts";
import { openNetwork } from "../serve/party-network.ts";
import { readRunFile } from "../serve/run-file.ts";
import { green, lookedAt, red, yellow, type Finding } from "./finding.ts";
import { judgeRole, judgeTogether, type RoleAnswer } from "./judge-role.ts";
import { partiesHere, type PartyHere } from "./parties-here.ts";
import { checkNats } from "./nats-check.ts";
import { parseSamples } from "./samples.ts";

const ANSWER_MS_MAX = 10_000;

/** Nothing has to run: where no party answers, one line says so. */
export async function checkRunning(layout: Layout, nowMs: () => number): Promise<Finding[]> {
  const parties = partiesHere(layout, ROLE_NAMES);
  const run = await readRunFile(layout);
  if (run === undefined && loadDeployment(layout).clock === "replay") {
    return [green("served", "by nobody now")];
  }
  const asked = await Promise.all(
    parties.map(async (party) => ({
      name: party.folder,
      answer: await ask(layout, party, run?.urls, nowMs).catch((error: unknown) => error),
    })),
  );
  const answers = asked.map(({ answer }) => answer).filter(isAnswer);
  if (answers.length === 0 && asked.every(({ answer }) => isNobodyThere(answer))) {
    return [yellow("served", "no party of this machine runs", "start them: serve")];
  }
  const nowSeconds = nowMs() / 1000;
  const findings: Finding[] = [];
  for (const { name, answer } of asked) {
    if (isAnswer(answer)) findings.push(...judgeRole(answer, nowSeconds));
    else findings.push(await lookedAt(name, () => noAnswer(name, answer)));
  }
  return [...findings, ...(await checkNats(layout)), ...judgeTogether(answers, nowSeconds)];
}

const isAnswer = (value: unknown): value is RoleAnswer =>
  typeof value === "object" && value !== null && "samples" in value;

const isNobodyThere = (error: unknown): boolean =>
  error instanceof Error && isSystemError(error.cause, "ECONNREFUSED");

function noAnswer(name: string, error: unknown): Finding {
  if (isNobodyThere(error)) return red(name, "does not run", `serve --role ${roleName(name)}`);
  const reason = error instanceof Error ? reasonOf(error) : "unknown";
  return red(name, `no answer: ${reason}`, "its log; its certificate; its address in config.json");
}

const roleName = (folder: string): string => folder.replace(/-\d+$/, "");

const reasonOf = (error: Error): string =>
  error.cause instanceof Error ? error.cause.message : error.message;

/** Rejects with what `fetch` rejects. */
async function ask(
  layout: Layout,
  { role, folder }: PartyHere,
  urls: Readonly<Record<string, string>> | undefined,
  nowMs: () => number,
): Promise<RoleAnswer> {
  const { value: config } = loadRoleConfig(role, layout.config(folder));
  const { listen, tls } = config;
  const scheme = tls === undefined ? "http" : "https";
  const url = urls?.[folder] ?? `${scheme}://${reachable(listen.host)}:${listen.port}`;
  const network = await openNetwork(config, { log: silentLogger });
  try {
    const call = network.fetchFrom(folder);
    const get = (path: string): Promise<Response> => within(call, new URL(path, url));
    const beforeMs = nowMs();
    const ready = await get("/readyz");
    const clockAheadSeconds = clockOf(ready, (beforeMs + nowMs()) / 2);
    const notReady = ready.ok ? "" : detailOf(await ready.json());
    const samples = parseSamples(await (await get("/metrics")).text());
    return { name: folder, samples, notReady, clockAheadSeconds };
  } finally {
    await network.close();
  }
}

const within = (call: Fetch, url: URL): Promise<Response> =>
  call(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX), redirect: "error" });

function clockOf(response: Response, hereMs: number): number | undefined {
  const there = Date.parse(response.headers.get("date") ?? "");
  // Whole seconds, cut: on average half a second less than it was.
  return Number.isNaN(there) ? undefined : (there + 500 - hereMs) / 1000;
}

function detailOf(problem: unknown): string {
  const { detail, title } = Object(problem) as { detail?: unknown; title?: unknown };
  if (typeof detail === "string") return detail;
  return typeof title === "string" ? title : "it does not say why";
}

/** Who listens everywhere is asked here. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
