/** `keys rotate`: the opener's next key, in its own folder and in a new registry epoch. Safe to interrupt and to run again. */
import { rotateKey, type Rotation } from "@smarter-metering/opener";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import {
  OPENER_KEY_DAYS,
  openerKeyFolder,
  registeredOpenerKeys,
} from "../deployment/opener-keys.ts";
import { presentMs } from "../serve/clock-file.ts";
import { callApi, withRegistry } from "../serve/reach.ts";
import { adminToken } from "../serve/registry-admin.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

const DAYS_MAX = 31;

export const keysRotate: Command = {
  name: "keys rotate",
  summary: "Make the opener's next key and have the registry list it; again, where it was stopped.",
  options: {
    ...dirOption,
    days: { type: "string", value: "<n>", text: `how long meters wrap to it (${OPENER_KEY_DAYS})` },
    "at-once": {
      type: "boolean",
      text: "the key in use is lost or stolen: end its period now",
    },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    if (!loadDeployment(layout).opener) {
      const message = "where every meter encrypts for itself there is no opener, and no key of it";
      throw new CliError("NO_OPENER", message, EXIT.refused);
    }
    const days = args.integer("days", OPENER_KEY_DAYS, { min: 1, max: DAYS_MAX });
    const folder = await openerKeyFolder(layout);
    const token = await adminToken(layout);
    const nowSeconds = Math.floor((await presentMs(layout)) / 1000);
    const rotation = await withRegistry(layout, terminal, (door) =>
      rotateKey(
        folder,
        {
          list: () => registeredOpenerKeys(layout),
          async add(body) {
            await callApi(door, "/v1/opener-keys", { token, body });
          },
        },
        { nowSeconds, validSeconds: days * 86_400, atOnce: args.flag("at-once") },
      ),
    );
    const { outcome, keyId, key } = rotation;
    if (terminal.json) terminal.printJson({ outcome, keyId, from: key.from, to: key.to });
    else terminal.print(describe(rotation));
    return EXIT.ok;
  },
};

function describe({ outcome, keyId, key: { from, to } }: Rotation): string {
  const [first, last] = [from, to].map((seconds) => new Date(1000 * seconds).toISOString());
  const what = outcome === "known" ? "is listed already" : "is made and listed";
  return `opener key ${keyId} ${what}: meters wrap to it from ${first} to ${last}`;
}
