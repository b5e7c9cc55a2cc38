/** Whether a request is its sender's own wish: a browser also sends what another site made it send. */
import { primitives, utf8 } from "@smarter-metering/protocol";
import type { Context } from "hono";
import { MdmsError } from "../error.ts";

export const isWrite = (context: Context): boolean => !["GET", "HEAD"].includes(context.req.method);

/** Throws MDMS_CSRF unless the session's token comes in the header `x-csrf-token`. */
export function checkCsrf(context: Context, csrfToken: string): void {
  const given = context.req.header("x-csrf-token");
  if (given !== undefined && primitives.equalSecret(utf8(given), utf8(csrfToken))) return;
  throw new MdmsError("MDMS_CSRF", "this form is not of this session; load the page again");
}

/** A login by another site's form is refused: it would put the visitor into someone else's session. */
export function isForeignSite(context: Context): boolean {
  const site = context.req.header("sec-fetch-site");
  return site !== undefined && site !== "same-origin" && site !== "none";
}
