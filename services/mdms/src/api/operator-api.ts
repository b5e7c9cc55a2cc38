/**
 * `/v1/operators`: who has an account. The privacy officer sees them; they are made, reset and removed on the command line alone, by whoever
 * reads the MDMS's folder (its operator token): no account can make another, or give itself a role.
 */
import { createRoute, z, type App, type Clock } from "@smarter-metering/runtime";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import {
  createOperator,
  listOperators,
  removeOperator,
  resetOperator,
  type OperatorAccount,
} from "../access/operators.ts";
import type { Role } from "../access/roles.ts";
import type { Sessions } from "../access/sessions.ts";
import type { WebPorts } from "../web-ports.ts";
import { newOperator, operatorList, operatorReset } from "./account-schemas.ts";
import { answers, notFound, problemContent, refusalsOnly } from "./answers.ts";
import { printableId } from "./cursor.ts";
import { toIso } from "./schemas.ts";

export interface OperatorApiPorts extends WebPorts {
  readonly clock: Clock;
  readonly sessions: Sessions;
  readonly totpRequiredFor: readonly Role[];
}

const params = z.object({ login: printableId });
const subject = (c: Context): string | undefined => c.req.param("login");
const done = { 204: { description: "Done" }, ...refusalsOnly };

export function addOperatorApi(app: App, ports: OperatorApiPorts): void {
  addList(app, ports);
  addCreate(app, ports);
  addReset(app, ports);
  addRemove(app, ports);
}

function addList(app: App, { guard, store, clock, totpRequiredFor }: OperatorApiPorts): void {
  const answerOf = ({ login, role, totpOn, sessions, ...row }: OperatorAccount) => ({
    login,
    role,
    createdAt: toIso(Number(row.createdAt)),
    lockedUntil:
      Number(row.lockedUntil) > clock.nowMs() / 1000 ? toIso(Number(row.lockedUntil)) : null,
    totpOn,
    totpRequired: totpRequiredFor.includes(role),
    sessions,
  });
  const list = async () => ({ operators: (await listOperators(store)).map(answerOf) });
  const responses = answers("In the order of their logins", operatorList);
  const forPeople = createRoute({
    method: "get",
    path: "/v1/operators",
    summary: "Operators' accounts",
    middleware: guard.api({ permission: "operators", action: "operator.list" }),
    responses,
  });
  app.openapi(forPeople, async (c) => c.json(await list(), 200));
  const forTheMachine = createRoute({
    method: "get",
    path: "/v1/machine/operators",
    summary: "The same, on the command line",
    middleware: guard.machine({ action: "operator.list" }),
    responses,
  });
  app.openapi(forTheMachine, async (c) => c.json(await list(), 200));
}

function addCreate(app: App, { guard, store, clock }: OperatorApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/machine/operators",
    summary: "Make an account, on the command line",
    middleware: guard.machine({ action: "operator.create" }),
    request: {
      body: { required: true, content: { "application/json": { schema: newOperator } } },
    },
    responses: { ...done, 409: { description: "There is one", content: problemContent } },
  });
  app.openapi(route, async (c) => {
    await createOperator({ store, clock }, c.req.valid("json"));
    return c.body(null, 204);
  });
}

function addReset(app: App, { guard, store, sessions }: OperatorApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/machine/operators/{login}/reset",
    summary: "A new password, no second factor, no lock, no session; on the command line",
    middleware: guard.machine({ action: "operator.reset", subject }),
    request: {
      params,
      body: { required: true, content: { "application/json": { schema: operatorReset } } },
    },
    responses: { ...done, ...notFound },
  });
  app.openapi(route, async (c) => {
    const { login } = c.req.valid("param");
    const { password } = c.req.valid("json");
    if (!(await resetOperator(store, login, password))) throw new HTTPException(404);
    await sessions.endOthers(login);
    return c.body(null, 204);
  });
}

function addRemove(app: App, { guard, store, sessions }: OperatorApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/machine/operators/{login}/removal",
    summary: "Remove an account, on the command line",
    middleware: guard.machine({ action: "operator.remove", subject }),
    request: { params },
    responses: { ...done, ...notFound },
  });
  app.openapi(route, async (c) => {
    const { login } = c.req.valid("param");
    await sessions.endOthers(login);
    if (!(await removeOperator(store, login))) throw new HTTPException(404);
    return c.body(null, 204);
  });
}
