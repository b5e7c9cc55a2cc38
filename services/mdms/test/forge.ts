/** A release whose header does not belong to its sealed content, signed by the true trustee. */
import {
  encodeRelease,
  primitives,
  utf8,
  concatBytes,
  type SealedRelease,
} from "@smarter-metering/protocol";
import type { World } from "../../../test/support/world.ts";

export async function signRelease(release: SealedRelease, world: World): Promise<Uint8Array> {
  const encoded = encodeRelease(release);
  const header = encoded.slice(0, encoded.length - release.jwe.length - 3 - 64);
  const parts = await Promise.all([header, release.jwe].map((part) => primitives.sha256(part)));
  const data = concatBytes(utf8("smarter-metering/release/v1"), Uint8Array.of(0), ...parts);
  const signature = await world.parties.trustee.signer.sign(data);
  return encodeRelease({ ...release, signature });
}
