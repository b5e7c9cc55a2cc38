/** `/v1/releases`: what the trustees answered, sealed as it came, so that an audit can tell that it answers the logged request. */
import { fromHex, toBase64Url } from "@smarter-metering/protocol";
import { createRoute, z, type App } from "@smarter-metering/runtime";
import { HTTPException } from "hono/http-exception";
import { sealedRelease } from "../release-query.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, notFound } from "./answers.ts";

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .openapi({ description: "Request digest, hex" });
const bytes = z.string().openapi({ description: "base64url" });
const sealed = z
  .object({ release: bytes.nullable(), partials: z.array(bytes) })
  .openapi("SealedRelease");

export function addReleaseApi(app: App, { store, guard }: WebPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/releases/{digest}",
    summary: "The sealed release of a request, or the partial releases it was combined from",
    middleware: guard.api({
      permission: "neighbourhoods",
      action: "release.sealed",
      subject: (c) => c.req.param("digest"),
    }),
    request: { params: z.object({ digest }) },
    responses: {
      ...answers("Encoded and signed by trustees, sealed to the MDMS", sealed),
      ...notFound,
    },
  });
  app.openapi(route, async (c) => {
    const found = await sealedRelease(store, fromHex(c.req.valid("param").digest, 32));
    if (found === undefined) throw new HTTPException(404);
    const release = found.release && toBase64Url(found.release);
    return c.json({ release, partials: found.partials.map(toBase64Url) }, 200);
  });
}
