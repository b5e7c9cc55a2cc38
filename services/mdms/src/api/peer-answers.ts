/** What routes say that ask another party. */
import { problemResponse } from "@smarter-metering/runtime";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { MdmsError } from "../error.ts";
import type { PeerRefusal } from "../peers/peer.ts";

/** Passed on as it came: the peer has checked it, and its reasons name nothing that the MDMS may not know. */
export const refused = (context: Context, { status, code, title }: PeerRefusal): Response =>
  problemResponse(context, { status: status as ContentfulStatusCode, code, title }); // 4xx, as `peerAt` has checked.

/** Throws MDMS_PEER_ABSENT for a peer that this MDMS is not configured to ask. */
export function present<T>(peer: T | undefined, what: string): T {
  if (peer !== undefined) return peer;
  throw new MdmsError("MDMS_PEER_ABSENT", `this MDMS is not configured to ask ${what}`);
}

/** Problems as everywhere; without a schema, for what is passed on is no type of ours. */
export const peerRefusals = {
  404: { description: "Unknown to that party" },
  409: { description: "That party refuses it as things stand" },
  429: { description: "That party takes no more for now" },
  503: { description: "That party does not answer, or is not configured" },
};
