/** Lists: filters, cursors, CSV, counts; and that none of them reads a table from its beginning. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as fc from "fast-check";
import type { Sql, SqlValue } from "@smarter-metering/runtime";
import { readAudit } from "../src/access/audit.ts";
import { csvResponse, onePage, CSV_ROWS_MAX, type Cell } from "../src/api/csv.ts";
import { ROLES, type Role } from "../src/index.ts";
import { readLoad } from "../src/load-query.ts";
import { readCounts } from "../src/overview-query.ts";
import { registryContext, type MdmsServicePoint } from "../src/registry-context.ts";
import { forgetOld } from "../src/retention.ts";
import { findServicePoints, type ServicePointQuery } from "../src/service-point-query.ts";
import {
  lastStatements,
  readStatements,
  searchStatements,
  type StatementFilter,
  type StatementQuery,
  type StatementRecord,
} from "../src/statement-query.ts";
import { billRelease, loadRelease, startFixture, type Fixture } from "./fixture.ts";
import { fillStatements, FIRST_WINDOW, nameOfPoint, WINDOW_SECONDS } from "./many-rows.ts";

const PASSWORD = "correct horse battery staple";

interface Item {
  readonly servicePoint: string;
  readonly from: string;
  readonly amount: string;
}
interface StatementAnswer {
  readonly statements: Item[];
  readonly next?: string;
}

describe("lists", () => {
  let fixture: Fixture;
  let [first, second] = ["", ""];
  const tokens = new Map<Role, string>();

  before(async () => {
    fixture = await startFixture({ startDate: "2025-02-01" });
    const { world, mdms } = fixture;
    [first, second] = [world.households[0]?.mdms ?? "", world.households[1]?.mdms ?? ""];
    await fixture.deliver(
      await billRelease(world, 0, [0, 28], { request: "bill 0", sequence: 0 }),
      await billRelease(world, 0, [28, 59], { request: "bill 1", sequence: 1 }),
      await billRelease(world, 1, [0, 28], {
        request: "bill 2",
        sequence: 2,
        registers_mWh: ["900000000", "0", "0", "0", "0", "0", "0", "0"],
      }),
      await loadRelease(world, 57, { request: "spring", sequence: 3 }),
      Uint8Array.of(9),
    );
    for (const role of ROLES) {
      await mdms.createOperator({ login: role, password: PASSWORD, role });
      const answer = await fixture.http.request("/v1/sessions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ login: role, password: PASSWORD }),
      });
      tokens.set(role, ((await answer.json()) as { token: string }).token);
    }
  });
  after(() => fixture.close());

  const ask = (role: Role, path: string, headers: Record<string, string> = {}) =>
    Promise.resolve(
      fixture.http.request(path, {
        headers: { authorization: `Bearer ${tokens.get(role)}`, ...headers },
      }),
    );
  const json = async <T>(role: Role, path: string): Promise<T> => {
    const response = await ask(role, path);
    assert.equal(response.status, 200, path);
    return (await response.json()) as T;
  };
  const lines = async (role: Role, path: string): Promise<string[]> => {
    const response = await ask(role, path);
    assert.equal(response.status, 200, path);
    assert.match(response.headers.get("content-type") ?? "", /^text\/csv/);
    assert.equal(response.headers.get("x-row-limit"), String(CSV_ROWS_MAX));
    return (await response.text()).trimEnd().split("\r\n");
  };

  test("statements: each filter, both orders, and nonsense refused", async () => {
    const cases: readonly (readonly [query: string, points: readonly string[]])[] = [
      ["", ["3"]],
      [`servicePoint=${second}`, [second]],
      ["tariff=household-tou", ["3"]],
      ["tariff=nobody", []],
      ["from=2025-03-01T00:00:00Z", [first]],
      ["to=2025-02-28T00:00:00Z", ["2"]],
      ["amountMin=200", [second]],
      ["amountMin=51.26&amountMax=51.26", [first]],
      ["amountMax=51.25", []],
      ["estimated=true", []],
      ["estimated=false&amountMin=200.00", [second]],
      ["corrected=true", []],
      ["corrected=false", ["3"]],
    ];
    for (const [query, expected] of cases) {
      const { statements } = await json<StatementAnswer>("billing", `/v1/statements?${query}`);
      const points = statements.map(({ servicePoint }) => servicePoint);
      const [count] = expected;
      if (count !== undefined && count.length === 1) {
        assert.equal(points.length, Number(count), query);
      } else assert.deepEqual(points, expected, query);
    }
    const newest = await json<StatementAnswer>("billing", "/v1/statements?order=newest&limit=1");
    assert.equal(newest.statements[0]?.from, "2025-02-28T23:00:00Z");
    const older = await json<StatementAnswer>(
      "billing",
      `/v1/statements?order=newest&limit=2&cursor=${newest.next}`,
    );
    const ordered = [first, second].toSorted().toReversed();
    assert.deepEqual(
      older.statements.map(({ servicePoint }) => servicePoint),
      ordered,
    );
    const refused = [
      "amountMin=1e3",
      "amountMin=' or 1=1",
      "estimated=yes",
      "order=random",
      "tariff=%00",
      "format=xml",
      "cursor=AAAA",
    ];
    for (const query of refused) {
      assert.equal((await ask("billing", `/v1/statements?${query}`)).status, 400, query);
    }
  });

  test("the last window's bills: a sum by tariff, of which most are there", async () => {
    const path = "/v1/statements/last-window";
    const { window } = await json<{ window: unknown }>("billing", path);
    // One of two households has a bill of March: half, which is the newest to count.
    assert.deepEqual(window, {
      to: "2025-03-31T22:00:00Z",
      sums: [{ tariff: "household-tou", currency: "CHF", statements: 1, amount: "52.30" }],
    });
    await fixture.store.query(
      `insert into window_sum select to_grid + 86400, tariff, currency, 1, 7 from window_sum
        union all select to_grid, 'other', currency, 3, 0.5 from window_sum`,
    );
    const later = await json<{ window: { to: string; sums: unknown[] } }>("billing", path);
    assert.deepEqual([later.window.to, later.window.sums.length], ["2025-03-31T22:00:00Z", 2]);
    await fixture.store.query(
      "delete from window_sum where tariff = 'other' or to_grid % 86400 <> 79200 and amount = 7 or amount = 7",
    );
  });

  test("service points: by prefix, tariff, state, last statement", async () => {
    interface Points {
      readonly servicePoints: { servicePoint: string; state: string }[];
      readonly next?: string;
    }
    const list = async (query: string): Promise<string[]> =>
      (await json<Points>("operator", `/v1/service-points?${query}`)).servicePoints.map(
        ({ servicePoint }) => servicePoint,
      );
    const all = fixture.world.households.map(({ mdms }) => mdms).toSorted();
    assert.deepEqual(await list(""), all);
    const prefix = first.slice(0, 6);
    assert.deepEqual(await list(`prefix=${prefix}`), [first]);
    assert.deepEqual(await list(`prefix=${first}`), [first]);
    const beyond = all.filter((point) => point > first && point.startsWith(first.slice(0, 1)));
    const cursor = (
      await json<Points>("operator", `/v1/service-points?prefix=${first.slice(0, 1)}&limit=1`)
    ).next;
    assert.notEqual(cursor, undefined);
    assert(beyond.length < all.length);
    assert.deepEqual(await list("tariff=nobody"), []);
    assert.deepEqual(await list("state=running"), all);
    assert.deepEqual(await list("state=coming"), []);
    assert.deepEqual(await list("state=ended"), []);
    const others = all.filter((point) => point !== first);
    assert.deepEqual(await list("unbilledSince=2025-03-15T00:00:00Z"), others);
    const never = all.filter((point) => point !== first && point !== second);
    assert.deepEqual(await list("unbilledSince=2025-02-15T00:00:00Z"), never);
    for (const query of ["prefix=XYZ", "state=odd", "unbilledSince=now", "prefix=%00"]) {
      assert.equal((await ask("operator", `/v1/service-points?${query}`)).status, 400, query);
    }
  });

  test("CSV of what is on screen, with the same filters, recorded as such", async () => {
    const statements = await lines("billing", "/v1/statements?format=csv&amountMax=100");
    assert.equal(statements.length, 3);
    assert.match(statements[0] ?? "", /^service_point,kind,from,to,energy_mWh/);
    const header = (statements[0] ?? "").split(",");
    const row = (statements[1] ?? "").split(",");
    const cell = (name: string): string | undefined => row[header.indexOf(name)];
    assert.deepEqual(
      [cell("service_point"), cell("amount"), cell("registers_mWh"), cell("estimated")],
      [first, "51.26", "high 100000000; low 50000000", "false"],
    );
    const points = await lines("operator", "/v1/service-points?format=csv");
    assert.equal(points.length, 1 + fixture.world.households.length);
    const load = await lines("viewer", "/v1/load?format=csv&cohort=north");
    assert.equal(load.length, 1 + 92);
    assert.equal(load[92], "north,2025-03-30T21:45:00Z,900,1091,4");
    assert.equal((await lines("viewer", "/v1/feeders?format=csv")).length, 1);
    const alarms = await lines("viewer", "/v1/alarms?format=csv");
    assert.match(alarms[1] ?? "", /MDMS_MALFORMED,test,/);
    const accepted = await ask("viewer", "/v1/alarms", { accept: "text/csv, */*;q=0.1" });
    assert.match(await accepted.text(), /first_at/);
    const audit = await lines("privacy-officer", "/v1/audit?format=csv&action=statement.list.csv");
    assert.equal(audit.length, 2);
    assert.match(audit[1] ?? "", /,billing,statement\.list\.csv,,allowed$/);
    assert.equal((await ask("viewer", "/v1/statements?format=csv")).status, 403);
  });

  test("CSV: nothing runs as a formula, numbers stay numbers, a cut file says so", async () => {
    const cases: readonly (readonly [cell: Cell, text: string])[] = [
      ["=1+1", "'=1+1"],
      ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
      ["+41", "'+41"],
      ["-cmd|'/c calc'!A0", "'-cmd|'/c calc'!A0"],
      ["@sum", "'@sum"],
      ["\t=1", "'\t=1"],
      ["\r=1", `"'\r=1"`],
      ["-12.50", "-12.50"],
      [-7n, "-7"],
      ["a,b", '"a,b"'],
      ['say "hi"', '"say ""hi"""'],
      ["two\nlines", '"two\nlines"'],
      [null, ""],
      [undefined, ""],
      [false, "false"],
      ["naïve ≤ 1", "naïve ≤ 1"],
    ];
    const { Hono } = await import("hono");
    const app = new Hono();
    const rows = cases.map(([cell]) => [cell, "end"]);
    app.get("/few", (c) => csvResponse(c, { name: "few", columns: ["a"], pages: onePage(rows) }));
    app.get("/many", (c) => csvResponse(c, { name: "many", columns: ["a"], pages: endless() }));
    const few = await (await app.request("/few")).text();
    assert.equal(few, `a\r\n${cases.map(([, text]) => `${text},end\r\n`).join("")}`);
    const many = (await (await app.request("/many")).text()).trimEnd().split("\r\n");
    assert.equal(many.length, CSV_ROWS_MAX + 2);
    assert.match(many.at(-1) ?? "", /^# only the first 100000 rows/);
  });
  async function* endless(): AsyncGenerator<Cell[][], void> {
    for (;;) yield await Promise.resolve(Array.from({ length: 30_000 }, (_, row) => [row]));
  }

  test("audit: by login, action, subject and time, page by page; alarms by code", async () => {
    interface Audit {
      readonly entries: { login: string; action: string; subject: string; outcome: string }[];
      readonly next?: string;
    }
    await ask("viewer", `/v1/service-points/${first}`);
    const read = (query: string) => json<Audit>("privacy-officer", `/v1/audit?${query}`);
    const refused = await read(`login=viewer&subject=${first}`);
    assert.deepEqual(
      refused.entries.map(({ action, outcome }) => [action, outcome]),
      [["service-point.view", "refused"]],
    );
    assert.equal((await read("login=nobody")).entries.length, 0);
    assert.equal((await read("to=2025-01-01T00:00:00Z")).entries.length, 0);
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const page: Audit = await read(
        `login=billing&limit=3${cursor === undefined ? "" : `&cursor=${cursor}`}`,
      );
      for (const entry of page.entries) assert.equal(entry.login, "billing");
      seen.add(JSON.stringify(page.entries.length));
      cursor = page.next;
    } while (cursor !== undefined);
    assert(seen.has("3"));
    const { alarms } = await json<{ alarms: { code: string }[] }>("viewer", "/v1/alarms");
    assert.deepEqual(
      alarms.map(({ code }) => code),
      ["MDMS_MALFORMED"],
    );
  });
});

