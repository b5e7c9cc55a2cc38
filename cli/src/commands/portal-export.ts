/** `portal export`: logs in as a customer, opens his own readings here, prints them as CSV. */
import { toCsv } from "@smarter-metering/customer";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { passwordKeys, readWithKeys } from "../demo/customers.ts";
import { withParty } from "../serve/reach.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { accountOptions, loginFrom, readSecretLine, refusedAsSuch } from "./portal-access.ts";

export const portalExport: Command = {
  name: "portal export",
  summary: "Log in as a customer, decrypt his own readings on this machine, print them as CSV.",
  options: {
    ...dirOption,
    ...accountOptions,
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const login = await loginFrom(layout, args);
    const password = await readSecretLine(args.required("password-file"));
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
