/** `keys show`: the names of a deployment's keys; public values alone. */
import { toHex } from "@smarter-metering/protocol";
import { networkReader } from "@smarter-metering/protocol";
import { parsePublicKey } from "@smarter-metering/paillier";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { loadKeysFile } from "../deployment/keys-file.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import { trusteeFolders } from "../deployment/layout.ts";
import { reportOpenerKeys, type OpenerKeyReport } from "../deployment/opener-keys.ts";
import { loadRoleConfig } from "../deployment/role-config.ts";
import { presentMs } from "../serve/clock-file.ts";
import { newestHead } from "../serve/registry-access.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const keysShow: Command = {
  name: "keys show",
  summary:
    "Show the parties' public keys and the Paillier key's id, as the registry has signed them.",
  options: dirOption,
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const { signer } = await loadKeysFile(layout.keys("registry"));
    const { epoch, view } = await newestHead(layout, networkReader);
    const paillier = await parsePublicKey(view.document.paillierKey);
    const trustees = trusteeFolders(loadDeployment(layout).quorum);
    const pins = trustees.map((trustee) => {
      return loadRoleConfig("trustee", layout.config(trustee)).value.registryRootKey;
    });
    const keys = {
      registryEpoch: epoch,
      registryRootKey: toHex(signer.publicKey),
      pinnedByTheTrustee: pins.every((pin) => pin === toHex(signer.publicKey)),
      paillier: { id: paillier.id, bits: paillier.bits },
      parties: view.document.parties,
      openerKeys: loadDeployment(layout).opener
        ? await reportOpenerKeys(layout, Math.floor((await presentMs(layout)) / 1000))
        : [],
    };
    if (terminal.json) terminal.printJson(keys);
    else {
      terminal.print(
        terminal.table(
          [
            ["registry root", keys.registryRootKey, `epoch ${epoch}`],
            ["paillier", paillier.id, `${paillier.bits} bits`],
            ...keys.parties.map(({ role, signingKey, trusteeIndex }) => [
              trusteeIndex === undefined ? role : `${role} ${trusteeIndex}`,
              signingKey,
              "Ed25519",
            ]),
            ...keys.openerKeys.map(({ keyId, ...key }) => ["opener key", keyId, lifeOf(key)]),
          ],
          "",
        ),
      );
    }
    return EXIT.ok;
  },
};

function lifeOf({ state, from, to, destroyedAt }: Omit<OpenerKeyReport, "keyId">): string {
  const day = (seconds: number): string =>
    `${new Date(1000 * seconds).toISOString().slice(0, 16)}Z`;
  const end = state === "destroyed" ? "destroyed" : `${state}, destroyed ${day(destroyedAt)}`;
  return `RSA, ${day(from)} to ${day(to)}: ${end}`;
}
