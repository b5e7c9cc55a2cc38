/** `certificates renew`: new keys and certificates of the deployment's authority. Running processes take them by themselves. */
import { systemClock } from "@smarter-metering/runtime";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { addHosts, loadHolders, renewCertificates } from "../deployment/authority.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { hostOption, hostsOf } from "./host-option.ts";

export const certificatesRenew: Command = {
  name: "certificates renew",
  summary: "Make new keys and certificates; the old ones are valid until they expire.",
  options: {
    ...dirOption,
    party: {
      type: "string",
      value: "<name>",
      multiple: true,
      text: "whose, a party's or a server's (everybody's); once for each",
    },
    host: hostOption,
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    await addHosts(layout, hostsOf(args));
    const chosen = args.texts("party");
    const names = chosen.length > 0 ? chosen : Object.keys(loadHolders(layout));
    await renewCertificates(layout, names, systemClock.nowMs());
    if (terminal.json) terminal.printJson({ renewed: names });
    else {
      terminal.print(`renewed: ${names.join(", ")}`);
      terminal.print(
        "What lies on another machine gets its tls folder from here; parties take it within ten seconds, servers when they reload.",
      );
    }
    return EXIT.ok;
  },
};
