/** `policy show`, `check`, `announce`, `apply`: the release policy, and how it changes (docs/protocol.md §9.4). */
import { readFile } from "node:fs/promises";
import {
  comparePolicies,
  describePolicy,
  needsNotice,
  parsePolicy,
  PolicyError,
  type PolicyChange,
  type ReleasePolicy,
} from "@smarter-metering/policy";
import { networkReader } from "@smarter-metering/protocol";
import { CliError, EXIT } from "../cli-error.ts";
import type { Arguments, Command } from "../command.ts";
import { loadDeployment, writeDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { changeRegistry } from "../serve/registry-admin.ts";
import { newestHead } from "../serve/registry-access.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

const fileOption = {
  file: { type: "string", value: "<file>", text: "the new policy, as JSON; policy show --json" },
} as const;

export const policyShow: Command = {
  name: "policy show",
  summary: "Show the release policy in force, and the one that is announced.",
  options: dirOption,
  async run({ terminal }, args) {
    const { epoch, policy, notice } = await standing(layoutFrom(args));
    const changes = notice === undefined ? [] : comparePolicies(policy, notice.policy);
    if (terminal.json) terminal.printJson({ registryEpoch: epoch, policy, notice, changes });
    else {
      terminal.print(describePolicy(policy).join("\n"));
      if (notice !== undefined) {
        terminal.print(`\nAnnounced: ${notice.policy.id}, not before ${iso(notice.inForceFrom)}`);
        printChanges(changes, terminal);
      }
    }
    return EXIT.ok;
  },
};

export const policyCheck: Command = {
  name: "policy check",
  summary:
    "Say what a new policy would change, and whether it has to be announced. Changes nothing.",
  options: { ...dirOption, ...fileOption },
  async run({ terminal }, args) {
    const { policy } = await standing(layoutFrom(args));
    const next = await policyFrom(args);
    const changes = comparePolicies(policy, next);
    const notice = needsNotice(changes);
    if (terminal.json) terminal.printJson({ from: policy.id, to: next.id, changes, notice });
    else {
      printChanges(changes, terminal);
      terminal.print(
        notice
          ? "It has to be announced for 30 days: policy announce."
          : "It only tightens: policy apply at once.",
      );
    }
    return EXIT.ok;
  },
};

export const policyAnnounce: Command = {
  name: "policy announce",
  summary: "Announce a policy: it may be applied in 30 days. The one in force takes a notice back.",
  options: { ...dirOption, ...fileOption },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    await changeRegistry(layout, terminal, "/v1/policy-notices", {
      policy: await policyFrom(args),
    });
    const { notice } = await standing(layout);
    if (terminal.json) terminal.printJson({ notice });
    else if (notice === undefined) terminal.print("nothing is announced any more");
    else {
      const { policy, inForceFrom } = notice;
      terminal.print(`policy ${policy.id} is announced, not before ${iso(inForceFrom)}`);
      terminal.print(
        `Customers see it in the portal. Each trustee's operator who agrees writes "nextPolicyId": "${policy.id}" into its config.json and starts it again.`,
      );
    }
    return EXIT.ok;
  },
};

export const policyApply: Command = {
  name: "policy apply",
  summary: "Put a policy in force: one that only tightens, or one whose notice is over.",
  options: { ...dirOption, ...fileOption },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const policy = await policyFrom(args);
    try {
      await changeRegistry(layout, terminal, "/v1/policies", { policy });
    } catch (error) {
      if (!(error instanceof CliError && error.code === "REGISTRY_POLICY_NOTICE")) throw error;
      throw new CliError(error.code, error.message, EXIT.refused, error);
    }
    await writeDeployment(layout, { ...loadDeployment(layout), policyId: policy.id });
    if (terminal.json) terminal.printJson({ policyId: policy.id });
    else terminal.print(`policy ${policy.id} is in force for what is requested from now on`);
    return EXIT.ok;
  },
};

interface Standing {
  readonly epoch: number;
  readonly policy: ReleasePolicy;
  readonly notice: { readonly policy: ReleasePolicy; readonly inForceFrom: number } | undefined;
}

/** As the newest epoch in the registry's folder has it. */
async function standing(layout: Layout): Promise<Standing> {
  loadDeployment(layout);
  const { epoch, view } = await newestHead(layout, networkReader);
  const { policy, policyNotice } = view.document;
  const notice = policyNotice && {
    policy: parsePolicy(policyNotice.policy),
    inForceFrom: policyNotice.inForceFrom,
  };
  return { epoch, policy: parsePolicy(policy), notice };
}

async function policyFrom(args: Arguments): Promise<ReleasePolicy> {
  const path = args.required("file");
  try {
    return parsePolicy(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    if (cause instanceof PolicyError) throw new CliError(cause.code, cause.message, EXIT.failed);
    const message = `cannot read a policy from ${path}: check the path, and that it is JSON`;
    throw new CliError("FILE_UNREADABLE", message, EXIT.failed, cause);
  }
}

function printChanges(changes: readonly PolicyChange[], terminal: Terminal): void {
  for (const { text } of changes) terminal.print(`  ${text}`);
  if (changes.length === 0) terminal.print("  nothing differs");
}

const iso = (seconds: number): string => new Date(1000 * seconds).toISOString();
