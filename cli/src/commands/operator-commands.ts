/**
 * `operator create`, `list`, `reset`, `remove`: accounts at the MDMS, by its operator token: whoever reads its folder may. No account can
 * make another.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ROLES } from "@smarter-metering/mdms";
import { readSecretFile } from "@smarter-metering/runtime";
import { z } from "zod";
import { EXIT } from "../cli-error.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { callApi, withParty } from "../serve/reach.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { readSecretLine } from "./portal-access.ts";

const loginOption = {
  login: { type: "string", value: "<login>", text: "2 to 64 of a-z, 0-9, dot, dash, underscore" },
} as const;
const passwordOption = {
  "password-file": {
    type: "string",
    value: "<file>",
    text: "file that holds the password; absent: one is made, and shown this once",
  },
} as const;

export const operatorCreate: Command = {
  name: "operator create",
  summary: "Make an operator's account at the MDMS.",
  options: {
    ...dirOption,
    ...loginOption,
    ...passwordOption,
    role: { type: "string", value: `<${ROLES.join("|")}>`, text: "what the account may do" },
  },
  async run(context, args) {
    const login = args.required("login");
    args.required("role");
    const role = args.oneOf("role", ROLES);
    const { password, isMade } = await passwordFrom(args);
    await askMdms(context, args, "", { login, password, role });
    return told(
      context,
      `operator ${login} has the role ${role}`,
      { login, role },
      isMade,
      password,
    );
  },
};

export const operatorReset: Command = {
  name: "operator reset",
  summary: "Give an operator a new password; second factor, lock and sessions go.",
  options: { ...dirOption, ...loginOption, ...passwordOption },
  async run(context, args) {
    const login = args.required("login");
    const { password, isMade } = await passwordFrom(args);
    await askMdms(context, args, `/${encodeURIComponent(login)}/reset`, { password });
    return told(context, `operator ${login} was reset`, { login }, isMade, password);
  },
};

export const operatorRemove: Command = {
  name: "operator remove",
  summary: "Remove an operator's account and its sessions; what it did stays in the audit trail.",
  options: { ...dirOption, ...loginOption },
  async run(context, args) {
    const login = args.required("login");
    await askMdms(context, args, `/${encodeURIComponent(login)}/removal`, {});
    return told(context, `operator ${login} was removed`, { login }, false, "");
  },
};

const listAnswer = z.object({
  operators: z.array(
    z.object({
      login: z.string(),
      role: z.string(),
      createdAt: z.string(),
      lockedUntil: z.string().nullable(),
      totpOn: z.boolean(),
      totpRequired: z.boolean(),
      sessions: z.number(),
    }),
  ),
});

export const operatorList: Command = {
  name: "operator list",
  summary: "List operators' accounts: role, second factor, lock, sessions.",
  options: dirOption,
  async run(context, args) {
    const { operators } = listAnswer.parse(await askMdms(context, args, ""));
    const { terminal } = context;
    if (terminal.json) terminal.printJson({ operators });
    else {
      for (const { login, role, totpOn, lockedUntil, sessions } of operators) {
        const factor = totpOn ? "second factor" : "password alone";
        const lock = lockedUntil === null ? "" : `, locked until ${lockedUntil}`;
        terminal.print(
          `${login.padEnd(20)} ${role.padEnd(16)} ${factor}, ${sessions} sessions${lock}`,
        );
      }
    }
    return EXIT.ok;
  },
};

/** The token is the running MDMS's own: read after it has been reached. */
function askMdms(
  { terminal }: CommandContext,
  args: Arguments,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const layout = layoutFrom(args);
  return withParty("mdms", layout, terminal, async (door) => {
    const file = join(layout.folder("mdms"), "operator-token");
    const token = new TextDecoder().decode(await readSecretFile(file));
    const address = `/v1/machine/operators${path}`;
    return callApi(door, address, body === undefined ? { token } : { token, body });
  });
}

async function passwordFrom(
  args: Arguments,
): Promise<{ readonly password: string; readonly isMade: boolean }> {
  const file = args.text("password-file");
  if (file !== undefined) return { password: await readSecretLine(file), isMade: false };
  return { password: randomBytes(15).toString("base64url"), isMade: true };
}

function told(
  { terminal }: CommandContext,
  sentence: string,
  facts: Readonly<Record<string, unknown>>,
  isMade: boolean,
  password: string,
): number {
  if (terminal.json) terminal.printJson({ ...facts, ...(isMade && { password }) });
  else {
    terminal.print(sentence);
    if (isMade) terminal.print(`password, shown this once: ${password}`);
  }
  return EXIT.ok;
}
