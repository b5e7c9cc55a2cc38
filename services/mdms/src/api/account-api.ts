/** `/v1/account`: one's own account: password, second factor, sessions. Each change asks for the password, and the code where there is one. */
import { createRoute, z, type App } from "@smarter-metering/runtime";
import type { Store } from "@smarter-metering/runtime";
import { HTTPException } from "hono/http-exception";
import { changePassword } from "../access/operators.ts";
import type { Role } from "../access/roles.ts";
import type { SecondFactors } from "../access/second-factors.ts";
import type { Sessions } from "../access/sessions.ts";
import { MdmsError } from "../error.ts";
import type { WebPorts } from "../web-ports.ts";
import {
  account,
  passwordChange,
  proof,
  recoveryCodes,
  sessionId,
  totpConfirmation,
  totpEnrolment,
} from "./account-schemas.ts";
import { answers, notFound, problemContent, refusalsOnly } from "./answers.ts";
import { toIso } from "./schemas.ts";

export interface AccountApiPorts extends WebPorts {
  readonly sessions: Sessions;
  readonly factors: SecondFactors;
  readonly totpRequiredFor: readonly Role[];
}

const bodyOf = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { "application/json": { schema } } },
});
const done = { 204: { description: "Done" }, ...refusalsOnly };
const conflict = { 409: { description: "Not in this state", content: problemContent } };
/** Of every route here: each holds a secret, and serves to set up a second factor. */
const own = { beforeEnrolment: true, secret: true } as const;

export function addAccountApi(app: App, ports: AccountApiPorts): void {
  addAccount(app, ports);
  addSessions(app, ports);
  addPassword(app, ports);
  addTotp(app, ports);
  addRecoveryCodes(app, ports);
}

function addAccount(app: App, ports: AccountApiPorts): void {
  const { guard, store, sessions, factors, totpRequiredFor } = ports;
  const route = createRoute({
    method: "get",
    path: "/v1/account",
    summary: "One's own account, with its second factor and running sessions",
    middleware: guard.api({ action: "account.view", ...own }),
    responses: answers("The account", account),
  });
  app.openapi(route, async (c) => {
    const { login, role, id } = c.get("session");
    const listed = await sessions.list(login);
    const answer = {
      login,
      role,
      totp: {
        on: await isOn(store, login),
        required: totpRequiredFor.includes(role),
        recoveryCodesLeft: await factors.codesLeft(login),
      },
      sessions: listed.map((session) => ({
        id: session.id,
        kind: session.kind,
        createdAt: toIso(Number(session.createdAt)),
        seenAt: toIso(Number(session.seenAt)),
        current: session.id === id,
      })),
    };
    return c.json(answer, 200);
  });
}

async function isOn(store: Store, login: string): Promise<boolean> {
  const [row] = await store.query<{ on: boolean }>(
    `select totp_on as "on" from operator where login = $1`,
    [login],
  );
  return row?.on ?? false;
}

function addSessions(app: App, { guard, sessions }: AccountApiPorts): void {
  const endOne = createRoute({
    method: "delete",
    path: "/v1/account/sessions/{id}",
    summary: "End one of one's own sessions",
    middleware: guard.api({ action: "account.session.end", ...own }),
    request: { params: z.object({ id: sessionId }) },
    responses: { ...done, ...notFound },
  });
  app.openapi(endOne, async (c) => {
    const { login } = c.get("session");
    if (!(await sessions.end(login, c.req.valid("param").id))) throw new HTTPException(404);
    return c.body(null, 204);
  });

  const endOthers = createRoute({
    method: "delete",
    path: "/v1/account/sessions",
    summary: "End all of one's own sessions but this one",
    middleware: guard.api({ action: "account.session.end-others", ...own }),
    responses: done,
  });
  app.openapi(endOthers, async (c) => {
    const { login, id } = c.get("session");
    await sessions.endOthers(login, id);
    return c.body(null, 204);
  });
}

function addPassword(app: App, { guard, store, sessions }: AccountApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/account/password",
    summary: "Change one's own password; all other sessions end",
    middleware: guard.api({ action: "account.password", ...own }),
    request: bodyOf(passwordChange),
    responses: done,
  });
  app.openapi(route, async (c) => {
    const session = c.get("session");
    const { newPassword, ...given } = c.req.valid("json");
    await guard.prove(session, given);
    await changePassword(store, session.login, newPassword);
    await sessions.endOthers(session.login, session.id);
    return c.body(null, 204);
  });
}

function addTotp(app: App, { guard, factors }: AccountApiPorts): void {
  const begin = createRoute({
    method: "post",
    path: "/v1/account/totp",
    summary:
      "Begin to set up a second factor (RFC 6238): a new secret, which counts once confirmed",
    middleware: guard.api({ action: "account.totp.begin", ...own }),
    request: bodyOf(proof),
    responses: { ...answers("For the authenticator app", totpEnrolment), ...conflict },
  });
  app.openapi(begin, async (c) => {
    const session = c.get("session");
    await guard.prove(session, c.req.valid("json"));
    const enrolment = await factors.begin(session.login);
    if (enrolment === undefined) throw wrongState("a second factor is on; switch it off first");
    c.header("cache-control", "no-store");
    return c.json(enrolment, 200);
  });

  const confirm = createRoute({
    method: "post",
    path: "/v1/account/totp/confirmation",
    summary: "Switch the second factor on, by a code of it",
    middleware: guard.api({ action: "account.totp.confirm", ...own }),
    request: bodyOf(totpConfirmation),
    responses: answers("Ten codes for a lost device", recoveryCodes),
  });
  app.openapi(confirm, async (c) => {
    const codes = await factors.confirm(c.get("session").login, c.req.valid("json").code);
    if (codes === undefined) {
      throw new MdmsError("MDMS_PROOF_REFUSED", "this code does not fit; wait for the next one");
    }
    c.header("cache-control", "no-store");
    return c.json({ recoveryCodes: codes }, 200);
  });

  const remove = createRoute({
    method: "post",
    path: "/v1/account/totp/removal",
    summary: "Switch the second factor off",
    middleware: guard.api({ action: "account.totp.remove", ...own }),
    request: bodyOf(proof),
    responses: done,
  });
  app.openapi(remove, async (c) => {
    const session = c.get("session");
    await guard.prove(session, c.req.valid("json"));
    await factors.remove(session.login);
    return c.body(null, 204);
  });
}

function addRecoveryCodes(app: App, { guard, store, factors }: AccountApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/account/recovery-codes",
    summary: "Ten new recovery codes; the old ones serve no more",
    middleware: guard.api({ action: "account.recovery-codes", ...own }),
    request: bodyOf(proof),
    responses: { ...answers("The codes", recoveryCodes), ...conflict },
  });
  app.openapi(route, async (c) => {
    const session = c.get("session");
    await guard.prove(session, c.req.valid("json"));
    if (!(await isOn(store, session.login))) throw wrongState("there is no second factor");
    c.header("cache-control", "no-store");
    return c.json({ recoveryCodes: await factors.renewCodes(session.login) }, 200);
  });
}

const wrongState = (message: string): MdmsError => new MdmsError("MDMS_TOTP_STATE", message);
