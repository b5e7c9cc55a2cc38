/** `serve`: the parties of a deployment, all in one process or one of them. */
import { resolve } from "node:path";
import { isUnsafe } from "@smarter-metering/policy";
import { systemClock } from "@smarter-metering/runtime";
import { EXIT, usageError } from "../cli-error.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { createOperators } from "../demo/access.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import { layoutOf } from "../deployment/layout.ts";
import { loadRoleConfig } from "../deployment/role-config.ts";
import { presentMs } from "../serve/clock-file.ts";
import { localControl, serveControl } from "../serve/control.ts";
import { replayClock } from "../serve/replay-clock.ts";
import { removeRunFile, writeRunFile } from "../serve/run-file.ts";
import { ROLE_NAMES, serveAll, serveRole } from "../serve/serve.ts";

const SEPARATION_FLAG = "i-know-one-process-holds-all-keys";

export const serve: Command = {
  name: "serve",
  summary:
    "Run the parties of a deployment: all in one process, or one role from its configuration.",
  options: {
    role: { type: "string", value: `<all|${ROLE_NAMES.join("|")}>`, text: "which party" },
    dir: { type: "string", value: "<folder>", text: "the deployment (with --role all)" },
    config: { type: "string", value: "<file>", text: "the role's configuration (with one role)" },
    demo: { type: "boolean", text: "a demonstration: no separation of keys, replayed time" },
    [SEPARATION_FLAG]: {
      type: "boolean",
      text: "all roles in one process although it is no demonstration",
    },
  },
  async run(context, args) {
    const role = args.oneOf("role", ["all", ...ROLE_NAMES]) ?? "all";
    if (role === "all") return serveEverything(context, args);
    const path = args.text("config") ?? layoutOf(resolve(args.required("dir"))).config(role);
    if (role === "trustee") {
      const { policyId, nextPolicyId = policyId } = loadRoleConfig("trustee", path).value;
      for (const id of [policyId, nextPolicyId]) refuseUnsafe(id, args);
    }
    const logLine = (line: string): void => context.terminal.warn(line);
    const party = await serveRole(role, path, { clock: systemClock, logLine });
    const where = Object.entries(party.urls).map(([name, url]) => `${name} at ${url}`);
    context.terminal.note(`${role} serves: ${where.join(", ")}`);
    await stopped(context.signal);
    await party.close();
    return EXIT.ok;
  },
};

async function serveEverything(
  { terminal, signal }: CommandContext,
  args: Arguments,
): Promise<number> {
  const layout = layoutOf(resolve(args.required("dir")));
  const deployment = loadDeployment(layout);
  const isDemo = args.flag("demo");
  if (!isDemo && !args.flag(SEPARATION_FLAG)) {
    throw usageError(
      `--role all puts every key into one process: say --demo or --${SEPARATION_FLAG}`,
    );
  }
  if (deployment.clock === "replay" && !isDemo) {
    throw usageError("this deployment replays past days: say --demo");
  }
  if (refuseUnsafe(deployment.policyId, args)) {
    terminal.warn(terminal.red(`UNSAFE policy ${deployment.policyId}: below the floors`));
  }
  terminal.note("every key is in this one process: no separation between the parties holds");
  const replay = deployment.clock === "replay" ? replayClock(await presentMs(layout)) : undefined;
  const logLine = (line: string): void => terminal.warn(line);
  const everything = await serveAll(layout, { clock: replay ?? systemClock, logLine });
  try {
    await createOperators(layout, everything.mdms.service);
    const control =
      replay &&
      (await serveControl(
        localControl(replay, everything.bus.service, everything.urls, layout),
        layout,
      ));
    const urls = { ...everything.urls, ...(control && { control: control.url }) };
    await writeRunFile(layout, urls);
    for (const [name, url] of Object.entries(urls)) terminal.note(`${name.padEnd(13)} ${url}`);
    await stopped(signal);
    await removeRunFile(layout);
    await control?.close();
  } finally {
    await everything.close();
  }
  return EXIT.ok;
}

/** True for an UNSAFE policy in a demonstration; anywhere else it is not served. */
function refuseUnsafe(policyId: string, args: Arguments): boolean {
  const unsafe = isUnsafe({ id: policyId });
  if (unsafe && !args.flag("demo")) {
    throw usageError(`UNSAFE policy ${policyId}: below the floors; only --demo serves it`);
  }
  return unsafe;
}

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
