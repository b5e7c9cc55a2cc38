/** `portal export`: logs in as a customer, opens his own readings here, prints them as CSV. */
import { readFile } from "node:fs/promises";
import { toCsv } from "@smarter-metering/customer";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { readHouseholds } from "../demo/access.ts";
import { passwordKeys, readWithKeys } from "../demo/customers.ts";
import { withParty } from "../serve/reach.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const portalExport: Command = {
  name: "portal export",
  summary: "Log in as a customer, decrypt his own readings on this machine, print them as CSV.",
  options: {
    ...dirOption,
    household: { type: "string", value: "<label>", text: "whose account, by its label" },
    "password-file": { type: "string", value: "<file>", text: "file that holds the password" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const label = args.required("household");
    const password = await readPassword(args.required("password-file"));
    const access = (await readHouseholds(layout)).get(label);
    if (access === undefined) {
      throw new CliError("HOUSEHOLD_UNKNOWN", `no household ${label} in ${layout.households}`);
    }
    const { login } = access;
    if (login === null) {
      const message = `household ${label} has no portal account yet; sign up with its enrolment code`;
      throw new CliError("ACCOUNT_MISSING", message, EXIT.refused);
    }
    const own = await withParty("ucs", layout, terminal, async (url) =>
      readWithKeys(url, login, await passwordKeys(url, login, password)),
    ).catch(refusedAsSuch);
    const { holes: _, ...problems } = own.findings;
    const found = Object.entries(problems).filter(([, count]) => count > 0);
    for (const [what, count] of found) terminal.warn(`${what}: ${count}`);
    process.stdout.write(toCsv(own.readings));
    return found.length === 0 ? EXIT.ok : EXIT.differs;
  },
};

/** The first line of the file; editors add a line end. */
async function readPassword(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).replace(/\r?\n[\s\S]*$/, "");
  } catch (cause) {
    const message = `cannot read ${path}: check the path and its permissions`;
    throw new CliError("FILE_UNREADABLE", message, EXIT.failed, cause);
  }
}

function refusedAsSuch(error: unknown): never {
  if (error instanceof Error && "code" in error && error.code === "CUSTOMER_UNLOCK_FAILED") {
    throw new CliError("CUSTOMER_UNLOCK_FAILED", error.message, EXIT.refused, error);
  }
  throw error;
}
