/** What a trustee holds of the Paillier key, from its own files: the whole secret, or its share, opened with its own RSA key. */
import {
  parseSecretKey,
  parseSecretShare,
  parseVerificationKey,
  type SecretKey,
  type SecretShare,
} from "@smarter-metering/paillier";
import { openShare } from "@smarter-metering/protocol";
import { readSecretFile } from "@smarter-metering/runtime";
import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { transcript } from "../deployment/ceremony.ts";
import type { PartyKeys } from "../deployment/keys-file.ts";
import type { RoleConfig } from "../deployment/role-config.ts";

/** Throws SHARE_UNOPENABLE, and PaillierError for a share that its ceremony did not make. */
export async function loadHeldKey(
  { paillierKeyFile, share: files }: RoleConfig<"trustee">,
  keys: PartyKeys,
): Promise<SecretKey | SecretShare> {
  if (paillierKeyFile !== undefined) {
    return parseSecretKey(JSON.parse(await text(paillierKeyFile)));
  }
  if (files === undefined) throw new CliError("INTERNAL", "a trustee without a key");
  const { verificationKey } = transcript.parse(
    JSON.parse(await readFile(files.transcriptFile, "utf8")),
  );
  const sealed = await readSecretFile(files.shareFile);
  const opened = keys.secret && (await openShare(keys.secret, sealed));
  if (opened === undefined) {
    const message = `${files.shareFile} does not open with this trustee's key; is it another trustee's share?`;
    throw new CliError("SHARE_UNOPENABLE", message);
  }
  const share: unknown = JSON.parse(new TextDecoder().decode(opened));
  return parseSecretShare(await parseVerificationKey(verificationKey), share);
}

const text = async (path: string): Promise<string> =>
  new TextDecoder().decode(await readSecretFile(path));
