/** Addresses of the operators' pages. Each stands behind the guard; the login and the stylesheet alone do not. */
import { isUnsafe } from "@smarter-metering/policy";
import { statusProblem, problemResponse, type App } from "@smarter-metering/runtime";
import { addLocalDays, dayStartOf, localDayStart, TariffError } from "@smarter-metering/tariff";
import { Hono, type Context } from "hono";
import { readAudit } from "../access/audit.ts";
import { isForeignSite, type OperatorEnv } from "../access/guard.ts";
import { latestAlarms } from "../alarms.ts";
import { instant, servicePointId } from "../api/schemas.ts";
import { MdmsError } from "../error.ts";
import { latestBlock, readLoad, type LoadBlock, type LoadStream } from "../load-query.ts";
import { readCounts } from "../overview-query.ts";
import type { MdmsCohort, RegistryContext } from "../registry-context.ts";
import { kindOf } from "../statement-kind.ts";
import { lastStatements, readStatements, STATEMENTS_OF_ONE_MAX } from "../statement-query.ts";
import type { WebPorts } from "../web-ports.ts";
import { auditBody } from "./audit-page.ts";
import { addFeeders } from "./feeder-pages.ts";
import { notFoundPage, page, type Html } from "./layout.ts";
import { loadBody } from "./load-page.ts";
import { loginPage } from "./login-page.ts";
import { overviewBody } from "./overview-page.ts";
import { privacyBody } from "./privacy-page.ts";
import { servicePointBody } from "./service-point-page.ts";
import { servicePointsBody } from "./service-points-page.ts";
import { statementBody } from "./statement-page.ts";
import { stylesheet } from "./stylesheet.ts";
import { tariffsBody } from "./tariffs-page.ts";

const ROWS_PER_PAGE = 50;
const ALARMS_SHOWN = 20;
/** Days that have a day before and a day after in every zone. */
const [DAY_FIRST, DAY_LAST] = ["1971-01-01", "9998-12-31"];

export function addPages(app: App, ports: WebPorts): void {
  const pages = new Hono<OperatorEnv>();
  pages.get("/style.css", (c) =>
    c.body(stylesheet, 200, {
      "content-type": "text/css; charset=utf-8",
      "cache-control": "public, max-age=3600",
    }),
  );
  addLogin(pages, ports);
  addOverview(pages, ports);
  addServicePoints(pages, ports);
  addLoad(pages, ports);
  addFeeders(pages, ports, show);
  addDeployment(pages, ports);
  app.route("/", pages);
}

type Pages = Hono<OperatorEnv>;
type PageContext = Context<OperatorEnv>;

export type ShowPage = typeof show;

function show(c: PageContext, registry: RegistryContext, title: string, body: Html) {
  const unsafePolicy = isUnsafe(registry.policy) ? registry.policy.id : undefined;
  return c.html(page({ title, session: c.get("session"), unsafePolicy }, body));
}

const nothing = (c: PageContext) => c.html(notFoundPage(c.get("session")), 404);

function addLogin(pages: Pages, { guard }: WebPorts): void {
  pages.get("/login", (c) => c.html(loginPage()));
  pages.post("/login", async (c) => {
    if (isForeignSite(c)) return problemResponse(c, statusProblem(403));
    const { login, password } = await c.req.parseBody();
    if (typeof login !== "string" || typeof password !== "string") return c.html(loginPage(), 400);
    try {
      const { token } = await guard.logIn(login, password);
      guard.setCookie(c, token);
      return c.redirect("/", 303);
    } catch (error) {
      if (!(error instanceof MdmsError)) throw error;
      return c.html(loginPage(error.message), error.code === "MDMS_LOGIN_BUSY" ? 429 : 401);
    }
  });
  pages.post("/logout", guard.page({ action: "log-out" }), async (c) => {
    await guard.logOut(c);
    return c.redirect("/login", 303);
  });
}

function addOverview(pages: Pages, { store, context, guard }: WebPorts): void {
  const requirement = { permission: "neighbourhoods", action: "overview.view" } as const;
  pages.get("/", guard.page(requirement), async (c) => {
    const registry = await context();
    const [counts, alarms] = [await readCounts(store), await latestAlarms(store, ALARMS_SHOWN)];
    return show(c, registry, "Overview", overviewBody(registry, counts, alarms));
  });
}

