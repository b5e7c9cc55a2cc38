/**
 * A tariff signed in the page, as `tariff sign` does it. The key is read from the file, used once and let go; only the signature leaves.
 */
import {
  parsePartyKeys,
  ProtocolError,
  signDocument,
  signerFromSeed,
} from "@smarter-metering/protocol";

/** A compact JWS; undefined when the file is none of party keys. */
export async function signTariff(document: unknown, keyFile: File): Promise<string | undefined> {
  try {
    const keys = parsePartyKeys(await keyFile.text());
    const signer = await signerFromSeed(keys.signingSeed);
    const jws = await signDocument("smarter-metering/tariff", document, signer);
    keys.signingSeed.fill(0);
    return jws;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
