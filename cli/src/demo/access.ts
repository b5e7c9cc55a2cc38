/**
 * Logins of a demonstration: `households.json` maps each label to service point, login, password and enrolment code, `operators.json` the
 * operators'. Demonstration passwords, in files of mode 0600.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Letter } from "@smarter-metering/registry";
import { readSecretFile, writeSecretFile } from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError, isSystemError } from "../cli-error.ts";
import type { Layout } from "../deployment/layout.ts";

const household = z.strictObject({
  /** The MDMS pseudonym, as on the statement. */
  servicePoint: z.string(),
  /** The pseudonym on the network, which the customer's own frames carry. */
  networkPseudonym: z.string(),
  /** Null for those who have no account yet: the enrolment code lets them sign up. */
  login: z.string().nullable(),
  password: z.string().nullable(),
  enrolmentCode: z.string(),
  /** Under the portal's address: what the letter's QR code opens. */
  signUp: z.string(),
  /** As the portal shows it under "Who saw what". */
  registryFingerprint: z.string(),
});
export type HouseholdAccess = z.infer<typeof household>;

const operator = z.strictObject({
  login: z.string(),
  password: z.string(),
  role: z.enum(["viewer", "billing", "operator", "privacy-officer"]),
});
export type OperatorAccess = z.infer<typeof operator>;

const passwordOf = (): string => randomBytes(12).toString("base64url");
const operatorsPath = (layout: Layout): string => join(layout.folder("mdms"), "operators.json");

/** Writes both files; the first `customers` households get an account. */
export async function createAccess(
  layout: Layout,
  letters: readonly Letter[],
  customers: number,
): Promise<void> {
  const entries = letters.map((letter, index): [string, HouseholdAccess] => {
    const hasAccount = index < customers;
    const login = hasAccount ? `customer-${String(index + 1).padStart(3, "0")}` : null;
    const password = hasAccount ? passwordOf() : null;
    return [letter.label, { ...withoutAccount(letter), login, password }];
  });
  await writeHouseholds(layout, new Map(entries));
  const operators: OperatorAccess[] = [
    { login: "operator", password: passwordOf(), role: "operator" },
    { login: "billing", password: passwordOf(), role: "billing" },
    { login: "privacy-officer", password: passwordOf(), role: "privacy-officer" },
  ];
  await writeSecretFile(operatorsPath(layout), `${JSON.stringify(operators, null, 2)}\n`);
}

/** Puts more households without accounts into `households.json`. */
export async function addHouseholds(layout: Layout, letters: readonly Letter[]): Promise<void> {
  const all = new Map(await readHouseholds(layout));
  for (const letter of letters) all.set(letter.label, withoutAccount(letter));
  await writeHouseholds(layout, all);
}

function withoutAccount({ label: _, mdmsPseudonym, ...letter }: Letter): HouseholdAccess {
  return { servicePoint: mdmsPseudonym, ...letter, login: null, password: null };
}

/** What a new letter for the same contract changes. */
export const codeOf = (letter: Letter | undefined) => ({
  enrolmentCode: letter?.enrolmentCode ?? "",
  signUp: letter?.signUp ?? "",
});

/** Changes what is known of one household. Throws HOUSEHOLD_UNKNOWN. */
export async function updateHousehold(
  layout: Layout,
  label: string,
  change: Partial<HouseholdAccess>,
): Promise<void> {
  const all = new Map(await readHouseholds(layout));
  const known = all.get(label);
  if (known === undefined) {
    throw new CliError("HOUSEHOLD_UNKNOWN", `no household ${label} in ${layout.households}`);
  }
  all.set(label, { ...known, ...change });
  await writeHouseholds(layout, all);
}

const writeHouseholds = (
  layout: Layout,
  households: ReadonlyMap<string, HouseholdAccess>,
): Promise<void> =>
  writeSecretFile(
    layout.households,
    `${JSON.stringify(Object.fromEntries(households), null, 2)}\n`,
  );

export async function readHouseholds(
  layout: Layout,
): Promise<ReadonlyMap<string, HouseholdAccess>> {
  try {
    const text = await readFile(layout.households, "utf8");
    return new Map(Object.entries(z.record(z.string(), household).parse(JSON.parse(text))));
  } catch (cause) {
    if (isSystemError(cause, "ENOENT")) {
      const message = `${layout.households} is missing: this folder holds no demonstration`;
      throw new CliError("HOUSEHOLDS_MISSING", message, undefined, cause);
    }
    const message = `${layout.households} is damaged; restore it`;
    throw new CliError("HOUSEHOLDS_INVALID", message, undefined, cause);
  }
}

export async function readOperators(layout: Layout): Promise<readonly OperatorAccess[]> {
  const text = new TextDecoder().decode(await readSecretFile(operatorsPath(layout)));
  return z.array(operator).parse(JSON.parse(text));
}

/** Creates the operators of `operators.json` that the MDMS does not know yet. */
export async function createOperators(
  layout: Layout,
  mdms: { createOperator(operator: OperatorAccess): Promise<void> },
): Promise<void> {
  for (const operator of await readOperators(layout)) {
    try {
      await mdms.createOperator(operator);
    } catch (error) {
      const known =
        error instanceof Error && "code" in error && error.code === "MDMS_OPERATOR_EXISTS";
      if (!known) throw error;
    }
  }
}