function addServicePoints(pages: Pages, { store, context, guard }: WebPorts): void {
  const list = { permission: "customers", action: "service-point.list" } as const;
  pages.get("/service-points", guard.page(list), async (c) => {
    const registry = await context();
    const after = c.req.query("after") ?? "";
    const rest = [...registry.servicePoints.values()].filter((point) => point.servicePoint > after);
    const points = rest.slice(0, ROWS_PER_PAGE);
    const next = rest.length > ROWS_PER_PAGE ? points.at(-1)?.servicePoint : undefined;
    const last = await lastStatements(
      store,
      points.map(({ servicePoint }) => servicePoint),
    );
    const total = registry.servicePoints.size;
    return show(c, registry, "Meters", servicePointsBody({ points, last, total, next }));
  });

  const one = {
    permission: "customers",
    action: "service-point.view",
    subject: (c: Context) => c.req.param("id"),
  } as const;
  pages.get("/service-points/:id", guard.page(one), async (c) => {
    const registry = await context();
    const point = registry.servicePoints.get(c.req.param("id"));
    if (point === undefined) return nothing(c);
    const records = await readStatements(store, {
      servicePoint: point.servicePoint,
      fromSeconds: 0,
      toSeconds: Number.MAX_SAFE_INTEGER,
      after: undefined,
      limit: STATEMENTS_OF_ONE_MAX,
    });
    return show(c, registry, "Statistics of a meter", servicePointBody(point, records));
  });

  const statement = {
    permission: "customers",
    action: "statement.view",
    subject: (c: Context) => c.req.param("id"),
  } as const;
  pages.get("/statements/:id/:from", guard.page(statement), async (c) => {
    const id = servicePointId.safeParse(c.req.param("id"));
    const from = instant.safeParse(c.req.param("from"));
    if (!id.success || !from.success) return nothing(c);
    const [record] = await readStatements(store, {
      servicePoint: id.data,
      fromSeconds: from.data,
      toSeconds: from.data + 1,
      after: undefined,
      limit: 1,
    });
    if (record?.fromSeconds !== from.data) return nothing(c);
    const [before] = await readStatements(store, {
      servicePoint: id.data,
      fromSeconds: from.data - 1,
      toSeconds: from.data,
      after: undefined,
      limit: 1,
    });
    const registry = await context();
    const point = registry.servicePoints.get(id.data);
    const body = statementBody(record, { before, kind: kindOf(record, point) });
    return show(c, registry, "Statement", body);
  });
}

function addLoad(pages: Pages, { store, context, guard }: WebPorts): void {
  const requirement = {
    permission: "neighbourhoods",
    action: "load.view",
    subject: (c: Context) => c.req.query("cohort"),
  } as const;
  const blockAt = async (
    cohort: MdmsCohort,
    stream: LoadStream,
    dayStart: number,
  ): Promise<LoadBlock | undefined> => {
    const [block] = await readLoad(store, {
      cohort: cohort.id,
      stream,
      fromSeconds: dayStart,
      toSeconds: addLocalDays(dayStart, 1, cohort.zone),
      after: undefined,
      limit: 1,
    });
    return block;
  };
  pages.get("/load", guard.page(requirement), async (c) => {
    const registry = await context();
    const cohorts = [...registry.cohorts.values()];
    const asked = c.req.query("cohort");
    const cohort = asked === undefined ? cohorts[0] : registry.cohorts.get(asked);
    if (cohort === undefined) return nothing(c);
    const day = c.req.query("day");
    const latest = day === undefined ? await latestBlock(store, cohort.id) : undefined;
    const dayStart = dayOf(day, latest ?? cohort.fromBlock, cohort.zone);
    if (dayStart === undefined) return nothing(c);
    const importBlock = await blockAt(cohort, "LOAD", dayStart);
    const exportBlock = await blockAt(cohort, "LOAD_EXPORT", dayStart);
    const body = loadBody({ cohorts, cohort, dayStart, importBlock, exportBlock });
    return show(c, registry, `Neighbourhood ${cohort.id}`, body);
  });
}

/** The first instant of a day by its date, or of the day that holds `otherwise`. */
function dayOf(date: string | undefined, otherwise: number, zone: string): number | undefined {
  if (date === undefined) return localDayStart(otherwise, zone);
  if (date < DAY_FIRST || date > DAY_LAST) return undefined;
  try {
    return dayStartOf(date, zone);
  } catch (error) {
    if (error instanceof TariffError) return undefined;
    throw error;
  }
}

function addDeployment(pages: Pages, { store, context, guard }: WebPorts): void {
  const policy = { permission: "neighbourhoods", action: "policy.view" } as const;
  pages.get("/privacy", guard.page(policy), async (c) => {
    const registry = await context();
    const [counts, alarms] = [await readCounts(store), await latestAlarms(store, ALARMS_SHOWN)];
    return show(c, registry, "Privacy", privacyBody(registry, counts, alarms));
  });
  const tariffs = { permission: "neighbourhoods", action: "tariffs.view" } as const;
  pages.get("/tariffs", guard.page(tariffs), async (c) => {
    const registry = await context();
    return show(c, registry, "Tariffs", tariffsBody(registry));
  });
  pages.get("/audit", guard.page({ permission: "audit", action: "audit.view" }), async (c) => {
    const before = /^\d{1,15}$/.exec(c.req.query("before") ?? "")?.[0];
    const entries = await readAudit(store, {
      before: before === undefined ? undefined : BigInt(before),
      limit: ROWS_PER_PAGE,
    });
    const last = entries.at(-1);
    const next = entries.length < ROWS_PER_PAGE ? undefined : last?.id.toString();
    return show(c, await context(), "Audit trail", auditBody(entries, next));
  });
}
