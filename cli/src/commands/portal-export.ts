/** `portal export`: logs in as a customer, opens his own readings here, prints them as CSV or as a Green Button feed. */
import { once } from "node:events";
import { csvOf, greenButtonXml } from "@smarter-metering/customer";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { passwordKeys, readWithKeys } from "../demo/customers.ts";
import { withParty } from "../serve/reach.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { accountOptions, loginFrom, readSecretLine, refusedAsSuch } from "./portal-access.ts";

const FORMATS = { csv: csvOf, "green-button": greenButtonXml } as const;

export const portalExport: Command = {
  name: "portal export",
  summary: "Log in as a customer, decrypt his own readings on this machine, print them.",
  options: {
    ...dirOption,
    ...accountOptions,
    format: {
      type: "string",
      value: "<name>",
      text: "csv, or green-button (ESPI 4.0); csv if absent",
    },
    zone: {
      type: "string",
      value: "<zone>",
      text: "IANA, whose days and clock are shown; UTC if absent",
    },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const format = args.oneOf("format", ["csv", "green-button"]) ?? "csv";
    const zone = args.text("zone") ?? "UTC";
    const login = await loginFrom(layout, args);
    const password = await readSecretLine(args.required("password-file"));
    const own = await withParty("ucs", layout, terminal, async (door) =>
      readWithKeys(door, login, await passwordKeys(door, login, password)),
    ).catch(refusedAsSuch);
    const { holes: _, ...problems } = own.findings;
    const found = Object.entries(problems).filter(([, count]) => count > 0);
    for (const [what, count] of found) terminal.warn(`${what}: ${count}`);
    for await (const chunk of FORMATS[format]({ readings: own.readings, zone })) {
      if (!process.stdout.write(chunk)) await once(process.stdout, "drain");
    }
    return found.length === 0 ? EXIT.ok : EXIT.differs;
  },
};
