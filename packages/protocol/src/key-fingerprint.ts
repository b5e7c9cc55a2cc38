/** A public key as two people compare it (docs/protocol.md §11.5): the registry's in a letter and in the portal. */
import { primitives } from "#primitives";
import { toHex } from "./bytes.ts";

/** SHA-256 of the raw key, as hex in groups of four: "9f86 d081 …", 79 characters. */
export async function keyFingerprint(publicKey: Uint8Array): Promise<string> {
  const hash = toHex(await primitives.sha256(publicKey));
  return (hash.match(/.{4}/g) ?? []).join(" ");
}
