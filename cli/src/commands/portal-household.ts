/** `portal invite`, `portal join`, `portal persons`: more than one person in a household, each with a login of his own (docs/protocol.md §10.5). */
import { parseInvitation } from "@smarter-metering/customer";
import { EXIT } from "../cli-error.ts";
import type { Command, CommandContext } from "../command.ts";
import { portalAt, signUpOrLogIn } from "../demo/customers.ts";
import { withParty } from "../serve/reach.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { accountOptions, loginFrom, readSecretLine, refusedAsSuch } from "./portal-access.ts";

export const portalInvite: Command = {
  name: "portal invite",
  summary: "Invite one more person to the household of an account; the secret is shown once.",
  options: { ...dirOption, ...accountOptions },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const login = await loginFrom(layout, args);
    const password = await readSecretLine(args.required("password-file"));
    const { text, expiresAt } = await withParty("ucs", layout, terminal, async (door) => {
      const portal = portalAt(door);
      const made = await portal.invite(await portal.login(login, password));
      await portal.logout();
      return made;
    }).catch(refusedAsSuch);
    const expires = new Date(1000 * expiresAt).toISOString();
    if (terminal.json) terminal.printJson({ invitation: text, expires });
    else {
      terminal.print(`invitation, for one person until ${expires}: ${text}`);
      terminal.print("Pass it on by another way than the portal: whoever has it can read.");
    }
    return EXIT.ok;
  },
};

export const portalJoin: Command = {
  name: "portal join",
  summary: "Join a household by an invitation, with a login and a password of one's own.",
  options: {
    ...dirOption,
    login: {
      type: "string",
      value: "<login>",
      text: "a new one, or an account's that reads nothing",
    },
    "password-file": accountOptions["password-file"],
    "invitation-file": {
      type: "string",
      value: "<file>",
      text: "file that holds the invitation, IV-…",
    },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const login = args.required("login");
    const password = await readSecretLine(args.required("password-file"));
    const invitation = parseInvitation(await readSecretLine(args.required("invitation-file")));
    const joined = await withParty("ucs", layout, terminal, async (door) => {
      const portal = portalAt(door);
      const { session, recoveryKey } = await signUpOrLogIn(portal, login, password);
      const { servicePoint } = await portal.join(session, invitation);
      await portal.logout();
      return { login, servicePoint, recoveryKey };
    }).catch(refusedAsSuch);
    if (terminal.json) terminal.printJson(joined);
    else {
      terminal.print(`${login} reads ${joined.servicePoint}`);
      if (joined.recoveryKey !== null) {
        terminal.print(`recovery key, shown this once, to be written down: ${joined.recoveryKey}`);
      }
    }
    return EXIT.ok;
  },
};

export const portalPersons: Command = {
  name: "portal persons",
  summary: "Show who reads a household's readings, and what they did; end somebody's access.",
  options: {
    ...dirOption,
    ...accountOptions,
    end: { type: "string", value: "<login>", text: "whose access ends now" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const login = await loginFrom(layout, args);
    const password = await readSecretLine(args.required("password-file"));
    const end = args.text("end");
    const { household, events } = await withParty("ucs", layout, terminal, async (door) => {
      const portal = portalAt(door);
      await portal.login(login, password);
      if (end !== undefined) await portal.endAccess(end);
      const [household, events] = [await portal.household(), await portal.householdEvents()];
      await portal.logout();
      return { household, events };
    }).catch(refusedAsSuch);
    if (terminal.json) terminal.printJson({ ...household, events });
    else print(terminal, { ...household, events });
    return EXIT.ok;
  },
};

type Told = Awaited<ReturnType<ReturnType<typeof portalAt>["household"]>> & {
  readonly events: Awaited<ReturnType<ReturnType<typeof portalAt>["householdEvents"]>>;
};

function print(terminal: CommandContext["terminal"], { persons, invitations, events }: Told): void {
  const people = persons.map(({ login, since }) => [login, iso(since)]);
  terminal.print(terminal.table([["reads", "since"], ...people], ""));
  for (const { expiresAt, openedBy } of invitations) {
    const opened = openedBy === null ? "nobody has opened it" : `opened by ${openedBy}`;
    terminal.print(`an invitation waits until ${iso(expiresAt)}; ${opened}`);
  }
  terminal.print("");
  const rows = events.map(({ at, login, event }) => [iso(at), login, event]);
  terminal.print(terminal.table([["when", "who", "what"], ...rows], ""));
}

const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");
