/** `certificates new-ca` and `certificates drop-ca`: another authority takes the place of the deployment's, while everything runs. */
import { systemClock } from "@smarter-metering/runtime";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { dropOldAuthority, replaceAuthority } from "../deployment/authority.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const certificatesNewCa: Command = {
  name: "certificates new-ca",
  summary:
    "Make a new certificate authority; everybody believes it and the old one, until drop-ca.",
  options: dirOption,
  async run({ terminal }, args) {
    const isNew = await replaceAuthority(layoutFrom(args), systemClock.nowMs());
    if (terminal.json) terminal.printJson({ outcome: isNew ? "made" : "known" });
    else {
      terminal.print(
        isNew ? "The new authority signs from now on." : "A new authority signs already.",
      );
      terminal.print(
        "First bring tls/trusted.pem to the machines of its holders, and give them ten seconds; then: certificates renew; ten seconds after all have renewed: certificates drop-ca",
      );
    }
    return EXIT.ok;
  },
};

export const certificatesDropCa: Command = {
  name: "certificates drop-ca",
  summary: "Believe the old certificate authority no longer, once nobody has a certificate of it.",
  options: dirOption,
  async run({ terminal }, args) {
    const isDropped = await dropOldAuthority(layoutFrom(args));
    if (terminal.json) terminal.printJson({ outcome: isDropped ? "dropped" : "none" });
    else {
      terminal.print(
        isDropped
          ? "The old authority is not believed here any more; bring tls/trusted.pem to the other machines. Open connections of before end when their process does."
          : "There is one authority.",
      );
    }
    return EXIT.ok;
  },
};
