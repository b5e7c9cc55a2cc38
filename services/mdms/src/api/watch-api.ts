/** `/v1/audit`, `/v1/alarms`: who looked at what, and what went wrong. */
import { fromHex, toHex } from "@smarter-metering/protocol";
import { createRoute, z, type App, type Clock } from "@smarter-metering/runtime";
import { HTTPException } from "hono/http-exception";
import { readAudit, type AuditEntry } from "../access/audit.ts";
import { acknowledgeAlarm, ALARMS_MAX, latestAlarms, type Alarm } from "../alarms.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, format, listAnswers, nextOf, notFound } from "./answers.ts";
import { csvResponse, onePage, pagesFrom, wantsCsv } from "./csv.ts";
import { encodeCursor, printableId } from "./cursor.ts";
import { acknowledgement, alarm, alarmList, auditPage, pageOf, range, toIso } from "./schemas.ts";

const ROWS_MAX = 1000;

export interface WatchApiPorts extends WebPorts {
  readonly clock: Clock;
}

export function addWatchApi(app: App, ports: WatchApiPorts): void {
  addAudit(app, ports);
  addAlarms(app, ports);
  addAcknowledge(app, ports);
}

function addAudit(app: App, { store, guard }: WebPorts): void {
  const filters = {
    login: printableId.min(1).optional(),
    action: printableId.min(1).optional(),
    subject: printableId.min(1).optional(),
    ...range,
  };
  const route = createRoute({
    method: "get",
    path: "/v1/audit",
    summary: "Who looked at what, the newest first",
    middleware: guard.api({ permission: "audit", action: "audit.view" }),
    request: { query: z.object({ ...filters, ...pageOf(ROWS_MAX), format }) },
    responses: listAnswers("Audit entries", auditPage),
  });
  app.openapi(route, async (c) => {
    const { login, action, subject, from, to, cursor, limit } = c.req.valid("query");
    const query = { login, action, subject, fromSeconds: from, toSeconds: to };
    if (wantsCsv(c)) {
      const pages = pagesFrom<AuditEntry, bigint>(
        async (before) => {
          const rows = await readAudit(store, { ...query, before, limit: ROWS_MAX });
          return { rows, next: rows.length < ROWS_MAX ? undefined : rows.at(-1)?.id };
        },
        (row) => [toIso(Number(row.at)), row.login, row.action, row.subject, row.outcome],
      );
      const columns = ["at", "login", "action", "subject", "outcome"];
      return csvResponse(c, { name: "audit", columns, pages });
    }
    const before = cursor === undefined ? undefined : BigInt(cursor[0]);
    const rows = await readAudit(store, { ...query, before, limit });
    const entries = rows.map(({ id: _, at, ...entry }) => ({ at: toIso(Number(at)), ...entry }));
    const next = nextOf(rows, limit, ({ id }) => encodeCursor([Number(id), ""]));
    return c.json({ entries, ...next }, 200);
  });
}

function addAlarms(app: App, { store, guard }: WebPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/alarms",
    summary: "Messages that were refused and feeders that disagree with their load, by code",
    middleware: guard.api({ permission: "neighbourhoods", action: "alarms.view" }),
    request: {
      query: z.object({
        limit: z.coerce.number().int().min(1).max(ALARMS_MAX).default(100),
        format,
      }),
    },
    responses: listAnswers("The newest first", alarmList),
  });
  app.openapi(route, async (c) => {
    const rows = await latestAlarms(store, wantsCsv(c) ? ALARMS_MAX : c.req.valid("query").limit);
    const alarms = rows.map(alarmAnswer);
    if (!wantsCsv(c)) return c.json({ alarms }, 200);
    const pages = onePage(alarms.map((alarm) => Object.values(alarm)));
    const columns = ["digest", "code", "subject", "first_at", "last_at"];
    columns.push("acknowledged_at", "acknowledged_by");
    return csvResponse(c, { name: "alarms", columns, pages });
  });
}

function addAcknowledge(app: App, { store, guard, clock }: WatchApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/alarms/acknowledge",
    summary: "Say that an alarm was seen to; one that comes again is open again",
    middleware: guard.api({ permission: "alarms", action: "alarm.acknowledge" }),
    request: {
      body: { required: true, content: { "application/json": { schema: acknowledgement } } },
    },
    responses: { ...answers("As it stands now", alarm), ...notFound },
  });
  app.openapi(route, async (c) => {
    const { digest, code } = c.req.valid("json");
    const named = { digest: fromHex(digest, 32), code };
    const now = Math.floor(clock.nowMs() / 1000);
    const found = await acknowledgeAlarm(store, named, c.get("session").login, now);
    if (found === undefined) throw new HTTPException(404);
    return c.json(alarmAnswer(found), 200);
  });
}

const alarmAnswer = ({ digest, code, subject, firstAt, lastAt, ...seen }: Alarm) => ({
  digest: toHex(digest),
  code,
  subject,
  firstAt: toIso(Number(firstAt)),
  lastAt: toIso(Number(lastAt)),
  acknowledgedAt: seen.acknowledgedAt === null ? null : toIso(Number(seen.acknowledgedAt)),
  acknowledgedBy: seen.acknowledgedBy,
});
