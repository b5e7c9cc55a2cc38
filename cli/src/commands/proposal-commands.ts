/**
 * `registry proposals`, `registry approve`, `registry decline`: the registry's clerk decides what the MDMS proposes (docs/protocol.md §9.6),
 * with the administrator's token of the registry's folder, which no operator of the MDMS has.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import type { Admitted, Approval, CountedPlan, ShownProposal } from "@smarter-metering/registry";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Arguments, Command } from "../command.ts";
import { codeOf, updateHousehold } from "../demo/access.ts";
import { createMeter } from "../deployment/init.ts";
import type { Layout } from "../deployment/layout.ts";
import { tellMeters, type MeterSecrets } from "../deployment/meters-file.ts";
import { changeRegistry } from "../serve/registry-admin.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { printPlan } from "./registry-commands.ts";
import { writeAdmitted } from "./registry-import.ts";

/** As the registry shows it to its clerk. */
type ClerksProposal = ShownProposal & { readonly label: string };

export const registryProposals: Command = {
  name: "registry proposals",
  summary: "List what the MDMS proposes to the registry; one with what it would change.",
  operands: "[<id>]",
  options: dirOption,
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const [id, ...more] = args.operands;
    if (more.length > 0) throw usageError("registry proposals takes one id, or none");
    const proposals = await readProposals(layout, terminal);
    if (id === undefined) {
      if (terminal.json) terminal.printJson({ proposals });
      else printList(proposals, terminal);
      return EXIT.ok;
    }
    const found = proposalOf(proposals, id);
    const path = `/v1/proposals/${id}/cohort-plan`;
    const plan = (await changeRegistry(layout, terminal, path, undefined)) as CountedPlan;
    if (terminal.json) terminal.printJson({ ...found, plan });
    else {
      terminal.print(wordsOf(found));
      printPlan(plan, terminal);
    }
    return EXIT.ok;
  },
};

export const registryApprove: Command = {
  name: "registry approve",
  summary: "Do what the MDMS proposes: a move-out, a move-in or the exchange of a meter.",
  operands: "<id>",
  options: {
    ...dirOption,
    label: { type: "string", value: "<label>", text: "of who moves in, as in the letter" },
    out: {
      type: "string",
      value: "<folder>",
      text: "of a move-in: new folder for letters.json and meters.json",
    },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const id = onlyId(args);
    const proposal = proposalOf(await readProposals(layout, terminal), id);
    const { kind } = proposal.order;
    const fresh = kind === "meter-exchange" ? await createMeter() : undefined;
    const out = kind === "move-in" ? newFolder(args.required("out")) : undefined;
    const path = `/v1/proposals/${id}/approve`;
    const body = approvalOf(args, kind, fresh);
    const told = (await changeRegistry(layout, terminal, path, body)) as Admitted;
    const { enrolmentCode, signUp } = codeOf(told.letters[0]);
    if (out !== undefined) {
      await mkdir(out, { recursive: true, mode: 0o700 });
      await writeAdmitted(out, [told]);
    } else await tellMeters(layout, told.meters, fresh);
    if (fresh !== undefined)
      await updateHousehold(layout, proposal.label, { enrolmentCode, signUp });
    if (terminal.json) terminal.printJson({ id, state: "approved", enrolmentCode });
    else {
      terminal.print(`approved: ${wordsOf(proposal)}${out === undefined ? "" : `; see ${out}`}`);
      if (fresh !== undefined) terminal.print(`code to enrol with the new one: ${enrolmentCode}`);
    }
    return EXIT.ok;
  },
};

export const registryDecline: Command = {
  name: "registry decline",
  summary: "Refuse what the MDMS proposes, with a reason that it is shown.",
  operands: "<id>",
  options: {
    ...dirOption,
    reason: { type: "string", value: "<text>", text: "up to 200 characters, nobody's name" },
  },
  async run({ terminal }, args) {
    const id = onlyId(args);
    const reason = args.required("reason");
    const path = `/v1/proposals/${id}/decline`;
    await changeRegistry(layoutFrom(args), terminal, path, { reason });
    if (terminal.json) terminal.printJson({ id, state: "declined", reason });
    else terminal.print(`declined: ${reason}`);
    return EXIT.ok;
  },
};

function approvalOf(
  args: Arguments,
  kind: ShownProposal["order"]["kind"],
  meter: MeterSecrets | undefined,
): Approval {
  if (kind === "move-in") return { label: args.required("label") };
  if (meter === undefined) return {};
  const { meterId, signingKey } = meter;
  return { meter: { meterId, signingKey } };
}

async function readProposals(layout: Layout, terminal: Terminal): Promise<ClerksProposal[]> {
  const answer = await changeRegistry(layout, terminal, "/v1/proposals", undefined);
  return (answer as { readonly proposals: ClerksProposal[] }).proposals;
}

function proposalOf(proposals: readonly ClerksProposal[], id: string): ClerksProposal {
  const found = proposals.find((entry) => entry.id === id);
  if (found !== undefined) return found;
  throw new CliError("REGISTRY_UNKNOWN", `no proposal ${id}; see registry proposals`);
}

function onlyId({ operands: [id, ...more] }: Arguments): string {
  if (id !== undefined && more.length === 0) return id;
  throw usageError("takes the id of one proposal; see registry proposals");
}

function newFolder(out: string): string {
  if (existsSync(out)) throw new CliError("FOLDER_EXISTS", `${out} exists; name a new folder`);
  return out;
}

function wordsOf({ label, order, proposedBy }: ClerksProposal): string {
  const by = `(${proposedBy})`;
  if (order.kind === "move-out") {
    return `the contract of ${label} ends at ${iso(order.contractEnd)} ${by}`;
  }
  if (order.kind === "move-in") {
    return `a contract after that of ${label} starts at ${iso(order.contractStart)} ${by}`;
  }
  return `the meter of ${label} is exchanged at ${iso(order.at)} ${by}`;
}

function printList(proposals: readonly ClerksProposal[], terminal: Terminal): void {
  const rows = proposals.map((one) => [one.id, one.state, iso(one.expiresAt), wordsOf(one)]);
  if (rows.length === 0) terminal.print("nothing is proposed");
  else terminal.print(terminal.table([["id", "state", "until", "what"], ...rows], ""));
}

const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");
