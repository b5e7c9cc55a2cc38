/** `tokens rotate`: new bearer tokens at the parties, the registry and the bus. Safe to interrupt and to run again. */
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { rotateTokens } from "../deployment/rotate-tokens.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const tokensRotate: Command = {
  name: "tokens rotate",
  summary:
    "Give parties new bearer tokens for registry and bus; then start registry, bus and these parties again. Again, where it was stopped.",
  options: {
    ...dirOption,
    party: {
      type: "string",
      value: "<folder>",
      text: "whose; more than once for several (all)",
      multiple: true,
    },
  },
  async run({ terminal }, args) {
    const named = args.texts("party");
    const rotated = await rotateTokens(layoutFrom(args), named.length === 0 ? undefined : named);
    if (terminal.json) terminal.printJson({ rotated });
    else terminal.print(`new tokens: ${rotated.join(", ")}; start registry, bus and these again`);
    return EXIT.ok;
  },
};
