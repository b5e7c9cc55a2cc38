/** `statement show`: bills, under the MDMS' pseudonyms. */
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { withMdms } from "../serve/mdms-session.ts";
import { readStatements } from "../serve/released.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const statementShow: Command = {
  name: "statement show",
  summary: "Show statements: consumption per band and amount.",
  options: {
    ...dirOption,
    "service-point": { type: "string", value: "<pseudonym>", text: "one service point" },
  },
  async run({ terminal }, args) {
    const statements = await withMdms(layoutFrom(args), terminal, (mdms) =>
      readStatements(mdms, args.text("service-point")),
    );
    if (terminal.json) {
      terminal.printJson({ statements });
      return EXIT.ok;
    }
    const rows = statements.map(({ servicePoint, from, to, energy_mWh, ...bill }) => [
      servicePoint,
      from,
      to,
      (Number(energy_mWh) / 1e6).toFixed(3),
      bill.amount,
      bill.notes?.at(-1)?.corrected ?? "",
      bill.currency,
    ]);
    terminal.print(terminal.table([HEADER, ...rows], ""));
    return EXIT.ok;
  },
};

const HEADER = ["service point", "from", "to", "kWh", "amount", "corrected", ""];
