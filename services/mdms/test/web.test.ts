/** API and accounts: what is served, to whom, and what is written down about it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decodeRelease, toBase64Url, toHex, verifyStatement } from "@smarter-metering/protocol";
import { readAudit } from "../src/access/audit.ts";
import { MdmsError, ROLES, type Role } from "../src/index.ts";
import { billRelease, loadRelease, startFixture, type Fixture } from "./fixture.ts";

const PASSWORD = "correct horse battery staple";

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
