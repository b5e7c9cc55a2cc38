/** API, accounts and pages: what is served, to whom, and what is written down about it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decodeRelease, toBase64Url, toHex, verifyStatement } from "@smarter-metering/protocol";
import { createMetrics } from "@smarter-metering/runtime";
import { readAudit } from "../src/access/audit.ts";
import { MdmsError, ROLES, startMdms, type Role } from "../src/index.ts";
import { billRelease, loadRelease, startFixture, type Fixture } from "./fixture.ts";

const PASSWORD = "correct horse battery staple";
const COOKIE = "mdms-session";

describe("web", () => {
  let fixture: Fixture;
  let servicePoint = "";
  let spring: Uint8Array;
  const tokens = new Map<Role, string>();

  before(async () => {
    fixture = await startFixture({ startDate: "2025-02-01" });
    const { world, mdms } = fixture;
    servicePoint = world.households[0]?.mdms ?? "";
    spring = await loadRelease(world, 57, { request: "spring", sequence: 3 });
    await fixture.deliver(
      await billRelease(world, 0, [0, 28], { request: "bill 0", sequence: 0 }),
      await billRelease(world, 0, [28, 59], {
        request: "bill 1",
        sequence: 1,
        toBorder: world.dayStart(60),
      }),
      await billRelease(world, 1, [0, 28], { request: "bill 2", sequence: 2 }),
      spring,
      await loadRelease(world, 267, {
        request: "autumn",
        sequence: 4,
        contributorsPerSlot: Array.from({ length: 100 }, (_, slot) => (slot < 4 ? 0 : 4)),
      }),
      Uint8Array.of(9),
    );
    for (const role of ROLES) {
      await mdms.createOperator({ login: role, password: PASSWORD, role });
      tokens.set(role, await logIn(role));
    }
  });
  after(() => fixture.close());

  const request = (
    path: string,
    headers: Record<string, string> = {},
    init: RequestInit = {},
  ): Promise<Response> => Promise.resolve(fixture.http.request(path, { ...init, headers }));
  const as = (role: Role, path: string, method = "GET"): Promise<Response> =>
    request(path, { authorization: `Bearer ${tokens.get(role)}` }, { method });
  const json = async <T>(role: Role, path: string): Promise<T> => {
    const response = await as(role, path);
    assert.equal(response.status, 200, path);
    return (await response.json()) as T;
  };
  const attempt = (login: string, password: string): Promise<Response> =>
    request(
      "/v1/sessions",
      { "content-type": "application/json" },
      { method: "POST", body: JSON.stringify({ login, password }) },
    );
  async function logIn(login: string): Promise<string> {
    const response = await attempt(login, PASSWORD);
    assert.equal(response.status, 201);
    return ((await response.json()) as { token: string }).token;
  }
  const formLogIn = (login: string, headers: Record<string, string> = {}): Promise<Response> =>
    request("/login", headers, {
      method: "POST",
      body: new URLSearchParams({ login, password: PASSWORD }),
    });
  const cookieOf = (response: Response): string =>
    new RegExp(`${COOKIE}=[^;]+`).exec(response.headers.get("set-cookie") ?? "")?.[0] ?? "";
  const csrfOf = (page: string): string => /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? "";

  test("load: whole blocks of a range, page by page, with ETag", async () => {
    interface LoadPage {
      readonly releases: { start: string; energy_Wh: number[]; contributorsPerSlot: number[] }[];
      readonly next?: string;
    }
    const first = await json<LoadPage>("viewer", "/v1/load?cohort=north&limit=1");
    assert.deepEqual(
      first.releases.map(({ start, energy_Wh: energy }) => [start, energy.length, energy[91]]),
      [["2025-03-29T23:00:00Z", 92, 1091]],
    );
    const second = await json<LoadPage>("viewer", `/v1/load?limit=1&cursor=${first.next}`);
    assert.equal(second.releases[0]?.start, "2025-10-25T22:00:00Z");
    assert.deepEqual(second.releases[0]?.contributorsPerSlot.slice(2, 6), [0, 0, 4, 4]);
    const third = await json<LoadPage>("viewer", `/v1/load?limit=1&cursor=${second.next}`);
    assert.deepEqual(third, { releases: [] });
    const none = "/v1/load?from=2025-03-30T22:00:00Z&to=2025-10-25T22:00:00Z";
    assert.deepEqual((await json<LoadPage>("viewer", none)).releases, []);

    const answer = await as("viewer", "/v1/load");
    const tag = answer.headers.get("etag") ?? "";
    const authorization = `Bearer ${tokens.get("viewer")}`;
    const again = await request("/v1/load", { authorization, "if-none-match": tag });
    assert.equal(again.status, 304);
    for (const query of ["from=yesterday", "limit=0", "cursor=x", "from=1969-01-01T00:00:00Z"]) {
      const refused = await as("viewer", `/v1/load?${query}`);
      assert.equal(refused.status, 400, query);
      assert.equal(refused.headers.get("content-type"), "application/problem+json");
    }
  });

  test("a release, sealed as the trustee gave it, by its request", async () => {
    const path = `/v1/releases/${toHex(decodeRelease(spring).requestDigest)}`;
    const answer = await json("viewer", path);
    assert.deepEqual(answer, { release: toBase64Url(spring), partials: [] });
    assert.equal((await as("viewer", `/v1/releases/${"00".repeat(32)}`)).status, 404);
    assert.equal((await as("viewer", "/v1/releases/spring")).status, 400);
  });

  test("statements: as they were signed, by service point and range", async () => {
    interface Item {
      readonly servicePoint: string;
      readonly from: string;
      readonly extended: boolean;
    }
    const path = `/v1/statements?servicePoint=${servicePoint}`;
    const { statements } = await json<{ statements: Item[] }>("billing", path);
    const window = `/v1/statements/${servicePoint}/2025-01-31T23:00:00Z/signed`;
    const signed = await as("billing", window);
    assert.equal(signed.headers.get("content-type"), "application/jose");
    const key = fixture.world.parties.mdms.signer.publicKey;
    const { amount, requestDigest } = await verifyStatement(await signed.text(), key);
    assert.equal(amount, "51.26");
    assert.deepEqual(statements[0], {
      servicePoint,
      kind: "first",
      from: "2025-01-31T23:00:00Z",
      to: "2025-02-28T23:00:00Z",
      registers_mWh: { high: "100000000", low: "50000000" },
      export_mWh: "10000000",
      energy_mWh: "150000000",
      amount: "51.26",
      currency: "CHF",
      estimated: false,
      extended: false,
      lines: [
        {
          text: "Energy, high",
          quantity: "100.000000 kWh",
          price: "0.285 CHF/kWh",
          amountE16: "285000000000000000",
        },
        {
          text: "Energy, low",
          quantity: "50.000000 kWh",
          price: "0.217 CHF/kWh",
          amountE16: "108500000000000000",
        },
        {
          text: "Standing charge",
          quantity: "28 days",
          price: "0.32 CHF/day",
          amountE16: "89600000000000000",
        },
        {
          text: "Feed-in, credited",
          quantity: "10.000000 kWh",
          price: "0.096 CHF/kWh",
          amountE16: "-9600000000000000",
        },
        {
          text: "Tax on energy and standing charge",
          quantity: "",
          price: "8.10 %",
          amountE16: "39131100000000000",
        },
      ],
      tariff: "household-tou",
      tariffVersion: 1,
      requestDigest,
    });
    assert.deepEqual(
      statements.map(({ extended }) => extended),
      [false, true],
    );
    const page = await json<{ statements: Item[]; next: string }>(
      "billing",
      "/v1/statements?limit=2",
    );
    const rest = await json<{ statements: Item[] }>(
      "billing",
      `/v1/statements?cursor=${page.next}`,
    );
    assert.deepEqual([page.statements.length, rest.statements.length], [2, 1]);

    const missing = `/v1/statements/${servicePoint}/2025-01-31T23:00:01Z/signed`;
    assert.equal((await as("billing", missing)).status, 404);
  });

  test("service points, cohorts, tariffs, policy, overview", async () => {
    interface Points {
      readonly servicePoints: { servicePoint: string; lastStatement: { from: string } | null }[];
      readonly next?: string;
    }
    const page = await json<Points>("operator", "/v1/service-points?limit=3");
    const rest = await json<Points>("operator", `/v1/service-points?cursor=${page.next}`);
    const all = [...page.servicePoints, ...rest.servicePoints];
    assert.deepEqual(
      all.map((point) => point.servicePoint),
      fixture.world.households.map(({ mdms }) => mdms).toSorted(),
    );
    const mine = all.find((point) => point.servicePoint === servicePoint);
    assert.equal(mine?.lastStatement?.from, "2025-02-28T23:00:00Z");

    const detail = await json<Record<string, unknown>>(
      "billing",
      `/v1/service-points/${servicePoint}`,
    );
    const { days, energy_mWh: energy, meanPerDay_mWh: mean } = detail;
    assert.deepEqual([days, energy, mean], [59, "300000000", "5084746"]);
    assert.equal((await as("billing", `/v1/service-points/${"0".repeat(32)}`)).status, 404);

    const { cohorts } = await json<{ cohorts: unknown[] }>("viewer", "/v1/cohorts");
    assert.deepEqual(cohorts, [
      {
        cohort: "north",
        version: 1,
        zone: "Europe/Zurich",
        intervalSeconds: 900,
        members: 4,
        releasedBlocks: 2,
        lastBlock: "2025-10-25T22:00:00Z",
      },
    ]);
    const { tariffs } = await json<{ tariffs: { document: unknown }[] }>("viewer", "/v1/tariffs");
    assert.deepEqual(tariffs[0]?.document, fixture.world.tariff);
    const policy = await json<{ unsafe: boolean; policyId: string }>("viewer", "/v1/policy");
    assert.deepEqual([policy.policyId, policy.unsafe], ["UNSAFE-test", true]);
    const overview = await json<Record<string, unknown>>("viewer", "/v1/overview");
    const { statements, releasesLoad, releasesBill, servicePointsBilled, alarms } = overview;
    assert.deepEqual(
      [statements, releasesLoad, releasesBill, servicePointsBilled, alarms],
      [3, 2, 3, 2, 1],
    );
  });

  /** Every route with what each role gets, in the order of ROLES; the last column is for no session. */
  const ok = [200, 200, 200, 200] as const;
  const customers = [403, 200, 200, 403] as const;
  const audit = [403, 403, 403, 200] as const;
  const ROUTES: Readonly<Record<string, readonly [statuses: readonly number[], stranger: number]>> =
    {
      "/v1/overview": [ok, 401],
      "/v1/load": [ok, 401],
      "/v1/cohorts": [ok, 401],
      "/v1/feeders": [ok, 401],
      "/v1/feeders/:cohort": [ok, 401],
      "/v1/releases/:digest": [ok, 401],
      "/v1/tariffs": [ok, 401],
      "/v1/policy": [ok, 401],
      "/v1/prices": [ok, 401],
      "/v1/statements": [customers, 401],
      "/v1/statements/:servicePoint/:from/signed": [customers, 401],
      "/v1/statements/:servicePoint/:from/notes": [customers, 401],
      "/v1/service-points": [customers, 401],
      "/v1/service-points/:id": [customers, 401],
      "/v1/audit": [audit, 401],
      "/": [ok, 303],
      "/load": [ok, 303],
      "/feeders": [ok, 303],
      "/privacy": [ok, 303],
      "/tariffs": [ok, 303],
      "/service-points": [customers, 303],
      "/service-points/:id": [customers, 303],
      "/statements/:id/:from": [customers, 303],
      "/audit": [audit, 303],
    };
  /** Open to all: they show nothing. */
  const OPEN = ["/login", "/style.css", "/metrics", "/healthz", "/readyz", "/openapi.json"];

  test("route × role: the server enforces every cell", async () => {
    for (const [route, [statuses, stranger]] of Object.entries(ROUTES)) {
      const path = route
        .replace(/:id|:servicePoint/, servicePoint)
        .replace(":from", "2025-01-31T23:00:00Z")
        .replace(":cohort", "north")
        .replace(":digest", toHex(decodeRelease(spring).requestDigest))
        .replace(/prices$/, "prices?series=day-ahead");
      for (const [index, role] of ROLES.entries()) {
        assert.equal((await as(role, path)).status, statuses[index], `${role} ${route}`);
      }
      assert.equal((await request(path)).status, stranger, `nobody ${route}`);
      const forged = await request(path, { authorization: `Bearer ${"A".repeat(43)}` });
      assert.equal(forged.status, stranger, `forged ${route}`);
    }
    const gets = fixture.http.routes
      .filter(({ method, path }) => method === "GET" && !path.endsWith("*"))
      .map(({ path }) => path);
    assert.deepEqual(
      [...new Set(gets)].toSorted(),
      [...Object.keys(ROUTES), ...OPEN].toSorted(),
      "a route is missing from the table",
    );
    const writes = fixture.http.routes
      .filter(({ method }) => !["GET", "ALL"].includes(method))
      .map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(
      [...new Set(writes)].toSorted(),
      [
        "DELETE /v1/sessions",
        "POST /login",
        "POST /logout",
        "POST /v1/corrections",
        "POST /v1/feeders/:cohort",
        "POST /v1/sessions",
      ],
      "a write without a test of its CSRF protection",
    );
  });

  test("the OpenAPI document covers every API route", async () => {
    const document = (await (await request("/openapi.json")).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = fixture.http.routes
      .filter(({ method, path }) => path.startsWith("/v1/") && method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    assert.deepEqual(documented.toSorted(), [...new Set(served)].toSorted());
    assert.equal(documented.length, 19);
  });

  test("five wrong passwords lock an account for fifteen minutes, and say nothing", async () => {
    await fixture.mdms.createOperator({ login: "locked", password: PASSWORD, role: "viewer" });
    const body = async (response: Response): Promise<[number, unknown]> => [
      response.status,
      await response.json(),
    ];
    const unknown = await body(await attempt("nobody", "wrong wrong wrong"));
    assert.equal(unknown[0], 401);
    for (let failure = 0; failure < 4; failure++) await attempt("locked", "wrong wrong wrong");
    assert.equal((await attempt("locked", PASSWORD)).status, 201, "four do not lock");
    for (let failure = 0; failure < 5; failure++) {
      assert.deepEqual(await body(await attempt("locked", "wrong wrong wrong")), unknown);
    }
    assert.deepEqual(await body(await attempt("locked", PASSWORD)), unknown, "locked");
    const now = fixture.clock.nowMs();
    await fixture.clock.advanceTo(now + 15 * 60_000 - 1000);
    assert.equal((await attempt("locked", PASSWORD)).status, 401);
    await fixture.clock.advanceTo(now + 15 * 60_000);
    assert.equal((await attempt("locked", PASSWORD)).status, 201);
    const parallel = await Promise.all(Array.from({ length: 20 }, () => attempt("locked", "x")));
    const statuses = parallel.map(({ status }) => status);
    assert.deepEqual(new Set(statuses), new Set([401, 429]), "a full queue says so");
    assert.equal((await attempt("locked", PASSWORD)).status, 401, "parallel guesses count");
  });

  test("accounts: bad logins, passwords, roles and doubles are refused", async () => {
    const cases: readonly (readonly [string, string, string, string])[] = [
      ["A", PASSWORD, "viewer", "MDMS_OPERATOR_INVALID"],
      ["<b>", PASSWORD, "viewer", "MDMS_OPERATOR_INVALID"],
      ["short", "eleven char", "viewer", "MDMS_OPERATOR_INVALID"],
      ["rootlike", PASSWORD, "root", "MDMS_OPERATOR_INVALID"],
      ["viewer", PASSWORD, "billing", "MDMS_OPERATOR_EXISTS"],
    ];
    for (const [login, password, role, code] of cases) {
      const created = fixture.mdms.createOperator({ login, password, role: role as Role });
      await assert.rejects(created, (error) => error instanceof MdmsError && error.code === code);
    }
    const rows = await fixture.store.query<{ hash: string }>(
      "select password_hash as hash from operator",
    );
    for (const { hash } of rows) assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  test("sessions end after 30 idle minutes, after 12 hours, and at log-out", async () => {
    const minutes = (count: number): Promise<void> =>
      fixture.clock.advanceTo(fixture.clock.nowMs() + count * 60_000);
    const status = async (token: string): Promise<number> =>
      (await request("/v1/overview", { authorization: `Bearer ${token}` })).status;
    const idle = await logIn("viewer");
    await minutes(29);
    assert.equal(await status(idle), 200);
    await minutes(29);
    assert.equal(await status(idle), 200, "use keeps it alive");
    await minutes(30);
    assert.equal(await status(idle), 401);
    const busy = await logIn("viewer");
    for (let use = 0; use < 28; use++) {
      await minutes(25);
      assert.equal(await status(busy), 200);
    }
    await minutes(20);
    assert.equal(await status(busy), 401, "12 hours");
    const left = await logIn("viewer");
    const authorization = `Bearer ${left}`;
    assert.equal(
      (await request("/v1/sessions", { authorization }, { method: "DELETE" })).status,
      204,
    );
    assert.equal(await status(left), 401);
    const hashes = await fixture.store.query<{ hash: Uint8Array }>(
      "select token_hash as hash from session",
    );
    assert(hashes.every(({ hash }) => hash.length === 32));
    for (const role of ROLES) tokens.set(role, await logIn(role));
  });

  test("the browser's cookie: HttpOnly, SameSite, and writes need the CSRF token", async () => {
    const login = await formLogIn("billing");
    assert.equal(login.status, 303);
    assert.match(login.headers.get("set-cookie") ?? "", /HttpOnly; SameSite=Strict/);
    const cookie = cookieOf(login);
    const page = await (await request("/", { cookie })).text();
    const logOut = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
      request(
        "/logout",
        { cookie, ...headers },
        { method: "POST", body: new URLSearchParams(fields) },
      );
    assert.equal((await logOut({})).status, 403);
    assert.equal((await logOut({ csrf: "x" })).status, 403);
    const other = await (
      await request("/", { cookie: cookieOf(await formLogIn("billing")) })
    ).text();
    assert.equal((await logOut({ csrf: csrfOf(other) })).status, 403, "another session's token");
    assert.equal((await request("/v1/sessions", { cookie }, { method: "DELETE" })).status, 403);
    const operator = { cookie: cookieOf(await formLogIn("operator")) };
    const feeder = await request("/v1/feeders/north", operator, { method: "POST", body: "{}" });
    assert.equal(feeder.status, 403);
    const correction = await request("/v1/corrections", { cookie }, { method: "POST", body: "{}" });
    assert.equal(correction.status, 403);
    assert.equal((await request("/", { cookie })).status, 200, "still logged in");
    assert.equal((await logOut({ csrf: csrfOf(page) })).status, 303);
    assert.equal((await request("/", { cookie })).status, 303, "logged out");

    const secure = await startMdms(
      { secureCookies: true },
      { ...fixture.ports, metrics: createMetrics() },
    );
    const body = new URLSearchParams({ login: "billing", password: PASSWORD });
    const overHttps = await secure.http.request("/login", { method: "POST", body });
    assert.match(overHttps.headers.get("set-cookie") ?? "", /^__Host-mdms-session=.*; Secure;/);
    await secure.close();

    const foreign = await formLogIn("billing", { "sec-fetch-site": "cross-site" });
    assert.equal(foreign.status, 403);
    const wrong = await request(
      "/login",
      {},
      {
        method: "POST",
        body: new URLSearchParams({ login: "billing", password: "wrong" }),
      },
    );
    assert.equal(wrong.status, 401);
    assert.equal(wrong.headers.get("set-cookie"), null);
  });

  test("pages: strict policy, no script, the numbers of the API", async () => {
    const text = async (role: Role, path: string): Promise<string> => {
      const response = await as(role, path);
      assert.equal(response.status, 200, path);
      const policy = response.headers.get("content-security-policy") ?? "";
      assert(policy.startsWith("default-src 'none'; style-src 'self';"));
      const page = await response.text();
      assert.doesNotMatch(page, /<script|javascript:|\son\w+=|\sstyle=/i, path);
      assert.match(page, /Policy UNSAFE-test is UNSAFE/, path);
      return page;
    };
    const meter = await text("billing", `/service-points/${servicePoint}`);
    assert.match(meter, /2025-02-01 to 2025-02-28/);
    assert.match(meter, /2025-03-01 to 2025-03-31 \(extended\)/);
    assert.match(meter, /5\.357 kWh/);
    assert.match(meter, /51\.26/);
    const statement = await text("billing", `/statements/${servicePoint}/2025-02-28T23:00:00Z`);
    assert.match(statement, /Extended: the registers were taken later/);
    assert.match(await text("billing", "/service-points"), /4 service points/);
    assert.match(await text("viewer", "/"), /MDMS_MALFORMED/);
    assert.doesNotMatch(await text("viewer", "/"), /href="\/service-points"|href="\/audit"/);
    assert.match(await text("viewer", "/privacy"), /class="danger">UNSAFE policy/);
    assert.match(await text("privacy-officer", "/audit"), /statement\.view/);
    assert.match(await text("viewer", "/tariffs"), /Band high/);
    assert.equal((await as("viewer", "/load?cohort=nowhere")).status, 404);
    assert.equal((await as("viewer", "/load?day=2025-02-30")).status, 404);
    assert.equal((await as("billing", "/service-points/x")).status, 404);
  });

  test("a neighbourhood's day: local time on days of 23 and 25 hours, gaps as gaps", async () => {
    const page = async (day: string): Promise<string> =>
      (await as("viewer", `/load?cohort=north&day=${day}`)).text();
    const rowsOf = (text: string): string[] =>
      [...text.matchAll(/<td>\s*(\d\d:\d\d)\s*<span class="note">([^<]+)<\/span>/g)].map(
        ([, time, offset]) => `${time} ${offset}`,
      );
    const ticksOf = (text: string): string[] =>
      [...text.matchAll(/text-anchor="middle"\s*>(\d\d:\d\d)</g)].map(([, time]) => time ?? "");
    const spring = rowsOf(await page("2025-03-30"));
    assert.equal(spring.length, 92);
    assert.deepEqual(spring.slice(7, 9), ["01:45 +01:00", "03:00 +02:00"]);
    const autumnPage = await page("2025-10-26");
    const autumn = rowsOf(autumnPage);
    assert.equal(autumn.length, 100);
    assert.deepEqual([autumn[8], autumn[12]], ["02:00 +02:00", "02:00 +01:00"]);
    const ticks = ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"];
    assert.deepEqual(ticksOf(autumnPage), ticks);
    assert.equal([...autumnPage.matchAll(/<td class="number">–<\/td>/g)].length, 4);
    assert.equal([...autumnPage.matchAll(/class="gap"/g)].length, 1);
    assert.equal((await as("viewer", "/load")).status, 200, "the newest day without being asked");
    assert.match(await page("2025-05-05"), /No release for this day/);
  });

  test("whatever the registry or a message says is escaped", async () => {
    const { world } = fixture;
    const { epoch, view } = world.mdmsFeed.current();
    const [cohort] = view.cohorts;
    assert(cohort !== undefined);
    const evil = `"><script>alert('1')</script>`;
    world.mdmsFeed.set(epoch, {
      ...view,
      cohorts: [{ ...cohort, id: evil }],
      servicePoints: view.servicePoints.map((point) => ({ ...point, tariff: evil })),
    });
    for (const path of ["/", "/load", "/service-points", `/service-points/${servicePoint}`]) {
      const text = await (await as("billing", path)).text();
      assert(!text.includes("<script"), path);
      assert(text.includes("&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)"), path);
    }
    world.mdmsFeed.set(epoch, view);
  });

  test("hostile addresses cost a 400 or a 404, never a 500", async () => {
    const paths = [
      "/v1/load?cohort=%00",
      `/v1/load?cursor=${Buffer.from('[0,"\\u0000"]').toString("base64url")}`,
      `/v1/load?cursor=${Buffer.from('[1e99,""]').toString("base64url")}`,
      "/v1/statements?servicePoint=%00",
      "/v1/statements/%00/2025-01-31T23:00:00Z/signed",
      `/v1/statements/${servicePoint}/-271821-04-20T00:00:00Z/signed`,
      "/v1/service-points/%00",
      "/v1/service-points/__proto__",
      "/load?cohort=%00",
      "/load?day=1970-01-01",
      "/load?day=9999-12-31",
      "/service-points/%00",
      "/statements/%00/2025-01-31T23:00:00Z",
      `/statements/${servicePoint}/x`,
    ];
    for (const path of paths) {
      const { status } = await as("billing", path);
      assert(status === 400 || status === 404, `${path}: ${status}`);
    }
    assert.equal((await attempt("\0", PASSWORD)).status, 401);
    assert.equal((await attempt("viewer", "x".repeat(70_000))).status, 413);
    assert.equal((await attempt("viewer", "x".repeat(300))).status, 400);
  });

  test("the audit trail names who, what, when and of whom, before the answer", async () => {
    const { store, clock } = fixture;
    await as("billing", `/v1/statements?servicePoint=${servicePoint}&from=2025-01-01T00:00:00Z`);
    await as("viewer", `/v1/service-points/${servicePoint}`);
    await attempt("typed my password here", "oops");
    const [refusedLogin, refused, viewed] = await readAudit(store, { before: undefined, limit: 3 });
    const at = BigInt(Math.floor(clock.nowMs() / 1000));
    assert.deepEqual(
      [viewed, refused, refusedLogin].map((entry) => ({ ...entry, id: 0n })),
      [
        {
          id: 0n,
          at,
          login: "billing",
          action: "statement.list",
          subject: servicePoint,
          outcome: "allowed",
        },
        {
          id: 0n,
          at,
          login: "viewer",
          action: "service-point.view",
          subject: servicePoint,
          outcome: "refused",
        },
        { id: 0n, at, login: "-", action: "log-in", subject: "", outcome: "refused" },
      ],
    );
    interface AuditPage {
      readonly entries: { at: string; action: string }[];
      readonly next: string;
    }
    const page = await json<AuditPage>("privacy-officer", "/v1/audit?limit=2");
    const next = await json<AuditPage>("privacy-officer", `/v1/audit?limit=2&cursor=${page.next}`);
    assert.equal(page.entries[0]?.action, "audit.view");
    assert.equal(next.entries[0]?.action, "service-point.view");
  });

  test("old sessions and old audit entries are forgotten", async () => {
    const { store, clock } = fixture;
    const count = async (table: string): Promise<number> => {
      const [row] = await store.query<{ n: number }>(`select count(*)::int4 as n from ${table}`);
      return row?.n ?? -1;
    };
    assert((await count("session")) > 0 && (await count("audit")) > 0);
    await store.query("update audit set at = at - 4 * 366 * 86400");
    await clock.advanceTo(clock.nowMs() + 13 * 3_600_000);
    assert.deepEqual([await count("session"), await count("audit")], [0, 0]);
  });
});
