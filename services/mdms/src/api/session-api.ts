/** `/v1/sessions`: log in and out from the command line, by bearer token. */
import { createRoute, type App } from "@smarter-metering/runtime";
import type { WebPorts } from "../web-ports.ts";
import { refusalsOnly } from "./answers.ts";
import { credentials, sessionAnswer, toIso } from "./schemas.ts";

export function addSessionApi(app: App, { guard }: WebPorts): void {
  const openRoute = createRoute({
    method: "post",
    path: "/v1/sessions",
    summary: "Log in; the token goes into `Authorization: Bearer …`",
    request: {
      body: { required: true, content: { "application/json": { schema: credentials } } },
    },
    responses: {
      201: {
        description: "Ends after 30 idle minutes, and after 12 hours",
        content: { "application/json": { schema: sessionAnswer } },
      },
      400: refusalsOnly[400],
      401: refusalsOnly[401],
    },
  });
  app.openapi(openRoute, async (c) => {
    const { login, password } = c.req.valid("json");
    const { token, role, expiresAt } = await guard.logIn(login, password);
    c.header("cache-control", "no-store");
    return c.json({ token, role, expiresAt: toIso(expiresAt) }, 201);
  });

  const closeRoute = createRoute({
    method: "delete",
    path: "/v1/sessions",
    summary: "Log out",
    middleware: guard.api({ action: "log-out" }),
    responses: { 204: { description: "The token is void" }, ...refusalsOnly },
  });
  app.openapi(closeRoute, async (c) => {
    await guard.logOut(c);
    return c.body(null, 204);
  });
}