describe("many rows", () => {
  const POINTS = 400;
  const WINDOWS = 10;
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
    await fillStatements(fixture.store, { points: POINTS, windows: WINDOWS });
    await fixture.store.query("analyze");
  });
  after(() => fixture.close());

  const query = (changes: Partial<StatementQuery> = {}): StatementQuery => ({
    servicePoint: undefined,
    fromSeconds: 0,
    toSeconds: Number.MAX_SAFE_INTEGER,
    after: undefined,
    limit: 100,
    ...changes,
  });

  /** Notes the plan of each query that passes. */
  function explaining(plans: string[]): Sql {
    return {
      async query<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
        const rows = await fixture.store.query<Record<string, string>>(`explain ${sql}`, params);
        plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
        return fixture.store.query<Row>(sql, params);
      },
    };
  }

  test("no list reads a table from its beginning", async () => {
    const last = FIRST_WINDOW + (WINDOWS - 1) * WINDOW_SECONDS;
    const deep = { fromSeconds: last, servicePoint: nameOfPoint(POINTS >> 1) };
    const lists: Readonly<Record<string, (sql: Sql) => Promise<unknown>>> = {
      all: (sql) => readStatements(sql, query()),
      newest: (sql) => readStatements(sql, query({ order: "newest" })),
      deep: (sql) => readStatements(sql, query({ after: deep })),
      "last window": (sql) => readStatements(sql, query({ fromSeconds: last + 1 })),
      "one point": (sql) => readStatements(sql, query({ servicePoint: nameOfPoint(7) })),
      tariff: (sql) => readStatements(sql, query({ tariff: "rare", limit: 10 })),
      amount: (sql) => searchStatements(sql, query(), { amountMin: "900" }, 600),
      last: (sql) => lastStatements(sql, [nameOfPoint(1), nameOfPoint(2)]),
      "audit of one": (sql) => readAudit(sql, { before: undefined, limit: 10, login: "login-7" }),
      counts: (sql) => readCounts(sql),
      load: (sql) =>
        readLoad(sql, {
          cohort: "cohort-3",
          stream: "LOAD",
          fromSeconds: last,
          toSeconds: last + 86_400,
          after: undefined,
          limit: 10,
        }),
    };
    for (const [name, list] of Object.entries(lists)) {
      const plans: string[] = [];
      await list(explaining(plans));
      const text = plans.join("\n");
      assert.match(text, /Index/, name);
      assert.doesNotMatch(text, /Seq Scan on (statement|load_block|release|audit)/, text);
      assert.doesNotMatch(text, /Sort Key: (from_grid|block_start)\b/, `${name}\n${text}`);
    }
  });

  test("a filter finds what a plain walk finds, in requests that each look at few", async () => {
    const everything = await readStatements(fixture.store, query({ limit: POINTS * WINDOWS }));
    assert.equal(everything.length, POINTS * WINDOWS);
    const cases: readonly (readonly [StatementFilter, (row: StatementRecord) => boolean])[] = [
      [{ amountMin: "990" }, ({ amount }) => Number(amount) >= 990],
      [{ amountMin: "-5", amountMax: "12.34" }, ({ amount }) => Number(amount) <= 12.34],
      [{ estimated: true }, ({ estimated }) => estimated],
      [{ estimated: true, amountMin: "995" }, (row) => row.estimated && Number(row.amount) >= 995],
      [{ corrected: true }, () => false],
    ];
    for (const order of ["oldest", "newest"] as const) {
      const walk = order === "oldest" ? everything : everything.toReversed();
      for (const [filter, fits] of cases) {
        const found: StatementRecord[] = [];
        let after: StatementQuery["after"];
        let requests = 0;
        do {
          const page = await searchStatements(
            fixture.store,
            query({ order, after, limit: 20 }),
            filter,
            600,
          );
          found.push(...page.records);
          after = page.next;
          requests += 1;
        } while (after !== undefined);
        const expected = walk.filter(fits);
        const keyOf = (row: StatementRecord): string => `${row.fromSeconds}/${row.servicePoint}`;
        assert.deepEqual(found.map(keyOf), expected.map(keyOf), JSON.stringify(filter));
        const bound = 1 + (POINTS * WINDOWS) / 600 + expected.length / 20;
        assert(requests <= Math.ceil(bound), `${requests} requests`);
      }
    }
  });

  test("what is counted is what is there, whatever is written and forgotten", async () => {
    const { store } = fixture;
    const checkCounts = async (): Promise<void> => {
      const [real] = await store.query(
        `select (select count(*)::int4 from release where kind = 'LOAD') as "releasesLoad",
          (select count(*)::int4 from release where kind = 'BILL') as "releasesBill",
          (select count(*)::int4 from statement) as statements,
          (select count(distinct service_point)::int4 from statement) as "servicePointsBilled",
          (select count(*)::int4 from alarm) as alarms`,
      );
      const { cohorts, ...counts } = await readCounts(store);
      assert.deepEqual(counts, real);
      const blocks = await store.query(
        `select cohort, count(*)::int4 as blocks, max(block_start) as last from load_block
          where stream = 'LOAD' group by cohort order by cohort`,
      );
      assert.deepEqual(
        cohorts.map(({ cohort, blocks: count, lastBlockStart }) => {
          return { cohort, blocks: count, last: BigInt(lastBlockStart) };
        }),
        blocks,
      );
      const wrong = await store.query(
        `select * from billed_point b full join (select service_point, count(*)::int4 as statements,
            max(from_grid) as last_from from statement group by 1) s using (service_point)
          where b.statements is distinct from s.statements or b.last_from is distinct from s.last_from`,
      );
      assert.deepEqual(wrong, []);
      assert.deepEqual(
        await store.query(
          "select to_grid, tariff, currency, statements, amount::text from window_sum order by 1, 2, 3",
        ),
        await store.query(
          `select to_grid, tariff, currency, count(*) as statements, sum(amount::numeric)::text as amount
            from statement group by 1, 2, 3 order by 1, 2, 3`,
        ),
      );
    };
    await checkCounts();
    const [span] = await store.query<{ low: bigint; high: bigint }>(
      "select min(received_at) as low, max(received_at) as high from release",
    );
    assert(span !== undefined);
    for (const share of [10n, 3n, 1n]) {
      const before = span.low + (span.high + 1n - span.low) / share;
      await store.query("delete from delivery"); // Of another's bookkeeping: these bills never came through the manager.
      const days = { statements: 3660, loads: 3660 };
      await forgetOld(store, Number(before) + 3660 * 86_400, days);
      await checkCounts();
    }
    assert.equal((await readCounts(store)).statements, 0);
    await fixture.deliver(
      await billRelease(fixture.world, 0, [0, 28], { request: "anew", sequence: 77 }),
    );
    await checkCounts();
  });

  test("service points: pages of any query are what a plain filter gives", async () => {
    const { world, store } = fixture;
    const [model] = world.mdmsFeed.current().view.servicePoints;
    assert(model !== undefined);
    const points = Array.from({ length: 300 }, (_, index): MdmsServicePoint => ({
      ...model,
      servicePoint: nameOfPoint((index * 7919) % 300),
      tariff: `tariff-${index % 3}`,
      contractStart: 1000 * (index % 5),
      contractEnd: index % 4 === 0 ? 2000 + index : null,
    }));
    const base = await registryContext(world.mdmsFeed);
    const inOrder = points.toSorted((a, b) => (a.servicePoint < b.servicePoint ? -1 : 1));
    const context = {
      ...base,
      servicePoints: new Map(inOrder.map((point) => [point.servicePoint, point])),
    };
    const queries = fc.record({
      prefix: fc.option(fc.constantFrom("0", "00", "1", "f", nameOfPoint(7)), { nil: undefined }),
      tariff: fc.option(fc.constantFrom("tariff-0", "tariff-2", "none"), { nil: undefined }),
      state: fc.option(fc.constantFrom("coming", "running", "ended"), { nil: undefined }),
      unbilledSince: fc.option(fc.constant(5), { nil: undefined }),
      limit: fc.integer({ min: 1, max: 120 }),
    }) as fc.Arbitrary<Omit<ServicePointQuery, "after">>;
    const nowSeconds = 2100;
    await fc.assert(
      fc.asyncProperty(queries, async (asked) => {
        const found: string[] = [];
        let after: string | undefined;
        do {
          const page = await findServicePoints(store, context, { ...asked, after }, nowSeconds);
          found.push(...page.points.map(({ servicePoint }) => servicePoint));
          after = page.next;
        } while (after !== undefined);
        const expected = inOrder.filter(
          (point) =>
            point.servicePoint.startsWith(asked.prefix ?? "") &&
            (asked.tariff === undefined || point.tariff === asked.tariff) &&
            (asked.state === undefined || stateOf(point, nowSeconds) === asked.state),
        );
        assert.deepEqual(
          found,
          expected.map(({ servicePoint }) => servicePoint),
        );
      }),
      { numRuns: 25 },
    );
  });

  /** Slowly, as one would say it. */
  function stateOf({ contractStart, contractEnd }: MdmsServicePoint, now: number): string {
    if (contractEnd !== null && contractEnd <= now) return "ended";
    return contractStart > now ? "coming" : "running";
  }
});
