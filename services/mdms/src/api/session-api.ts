/**
 * `/v1/sessions`, `/v1/session`: log in and out. A page says so by the header `x-mdms-page`, which no form of another site can send, and
 * gets a cookie that no script can read; a program gets a bearer token.
 */
import { createRoute, problemResponse, statusProblem, type App } from "@smarter-metering/runtime";
import { isForeignSite } from "../access/own-wish.ts";
import { permissionsOf } from "../access/roles.ts";
import { IDLE_SECONDS, type Session } from "../access/sessions.ts";
import type { WebPorts } from "../web-ports.ts";
import { credentials, pageSession, programSession } from "./account-schemas.ts";
import { answers, problemContent, refusalsOnly } from "./answers.ts";
import { toIso } from "./schemas.ts";

/** Nothing yet for an account that has to set up its second factor first. */
const pageAnswer = ({ login, role, csrfToken, expiresAt, mustEnrol }: Session) => ({
  login,
  role,
  permissions: mustEnrol ? [] : permissionsOf(role),
  csrfToken,
  expiresAt: toIso(expiresAt),
  idleSeconds: IDLE_SECONDS,
  mustEnrol,
});

export function addSessionApi(app: App, { guard }: WebPorts): void {
  const openRoute = createRoute({
    method: "post",
    path: "/v1/sessions",
    summary: "Log in: a cookie for a page (`x-mdms-page: 1`), else a token for `Authorization`",
    request: {
      body: { required: true, content: { "application/json": { schema: credentials } } },
    },
    responses: {
      200: {
        description: "Of a page; ends after 30 idle minutes, and after 12 hours",
        content: { "application/json": { schema: pageSession } },
      },
      201: {
        description: "Of a program; ends likewise",
        content: { "application/json": { schema: programSession } },
      },
      ...refusalsOnly,
      429: { description: "Too many logins at once", content: problemContent },
    },
  });
  app.openapi(openRoute, async (c) => {
    if (isForeignSite(c)) return problemResponse(c, statusProblem(403)) as never; // As it is declared.
    const isPage = c.req.header("x-mdms-page") !== undefined;
    const { token, session } = await guard.logIn(c.req.valid("json"), isPage ? "page" : "program");
    c.header("cache-control", "no-store");
    if (isPage) {
      guard.setCookie(c, token);
      return c.json(pageAnswer(session), 200);
    }
    const { role, expiresAt, mustEnrol } = session;
    return c.json({ token, role, expiresAt: toIso(expiresAt), mustEnrol }, 201);
  });

  const showRoute = createRoute({
    method: "get",
    path: "/v1/session",
    summary: "Who is logged in, and what he may do",
    middleware: guard.api({ action: "session.view", beforeEnrolment: true }),
    responses: answers("As after the login", pageSession),
  });
  app.openapi(showRoute, (c) => c.json(pageAnswer(c.get("session")), 200));

  const closeRoute = createRoute({
    method: "delete",
    path: "/v1/sessions",
    summary: "Log out",
    middleware: guard.api({ action: "log-out", beforeEnrolment: true, secret: true }),
    responses: { 204: { description: "The session is over" }, ...refusalsOnly },
  });
  app.openapi(closeRoute, async (c) => {
    await guard.logOut(c);
    return c.body(null, 204);
  });
}
