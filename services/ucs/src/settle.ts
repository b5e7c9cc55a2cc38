/** What becomes of a message that is not stored, the same for both streams of the UCS. */
import { ProtocolError } from "@smarter-metering/protocol";
import type { Delivery, Verdict } from "@smarter-metering/runtime";

/** A meter may be younger than the registry epoch at hand: about five minutes of patience, then FOREIGN. */
const FOREIGN_RETRY_MS = 5_000;
const FOREIGN_ATTEMPTS_MAX = 60;

export function settleForeign({ attempt }: Delivery): Verdict {
  return attempt < FOREIGN_ATTEMPTS_MAX ? { retryAfterMs: FOREIGN_RETRY_MS } : { dead: "FOREIGN" };
}

/** The reason code of a message that can never be stored. Rethrows what says nothing about the message. */
export function deadReason(error: unknown): Verdict & { readonly dead: string } {
  if (!(error instanceof ProtocolError)) throw error;
  return { dead: error.code === "PROTOCOL_BAD_SIGNATURE" ? "BAD_SIGNATURE" : "MALFORMED" };
}
