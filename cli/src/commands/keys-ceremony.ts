/** `keys ceremony`: the dealer's part, offline; shares sealed to the trustees' keys and a public transcript. */
import { mkdir, readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fromBase64Url, recipientFromSpki } from "@smarter-metering/protocol";
import { writeFileAtomic, writeSecretFile } from "@smarter-metering/runtime";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { holdCeremony } from "../deployment/ceremony.ts";
import { SHARE_FILE, TRANSCRIPT_FILE } from "../deployment/paillier-keys.ts";
import { trusteeFolders } from "../deployment/layout.ts";
import { quorumOf, trusteesOption } from "./quorum-option.ts";

const KEY_BITS = 3072;

export const keysCeremony: Command = {
  name: "keys ceremony",
  summary: "Make a Paillier key whose shares are sealed to its trustees; offline, as the dealer.",
  options: {
    trustees: trusteesOption,
    recipients: {
      type: "string",
      value: "<folder>",
      text: "trustee-1.spki …: each trustee's RSA key, as keys show --json lists it",
    },
    out: { type: "string", value: "<folder>", text: "where shares and transcript go; must be new" },
  },
  async run({ terminal }, args) {
    const quorum = quorumOf(args);
    if (quorum === undefined) throw usageError("keys ceremony takes --trustees t/n, such as 2/4");
    const out = resolve(args.required("out"));
    if (existsSync(out)) {
      throw new CliError("CEREMONY_EXISTS", `${out} exists; choose another folder`);
    }
    const folder = resolve(args.required("recipients"));
    const names = trusteeFolders(quorum);
    const recipients = await Promise.all(
      names.map(async (name) => {
        const spki = (await readFile(join(folder, `${name}.spki`), "utf8")).trim();
        return recipientFromSpki(fromBase64Url(spki));
      }),
    );
    terminal.note("drawing two safe primes: some seconds, sometimes a minute");
    const { threshold } = quorum;
    const progress = (done: number, total: number): void =>
      terminal.progress("key ceremony", done, total);
    const made = await holdCeremony(recipients, { threshold, bits: KEY_BITS, progress });
    const text = `${JSON.stringify(made.transcript, null, 2)}\n`;
    for (const [index, name] of names.entries()) {
      await mkdir(join(out, name), { recursive: true, mode: 0o700 });
      const share = new TextDecoder().decode(made.sealedShares[index]);
      await writeSecretFile(join(out, name, SHARE_FILE), share);
      await writeFileAtomic(join(out, name, TRANSCRIPT_FILE), text);
    }
    await writeFileAtomic(join(out, TRANSCRIPT_FILE), text);
    const { paillierKeyId } = made.transcript;
    if (terminal.json) terminal.printJson({ out, paillierKeyId, ...quorum });
    else {
      terminal.print(
        `Paillier key ${paillierKeyId}: any ${threshold} of ${quorum.trustees} decrypt`,
      );
      terminal.print(`${out}: one folder for each trustee; publish ${TRANSCRIPT_FILE}`);
    }
    return EXIT.ok;
  },
};
