/** Names the calendar whose bands a meter's registers follow (docs/protocol.md §2.1). */
import { primitives } from "#primitives";
import { utf8 } from "./bytes.ts";

/** First 8 bytes of the SHA-256 of the calendar's JSON, in the key order of its parser. */
export async function registerBankOf(calendar: object): Promise<Uint8Array> {
  return (await primitives.sha256(utf8(JSON.stringify(calendar)))).slice(0, 8);
}
