/** `init`: keys, registry, configurations of a new deployment; nothing is started. */
import { EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { prepareDemo } from "../demo/prepare.ts";
import { loadPlan } from "../deployment/plan.ts";
import { hostOption, hostsOf } from "./host-option.ts";
import { demoOptions, demoRequestOf } from "./demo-request.ts";

export const init: Command = {
  name: "init",
  summary: "Make keys, registry and configurations of a new deployment with simulated meters.",
  options: {
    ...demoOptions,
    "system-clock": {
      type: "boolean",
      text: "live in real time from the next local midnight, instead of replaying past days",
    },
    host: hostOption,
    plan: {
      type: "string",
      value: "<plan.json>",
      text: "spread over several machines, with PostgreSQL and NATS",
    },
  },
  async run({ terminal }, args) {
    args.required("dir");
    const system = args.flag("system-clock");
    if (system && args.text("data") !== undefined) {
      throw usageError("--system-clock and --data exclude each other: a file's days are past");
    }
    const hosts = hostsOf(args);
    if (!system && Object.keys(hosts).length > 0) {
      throw usageError("--host goes with --system-clock: a demonstration stays on this machine");
    }
    const planFile = args.text("plan");
    if (planFile !== undefined && (!system || Object.keys(hosts).length > 0)) {
      throw usageError("--plan goes with --system-clock, and names the hosts itself");
    }
    const plan = planFile === undefined ? undefined : loadPlan(planFile);
    const request = { ...(await demoRequestOf(args, system ? "system" : "replay")), hosts, plan };
    const { layout, households, resumed } = await prepareDemo(request, terminal);
    if (terminal.json) terminal.printJson({ dir: layout.root, households: households.length });
    else {
      const what = resumed
        ? "is a deployment already"
        : `holds a deployment of ${households.length}`;
      const how = system ? "one role a process, or --i-know-one-process-holds-all-keys" : "--demo";
      terminal.print(
        `${layout.root} ${what}; next: smarter-metering serve --role all --dir ${layout.root} (${how})`,
      );
    }
    return EXIT.ok;
  },
};
