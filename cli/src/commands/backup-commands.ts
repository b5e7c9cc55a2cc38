/** `backup` and `restore`: one party's folder and database, without what must never be restored (docs/operating.md). */
import { resolve } from "node:path";
import { systemClock } from "@smarter-metering/runtime";
import { makeBackup } from "../backup/make-backup.ts";
import type { Manifest } from "../backup/manifest.ts";
import { restoreBackup } from "../backup/restore-backup.ts";
import { EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { isPartyFolder, PARTY_FOLDERS } from "../deployment/layout.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const backup: Command = {
  name: "backup",
  summary:
    "Copy one party's folder and database, without what must never be restored. A party with an embedded database is stopped first.",
  options: {
    ...dirOption,
    party: { type: "string", value: "<folder>", text: "whose: mdms, trustee-2, meters, …" },
    to: { type: "string", value: "<folder>", text: "a new folder for the backup" },
  },
  async run({ terminal }, args) {
    const party = args.required("party");
    if (!isPartyFolder(party)) {
      throw usageError(
        `--party is one of ${PARTY_FOLDERS.join(", ")}, trustee-<n>, not "${party}"`,
      );
    }
    const to = resolve(args.required("to"));
    const made = await makeBackup(layoutFrom(args), party, to, systemClock.nowMs());
    tell(terminal, made, `${made.files.length} files of ${party} are in ${to}`);
    return EXIT.ok;
  },
};

export const restore: Command = {
  name: "restore",
  summary:
    "Put a party's backup into an empty folder of a deployment, and say what it still needs.",
  options: {
    ...dirOption,
    from: { type: "string", value: "<folder>", text: "the backup" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const restored = await restoreBackup(resolve(args.required("from")), layout);
    tell(terminal, restored, `${restored.party} is as it was at ${restored.madeAt}`);
    return EXIT.ok;
  },
};

function tell(
  terminal: Terminal,
  { party, madeAt, database, leftOut }: Manifest,
  text: string,
): void {
  if (terminal.json) return terminal.printJson({ party, madeAt, database, leftOut });
  terminal.print(text);
  for (const { path, instead } of leftOut) terminal.print(`not in a backup: ${path}; ${instead}`);
}
