/** `/v1/service-points`, `/v1/statements`: what the MDMS knows of a customer, by billing window. */
import { createRoute, z, type App, type Clock } from "@smarter-metering/runtime";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { daysOf, meanPerDayMilliwattHours, totalOf } from "../consumption.ts";
import type { MdmsServicePoint } from "../registry-context.ts";
import { contractState, findServicePoints } from "../service-point-query.ts";
import {
  readStatements,
  searchStatements,
  signedStatement,
  STATEMENTS_OF_ONE_MAX,
  type StatementCursor,
  type StatementRecord,
} from "../statement-query.ts";
import { readLastWindow } from "../window-sum-query.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, listAnswers, notFound, refusalsOnly, statementAnswer } from "./answers.ts";
import { csvResponse, pagesFrom, wantsCsv } from "./csv.ts";
import { encodeCursor } from "./cursor.ts";
import { POINT_COLUMNS, pointCells, STATEMENT_COLUMNS, statementCells } from "./customer-csv.ts";
import { ROWS_MAX, servicePointQuery, statementQuery } from "./customer-schemas.ts";
import {
  instant,
  lastWindow,
  servicePointDetail,
  servicePointId,
  servicePointPage,
  statementPage,
  toIso,
} from "./schemas.ts";

export interface CustomerApiPorts extends WebPorts {
  readonly clock: Clock;
}

export function addCustomerApi(app: App, ports: CustomerApiPorts): void {
  addStatements(app, ports);
  addLastWindow(app, ports);
  addServicePoints(app, ports);
}

function addStatements(app: App, { store, context, guard }: CustomerApiPorts): void {
  const listRoute = createRoute({
    method: "get",
    path: "/v1/statements",
    summary: "Statements whose windows touch [from, to); a page may have fewer rows and a `next`",
    middleware: guard.api({
      permission: "customers",
      action: "statement.list",
      subject: (c) => c.req.query("servicePoint"),
    }),
    request: { query: statementQuery },
    responses: listAnswers("Statements in the order of time, or the newest first", statementPage),
  });
  app.openapi(listRoute, async (c) => {
    const { servicePoint, tariff, from, to, order, cursor, limit, ...rest } = c.req.valid("query");
    const { format: _, ...filter } = rest;
    const { servicePoints } = await context();
    const query = { servicePoint, tariff, fromSeconds: from, toSeconds: to, order };
    const answerOf = (record: StatementRecord) =>
      statementAnswer(record, servicePoints.get(record.servicePoint));
    if (wantsCsv(c)) {
      const pages = pagesFrom<StatementRecord, StatementCursor>(
        async (after) => {
          const page = await searchStatements(store, { ...query, after, limit: ROWS_MAX }, filter);
          return { rows: page.records, next: page.next };
        },
        (record) => statementCells(answerOf(record)),
      );
      return csvResponse(c, { name: "statements", columns: STATEMENT_COLUMNS, pages });
    }
    const after = cursor && { fromSeconds: cursor[0], servicePoint: cursor[1] };
    const { records, next } = await searchStatements(store, { ...query, after, limit }, filter);
    const answer = {
      statements: records.map(answerOf),
      ...(next && { next: encodeCursor([next.fromSeconds, next.servicePoint]) }),
    };
    return c.json(answer, 200);
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

function addLastWindow(app: App, { store, guard }: CustomerApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/statements/last-window",
    summary: "How many statements the last billing window brought, and their sum, by tariff",
    middleware: guard.api({ permission: "customers", action: "statement.last-window" }),
    responses: answers("Bills as they were issued; credit notes are beside them", lastWindow),
  });
  app.openapi(route, async (c) => {
    const last = await readLastWindow(store);
    const window = last === undefined ? null : { to: toIso(last.toSeconds), sums: [...last.sums] };
    return c.json({ window }, 200);
  });
}

function addServicePoints(app: App, { store, context, guard, clock }: CustomerApiPorts): void {
  const listRoute = createRoute({
    method: "get",
    path: "/v1/service-points",
    summary: "Service points under their MDMS pseudonyms; a page may have fewer rows and a `next`",
    middleware: guard.api({ permission: "customers", action: "service-point.list" }),
    request: { query: servicePointQuery },
    responses: listAnswers("Service points in the order of their pseudonyms", servicePointPage),
  });
  app.openapi(listRoute, async (c) => {
    const { cursor, limit, format: _, ...filter } = c.req.valid("query");
    const registry = await context();
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const read = async (after: string | undefined, rows: number) => {
      const query = { ...filter, after, limit: rows };
      const { points, last, next } = await findServicePoints(store, registry, query, nowSeconds);
      const answers = points.map((point) => ({
        ...contractAnswer(point, nowSeconds),
        lastStatement: windowAnswer(last.get(point.servicePoint)),
      }));
      return { rows: answers, next };
    };
    if (wantsCsv(c)) {
      const pages = pagesFrom((after: string | undefined) => read(after, ROWS_MAX), pointCells);
      return csvResponse(c, { name: "service-points", columns: POINT_COLUMNS, pages });
    }
    const { rows, next } = await read(cursor?.[1], limit);
    return c.json({ servicePoints: rows, ...(next && { next: encodeCursor([0, next]) }) }, 200);
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
      ...contractAnswer(point, Math.floor(clock.nowMs() / 1000)),
      days: total.days,
      energy_mWh: String(total.energyMilliwattHours),
      export_mWh: String(total.exportMilliwattHours),
      meanPerDay_mWh: String(total.meanPerDayMilliwattHours),
      windows,
    };
    return c.json(answer, 200);
  });
}

function contractAnswer(point: MdmsServicePoint, nowSeconds: number) {
  const { servicePoint, zone, tariff, contractStart, contractEnd } = point;
  return {
    state: contractState(point, nowSeconds),
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
