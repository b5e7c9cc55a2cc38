/** `/v1/service-points`, `/v1/statements`: what the MDMS knows of a customer, by billing window. */
import { createRoute, z, type App } from "@smarter-metering/runtime";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { daysOf, meanPerDayMilliwattHours, totalOf } from "../consumption.ts";
import type { MdmsServicePoint } from "../registry-context.ts";
import {
  lastStatements,
  readStatements,
  signedStatement,
  STATEMENTS_OF_ONE_MAX,
  type StatementRecord,
} from "../statement-query.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, nextOf, notFound, refusalsOnly, statementAnswer } from "./answers.ts";
import { encodeCursor } from "./cursor.ts";
import {
  instant,
  pageOf,
  range,
  servicePointDetail,
  servicePointId,
  servicePointPage,
  statementPage,
  toIso,
} from "./schemas.ts";

const ROWS_MAX = 1000;

export function addCustomerApi(app: App, ports: WebPorts): void {
  addStatements(app, ports);
  addServicePoints(app, ports);
}

function addStatements(app: App, { store, context, guard }: WebPorts): void {
  const listRoute = createRoute({
    method: "get",
    path: "/v1/statements",
    summary: "Statements whose windows touch [from, to)",
    middleware: guard.api({
      permission: "customers",
      action: "statement.list",
      subject: (c) => c.req.query("servicePoint"),
    }),
    request: {
      query: z.object({ servicePoint: servicePointId.optional(), ...range, ...pageOf(ROWS_MAX) }),
    },
    responses: answers("Statements in the order of time", statementPage),
  });
  app.openapi(listRoute, async (c) => {
    const { servicePoint, from, to, cursor, limit } = c.req.valid("query");
    const records = await readStatements(store, {
      servicePoint,
      fromSeconds: from,
      toSeconds: to,
      after: cursor && { fromSeconds: cursor[0], servicePoint: cursor[1] },
      limit,
    });
    const cursorOf = (last: StatementRecord): string =>
      encodeCursor([last.fromSeconds, last.servicePoint]);
    const { servicePoints } = await context();
    const statements = records.map((record) =>
      statementAnswer(record, servicePoints.get(record.servicePoint)),
    );
    return c.json({ statements, ...nextOf(records, limit, cursorOf) }, 200);
  });

  const signedRoute = createRoute({
    method: "get",
    path: "/v1/statements/{servicePoint}/{from}/signed",
    summary: "A statement as a JWS by the MDMS (RFC 7515, EdDSA)",
    middleware: guard.api({
      permission: "customers",
      action: "statement.signed",
      subject: (c) => c.req.param("servicePoint"),
    }),
    request: { params: z.object({ servicePoint: servicePointId, from: instant }) },
    responses: {
      200: {
        description: "Compact JWS",
        content: { "application/jose": { schema: z.string() } },
      },
      ...refusalsOnly,
      ...notFound,
    },
  });
  app.openapi(signedRoute, async (c) => {
    const { servicePoint, from } = c.req.valid("param");
    const jws = await signedStatement(store, servicePoint, from);
    if (jws === undefined) throw new HTTPException(404);
    return c.body(jws, 200, { "content-type": "application/jose" });
  });
}

function addServicePoints(app: App, { store, context, guard }: WebPorts): void {
  const listRoute = createRoute({
    method: "get",
    path: "/v1/service-points",
    summary: "Service points under their MDMS pseudonyms",
    middleware: guard.api({ permission: "customers", action: "service-point.list" }),
    request: { query: z.object(pageOf(ROWS_MAX)) },
    responses: answers("Service points in the order of their pseudonyms", servicePointPage),
  });
  app.openapi(listRoute, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const after = cursor?.[1] ?? "";
    const points = [...(await context()).servicePoints.values()]
      .filter(({ servicePoint }) => servicePoint > after)
      .slice(0, limit);
    const last = await lastStatements(
      store,
      points.map(({ servicePoint }) => servicePoint),
    );
    const servicePoints = points.map((point) => ({
      ...contractAnswer(point),
      lastStatement: windowAnswer(last.get(point.servicePoint)),
    }));
    const next = nextOf(points, limit, ({ servicePoint }) => encodeCursor([0, servicePoint]));
    return c.json({ servicePoints, ...next }, 200);
  });

  const detailRoute = createRoute({
    method: "get",
    path: "/v1/service-points/{id}",
    summary: "Consumption, mean per day and bill of each window",
    middleware: guard.api({
      permission: "customers",
      action: "service-point.view",
      subject: (c: Context) => c.req.param("id"),
    }),
    request: { params: z.object({ id: servicePointId }) },
    responses: { ...answers("The service point", servicePointDetail), ...notFound },
  });
  app.openapi(detailRoute, async (c) => {
    const { id } = c.req.valid("param");
    const point = (await context()).servicePoints.get(id);
    if (point === undefined) throw new HTTPException(404);
    const records = await readStatements(store, {
      servicePoint: id,
      fromSeconds: 0,
      toSeconds: Number.MAX_SAFE_INTEGER,
      after: undefined,
      limit: STATEMENTS_OF_ONE_MAX,
    });
    const total = totalOf(records);
    const windows = records.map((record) => ({
      ...statementAnswer(record, point),
      days: daysOf(record),
      meanPerDay_mWh: String(meanPerDayMilliwattHours(record)),
    }));
    const answer = {
      ...contractAnswer(point),
      days: total.days,
      energy_mWh: String(total.energyMilliwattHours),
      export_mWh: String(total.exportMilliwattHours),
      meanPerDay_mWh: String(total.meanPerDayMilliwattHours),
      windows,
    };
    return c.json(answer, 200);
  });
}

function contractAnswer(point: MdmsServicePoint) {
  const { servicePoint, zone, tariff, contractStart, contractEnd } = point;
  return {
    servicePoint,
    zone,
    tariff,
    contractStart: toIso(contractStart),
    contractEnd: contractEnd === null ? null : toIso(contractEnd),
  };
}

function windowAnswer(record: StatementRecord | undefined) {
  if (record === undefined) return null;
  const { fromSeconds, toSeconds, amount, currency } = record;
  return { from: toIso(fromSeconds), to: toIso(toSeconds), amount, currency };
}
