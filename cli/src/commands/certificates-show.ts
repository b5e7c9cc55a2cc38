/** `certificates show`: who has which certificate, and until when; no private key. */
import { systemClock } from "@smarter-metering/runtime";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { reportCertificates } from "../deployment/certificate-report.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const certificatesShow: Command = {
  name: "certificates show",
  summary:
    "Show the certificates of a deployment's parties and servers, and what is wrong with them.",
  options: dirOption,
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const certificates = await reportCertificates(layout, systemClock.nowMs());
    if (certificates.length === 0) {
      const message = `${layout.root} has no certificates: its parties speak plain HTTP on this machine`;
      throw new CliError("CERTIFICATES_NONE", message);
    }
    if (terminal.json) terminal.printJson({ certificates });
    else {
      const rows = certificates.map(({ holder, hosts, state, finding }) => [
        state === "wrong" ? terminal.red("WRONG") : state,
        holder,
        finding,
        hosts.join(" "),
      ]);
      terminal.print(terminal.table(rows, ""));
      const changing = certificates.some(({ authorities }) => authorities > 1);
      if (changing) terminal.print("Two authorities are believed: see certificates drop-ca.");
    }
    return certificates.some(({ state }) => state === "wrong") ? EXIT.differs : EXIT.ok;
  },
};
