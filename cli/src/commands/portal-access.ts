/** Who asks the portal from the command line: a login, and a file with its password. For one's own account, on one's own machine. */
import { readFile } from "node:fs/promises";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Arguments } from "../command.ts";
import { readHouseholds } from "../demo/access.ts";
import type { Layout } from "../deployment/layout.ts";

export const accountOptions = {
  household: { type: "string", value: "<label>", text: "whose account, by its label" },
  login: { type: "string", value: "<login>", text: "or by its login" },
  "password-file": { type: "string", value: "<file>", text: "file that holds the password" },
} as const;

/** Throws CLI_USAGE, HOUSEHOLD_UNKNOWN, ACCOUNT_MISSING. */
export async function loginFrom(layout: Layout, args: Arguments): Promise<string> {
  const login = args.text("login");
  if (login !== undefined && args.text("household") !== undefined) {
    throw usageError("--household and --login name the same thing: give one of them");
  }
  if (login !== undefined) return login;
  const label = args.required("household");
  const access = (await readHouseholds(layout)).get(label);
  if (access === undefined) {
    throw new CliError("HOUSEHOLD_UNKNOWN", `no household ${label} in ${layout.households}`);
  }
  if (access.login !== null) return access.login;
  const message = `household ${label} has no portal account yet; sign up with its enrolment code`;
  throw new CliError("ACCOUNT_MISSING", message, EXIT.refused);
}

/** The first line of a file that holds a secret; editors add a line end. Throws FILE_UNREADABLE. */
export async function readSecretLine(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).replace(/\r?\n[\s\S]*$/, "");
  } catch (cause) {
    const message = `cannot read ${path}: check the path and its permissions`;
    throw new CliError("FILE_UNREADABLE", message, EXIT.failed, cause);
  }
}

/** A secret that does not fit is a refusal, whoever noticed it. */
export function refusedAsSuch(error: unknown): never {
  if (!(error instanceof Error) || !("code" in error)) throw error;
  const { code, message } = error;
  if (code !== "CUSTOMER_UNLOCK_FAILED" && code !== "CUSTOMER_INVITATION_REFUSED") throw error;
  throw new CliError(code, message, EXIT.refused, error);
}
