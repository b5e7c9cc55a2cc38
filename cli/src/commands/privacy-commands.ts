/** `privacy export`, `privacy erase`: a data subject's requests, as the operator answers them (docs/privacy-officer.md). */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { MDMS_KEPT_DAYS } from "@smarter-metering/mdms";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { UCS_KEPT_DAYS } from "@smarter-metering/ucs";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { loadRoleConfig } from "../deployment/role-config.ts";
import {
  eraseAtUcs,
  heldAtMdms,
  heldAtRegistry,
  heldAtUcs,
  servicePointOf,
} from "../privacy/held-at.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

const householdOption = {
  household: { type: "string", value: "<label>", text: "whose, by the label of the letter" },
} as const;

export const privacyExport: Command = {
  name: "privacy export",
  summary: "Write what registry, MDMS and portal hold about one household into a folder of JSON.",
  options: {
    ...dirOption,
    ...householdOption,
    out: { type: "string", value: "<folder>", text: "a folder that is not there yet" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const out = resolve(args.required("out"));
    const { state, point } = await servicePointOf(layout, args.required("household"));
    if (existsSync(out)) {
      throw new CliError("FOLDER_EXISTS", `${out} is there already; name a new folder with --out`);
    }
    const documents = {
      registry: heldAtRegistry(state, point),
      mdms: await heldAtMdms(layout, terminal, point.mdms),
      ucs: await heldAtUcs(layout, terminal, point.network),
    };
    await mkdir(out, { recursive: true, mode: 0o700 });
    for (const [party, document] of Object.entries(documents)) {
      await writeFileAtomic(join(out, `${party}.json`), `${JSON.stringify(document, null, 2)}\n`);
    }
    const files = Object.keys(documents).map((party) => `${party}.json`);
    if (terminal.json) terminal.printJson({ folder: out, files });
    else {
      terminal.print(`${files.join(", ")} in ${out}`);
      terminal.note(
        "The customer's own readings are not in it: only he can open them (portal export).",
      );
    }
    return EXIT.ok;
  },
};

export const privacyErase: Command = {
  name: "privacy erase",
  summary: "Erase a household's account, keys and sealed frames at the portal; say what remains.",
  options: {
    ...dirOption,
    ...householdOption,
    login: {
      type: "string",
      value: "<login>",
      text: "with --account-only: an invited person's account",
    },
    "account-only": { type: "boolean", text: "while the contract runs: leave the sealed frames" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const { point } = await servicePointOf(layout, args.required("household"));
    const accountOnly = args.flag("account-only");
    const login = args.text("login");
    if (login !== undefined && !accountOnly) throw usageError("--login goes with --account-only");
    const erasure = { servicePoint: point.network, accountOnly, login };
    const deleted = await eraseAtUcs(layout, terminal, erasure);
    const { statementsKeptDays } = loadRoleConfig("mdms", layout.config("mdms")).value;
    const { framesKeptDays } = loadRoleConfig("ucs", layout.config("ucs")).value;
    const remains = remaining({ accountOnly, statementsKeptDays, framesKeptDays });
    if (terminal.json) terminal.printJson({ deleted, remains });
    else {
      const rows = Object.entries(deleted).map(([what, count]) => ["portal", what, `${count}`]);
      terminal.print(terminal.table([["deleted at", "what", "number"], ...rows], ""));
      terminal.print("");
      const kept = remains.map(({ party, what, why }) => [party, what, why]);
      terminal.print(terminal.table([["remains at", "what", "why, how long"], ...kept], ""));
    }
    return EXIT.ok;
  },
};

interface Remaining {
  readonly party: string;
  readonly what: string;
  readonly why: string;
}

/** What an erasure leaves, and for how long: the table of docs/privacy-officer.md, for one household. */
function remaining(options: {
  readonly accountOnly: boolean;
  readonly statementsKeptDays: number | undefined;
  readonly framesKeptDays: number | undefined;
}): Remaining[] {
  const bills = options.statementsKeptDays ?? MDMS_KEPT_DAYS.statements;
  const frames = options.framesKeptDays ?? UCS_KEPT_DAYS.sealedFrames;
  return [
    ...(options.accountOnly
      ? [
          {
            party: "portal",
            what: "sealed frames of the running contract",
            why: `${frames} days each; no key that opens them is left but the meter's and invited persons'`,
          },
        ]
      : []),
    { party: "MDMS", what: "statements", why: `${bills} days each: books and vouchers` },
    {
      party: "registry",
      what: "label, pseudonyms, contract",
      why: "signed epochs are a chain; the label is in the registry's own file alone",
    },
    {
      party: "aggregator",
      what: "contributions",
      why: "ciphertexts under the trustees' key: evidence of what was released",
    },
    {
      party: "trustees, log",
      what: "which blocks and windows were released",
      why: "nothing is released twice; pseudonyms and times, no reading",
    },
    {
      party: "backups",
      what: "what was deleted here",
      why: "until they are overwritten: after a restore, erase again",
    },
  ];
}
