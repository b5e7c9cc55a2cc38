/**
 * What the MDMS asks of others (docs/protocol.md §7.5, §9.6): the registry's desk and the aggregator's door, both real, and what it shows of
 * their answers; tariffs before and after; reports that others have written; alarms and who has seen to them.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { aggregatorMigrations } from "@smarter-metering/aggregator";
import { defaultPolicy, unsafePolicy } from "@smarter-metering/policy";
import { signDocument } from "@smarter-metering/protocol";
import { createMetrics, openStore, type App, type Store } from "@smarter-metering/runtime";
import { parseTariff, type Tariff } from "@smarter-metering/tariff";
import { testPlace } from "../../../packages/runtime/test/test-place.ts";
import {
  contribute,
  HOUR,
  onlyStream,
  startBench,
  type Bench,
} from "../../pes/aggregator/test/bench.ts";
import * as stage from "../../registry/test/stage.ts";
import { readAudit } from "../src/access/audit.ts";
import { LEDGER_COLUMNS } from "../src/api/ledger-csv.ts";
import { raiseAlarm } from "../src/alarms.ts";
import { LedgerDoor, peerAt, RegistryDesk, reportsIn, startMdms, type Role } from "../src/index.ts";
import type { StatementRecord } from "../src/statement-query.ts";
import { differenceOf, newestVersionAlone, summarise } from "../src/tariff-preview.ts";
import { billRelease, startFixture, type Fixture } from "./fixture.ts";

const PASSWORD = "correct horse battery staple";
const DOOR_TOKEN = "token-of-the-ledgers-door";
const LOGINS: readonly Role[] = ["viewer", "billing", "operator", "privacy-officer"];

/** `fetch` to an app in this process. */
const into =
  (app: App) =>
  (url: URL, init: RequestInit): Promise<Response> =>
    Promise.resolve(app.request(url.pathname + url.search, init));

let fixture: Fixture;
let bench: Bench;
let ledgerStore: Store;
let registry: stage.Running;
let reports: string;
let http: App;
let servicePoint = "";
const tokens = new Map<Role, string>();

before(async () => {
  fixture = await startFixture({ startDate: "2025-02-01", loadIntervalSeconds: HOUR });
  const { world, ports } = fixture;
  ledgerStore = await openStore({
    place: await testPlace(),
    schema: "aggregator",
    migrations: aggregatorMigrations,
  });
  bench = await startBench(world, ledgerStore, world.dayStart(2) + HOUR);
  const state = await stage.stateWith([stage.terms("north")], stage.pointsOf("north", 12));
  servicePoint = state.servicePoints[0]?.mdms ?? "";
  registry = await stage.start(state);
  reports = await mkdtemp(join(tmpdir(), "reports-"));
  const url = "http://peer.test";
  const desk = peerAt("registry", {
    url,
    token: stage.TOKENS.parties.mdms,
    fetch: into(registry.registry.app),
  });
  const door = peerAt("aggregator", {
    url,
    token: DOOR_TOKEN,
    fetch: into(bench.aggregator.ledgerHttp(DOOR_TOKEN)),
  });
  await fixture.mdms.close();
  const mdms = await startMdms(
    {},
    {
      ...ports,
      metrics: createMetrics(),
      registryDesk: new RegistryDesk(desk),
      ledger: new LedgerDoor(door),
      reports: reportsIn(reports),
    },
  );
  http = mdms.http;
  for (const role of LOGINS) {
    await mdms.createOperator({ login: role, password: PASSWORD, role });
    const answer = await send("POST", "/v1/sessions", undefined, {
      login: role,
      password: PASSWORD,
    });
    tokens.set(role, ((await answer.json()) as { token: string }).token);
  }
});
after(async () => {
  await bench.aggregator.close();
  await ledgerStore.close();
  await registry.registry.close();
  await stage.strike();
  await rm(reports, { recursive: true });
  await fixture.close();
});

function send(
  method: string,
  path: string,
  role: Role | undefined,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const all = new Headers({ "content-type": "application/json", ...headers });
  if (role !== undefined) all.set("authorization", `Bearer ${tokens.get(role)}`);
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  return Promise.resolve(http.request(path, { ...init, headers: all }));
}
async function read<T>(role: Role, path: string): Promise<T> {
  const answer = await send("GET", path, role);
  assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`);
  return (await answer.json()) as T;
}
const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");

describe("the registry's desk", () => {
  interface Proposal {
    readonly id: string;
    readonly state: string;
    readonly proposedBy: string;
    readonly order: { readonly contractEnd?: string };
  }
  const moveOut = (end = stage.day(30)) => {
    return { kind: "move-out", servicePoint, contractEnd: iso(end) };
  };

  test("a proposal carries the login that asks, is one under one key, and is decided elsewhere", async () => {
    const key = { "idempotency-key": "one-move-out" };
    const filed = await send("POST", "/v1/registry/proposals", "operator", moveOut(), key);
    assert.equal(filed.status, 201);
    const proposal = (await filed.json()) as Proposal;
    assert.deepEqual(
      [proposal.state, proposal.proposedBy, proposal.order.contractEnd],
      ["open", "operator", iso(stage.day(30))],
    );
    await send("POST", "/v1/registry/proposals", "operator", moveOut(), key);
    const path = "/v1/registry/proposals";
    const listed = await read<{ proposals: Proposal[] }>("operator", path);
    assert.deepEqual(listed.proposals, [proposal]);

    interface Plan {
      readonly waiting: readonly { where: string; leavers: number; needed: number }[];
    }
    const now = await read<Plan>("privacy-officer", "/v1/registry/cohort-plan");
    assert.deepEqual(now.waiting, []);
    const then = await read<Plan>("operator", `${path}/${proposal.id}/cohort-plan`);
    assert.deepEqual(then.waiting, [{ where: "north", joiners: 0, leavers: 1, needed: 5 }]);

    await registry.registry.desk.decline(proposal.id, "no notice was given");
    const gone = await send("POST", `${path}/${proposal.id}/withdraw`, "operator", {});
    assert.equal(gone.status, 409);
    assert.equal(((await gone.json()) as { code: string }).code, "REGISTRY_PROPOSAL_DECIDED");
    assert.equal(registry.registry.status().epoch, 0);
  });

  test("what the registry refuses is refused in its words; what is not well formed gets no further", async () => {
    const path = "/v1/registry/proposals";
    const early = await send("POST", path, "operator", moveOut(stage.day(2)));
    const problem = (await early.json()) as { code: string; title: string };
    assert.deepEqual([early.status, problem.code], [400, "REGISTRY_INVALID_CHANGE"]);
    assert.match(problem.title, /last bill would cover under 7 days/);
    assert(!problem.title.includes("street"), "no label of the registry");
    for (const body of [{}, { ...moveOut(), kind: "ghost" }, { ...moveOut(), at: iso(0) }]) {
      assert.equal((await send("POST", path, "operator", body)).status, 400);
    }
  });

  test("parties, cohorts, numbers of contracts; contracts for those who move people", async () => {
    const answer = await read<{
      readonly parties: readonly { role: string; signingKey: string }[];
      readonly cohorts: readonly { cohort: string; versions: readonly { members: number }[] }[];
      readonly contracts: { readonly running: number };
      readonly policyNotice: null;
    }>("privacy-officer", "/v1/registry");
    assert(answer.parties.some(({ role }) => role === "trustee"));
    assert(answer.parties.every(({ signingKey }) => /^[0-9a-f]{64}$/.test(signingKey)));
    assert.deepEqual(
      answer.cohorts.map(({ cohort, versions }) => [cohort, versions.map((v) => v.members)]),
      [["north", [4]]],
    );
    assert.equal(answer.contracts.running, 4);
    assert.equal(answer.policyNotice, null);
    const path = "/v1/registry/contracts?pastDays=400";
    const { contracts } = await read<{ contracts: { event: string; at: string }[] }>(
      "operator",
      path,
    );
    assert.deepEqual(
      contracts.map(({ event, at }) => [event, at]),
      Array.from({ length: 4 }, () => ["start", "2025-01-31T23:00:00Z"]),
    );
  });

  test("a peer that is not there, or not configured, is said to be so", async () => {
    const { ports } = fixture;
    const fetch = (): Promise<Response> => Promise.reject(new TypeError("refused"));
    const lost = peerAt("registry", { url: "http://peer.test", token: "t", fetch });
    await assert.rejects(new RegistryDesk(lost).plan(), { code: "MDMS_PEER_UNREACHABLE" });
    const stranger = peerAt("registry", {
      url: "http://peer.test",
      token: "a-token-nobody-knows",
      fetch: into(registry.registry.app),
    });
    await assert.rejects(new RegistryDesk(stranger).plan(), { code: "MDMS_PEER_UNREACHABLE" });
    const authorization = `Bearer ${tokens.get("operator")}`;
    const answer = await fixture.http.request("/v1/ledger", { headers: { authorization } });
    assert.equal(answer.status, 503);
    assert.equal(((await answer.json()) as { code: string }).code, "MDMS_PEER_ABSENT");
    assert(ports.registryDesk === undefined);
  });
});

describe("tariffs", () => {
  const versioned = (tariff: Tariff, highMicro: number, validFrom: string): Tariff => {
    const [version] = tariff.versions;
    assert(version !== undefined);
    const pricesMicroPerKilowattHour = { ...version.pricesMicroPerKilowattHour, high: highMicro };
    const next = { ...version, version: 2, validFrom, pricesMicroPerKilowattHour };
    return parseTariff({ ...tariff, versions: [version, next] });
  };

  test("a preview prices released registers again, a bill at a time", async () => {
    const { world } = fixture;
    for (const [index, days] of [
      [0, 28],
      [1, 28],
      [2, 59],
    ] as const) {
      const release = await billRelease(world, index, [index === 2 ? 28 : 0, days], {
        request: `preview ${index}`,
        sequence: 100 + index,
      });
      await fixture.bus.publish("releases", [
        { id: `preview ${index}`, subject: "x", body: release },
      ]);
    }
    await fixture.bus.idle();
    const dearer = versioned(world.tariff, 385_000, "2026-01-01");
    const preview = async (body: object): Promise<Record<string, unknown>> => {
      const answer = await send("POST", "/v1/tariffs/preview", "billing", body);
      assert.equal(answer.status, 200, await answer.clone().text());
      return (await answer.json()) as Record<string, unknown>;
    };
    const range = { from: iso(world.dayStart(0)), to: iso(world.dayStart(28)) };
    const { faults, preview: made, version } = await preview({ document: dearer, ...range });
    assert.deepEqual([faults, version], [[], 2]);
    // 100 kWh in the band high, 0.10 CHF more, with 8.1 % tax: 10.81 CHF.
    assert.deepEqual(made, {
      bills: 2,
      unpriced: 0,
      before: "102.52",
      after: "124.14",
      differences: {
        min: "10.81",
        lowerQuartile: "10.81",
        median: "10.81",
        upperQuartile: "10.81",
        max: "10.81",
      },
      dearer: 2,
      cheaper: 0,
      more: false,
    });
    const near = await preview({ document: versioned(world.tariff, 1, "2025-03-01"), ...range });
    assert.match(JSON.stringify(near["faults"]), /TARIFF_VERSION_TOO_NEAR/);
    const flat = { ...dearer.calendar, id: "flat", rules: [] };
    const other = await preview({ document: { ...dearer, tariff: "other", calendar: flat } });
    assert.equal(other["preview"], null);
    const broken = await preview({ document: { kind: "smarter-metering/tariff" } });
    assert.equal((broken["faults"] as unknown[]).length > 0, true);
    const { signer } = world.parties.aggregator;
    const forged = await signDocument("smarter-metering/tariff", dearer, signer);
    assert.match(JSON.stringify(await preview({ jws: forged })), /TARIFF_NOT_SIGNED/);
    for (const body of [
      {},
      { document: dearer, jws: forged },
      { document: dearer, from: range.from },
    ]) {
      assert.equal((await send("POST", "/v1/tariffs/preview", "billing", body)).status, 400);
    }
  });

  test("differences are of bills that there are, whatever their number", () => {
    const tariff = newestVersionAlone(fixture.world.tariff);
    const record = (energy: bigint, amount: string): StatementRecord =>
      ({
        zone: "Europe/Zurich",
        fromSeconds: stage.day(0),
        toSeconds: stage.day(28),
        registers: [{ band: "high", energyMilliwattHours: energy }],
        exportMilliwattHours: 0n,
        cost: undefined,
        amount,
      }) as unknown as StatementRecord; // The rest of a record has no part in a price.
    const made = [0n, 1_000_000n, 2_000_000n, 9_000_000n].map((energy) =>
      differenceOf(tariff, record(energy, "-1.50")),
    );
    assert(made.every((one) => one !== undefined));
    assert.deepEqual(made[0], { beforeMinor: -150n, afterMinor: 969n });
    const { differences, before: sum, dearer } = summarise(made, 3, tariff);
    assert.deepEqual([sum, dearer], ["-6.00", 4]);
    assert.deepEqual(differences, {
      min: "11.19",
      lowerQuartile: "11.49",
      median: "11.80",
      upperQuartile: "13.96",
      max: "13.96",
    });
    assert.equal(summarise([], 0, tariff).differences, null);
    const off = { ...record(1n, "1.00"), fromSeconds: stage.day(28), toSeconds: stage.day(0) };
    assert.equal(differenceOf(tariff, off), undefined);
  });

  test("a signed tariff goes through to the registry; a forged one comes back with its reason", async () => {
    const next = versioned(fixture.world.tariff, 300_000, "2026-01-01");
    const jws = await stage.tariffJws(next);
    const forged = `${jws.slice(0, -8)}AAAAAAAA`;
    const refused = await send("POST", "/v1/tariffs", "billing", { jws: forged });
    assert.deepEqual(
      [refused.status, ((await refused.json()) as { code: string }).code],
      [400, "REGISTRY_TARIFF_INVALID"],
    );
    const before = registry.registry.status().epoch;
    const published = await send("POST", "/v1/tariffs", "billing", { jws });
    assert.equal(published.status, 201);
    assert.deepEqual(await published.json(), { registryEpoch: before + 1 });
  });

  test("every version says whether it is past, in force or to come", async () => {
    const { tariffs } = await read<{
      tariffs: {
        tariff: string;
        prices: null;
        servicePoints: number;
        versions: { state: string }[];
      }[];
    }>("viewer", "/v1/tariffs");
    const [known] = tariffs;
    assert.deepEqual([known?.prices, known?.servicePoints], [null, 4]);
    assert.deepEqual(
      known?.versions.map(({ state }) => state),
      ["in-force"],
    );
  });
});

describe("the ledger", () => {
  interface Entry {
    readonly start: string;
    readonly state: string;
    readonly contributors: number;
    readonly policyId: string | null;
  }
  before(async () => {
    const { world } = fixture;
    for (const [day, households] of [
      [0, [0, 1, 2, 3]],
      [1, [0, 1]],
    ] as const) {
      for (const index of households) {
        const made = await contribute(world, index, { blockStart: world.dayStart(day) });
        await bench.bus.deliver("contributions", onlyStream(made, "LOAD"));
      }
    }
    await bench.tick();
  });

  test("by cohort and day, page by page, with what was released of it here", async () => {
    const { world } = fixture;
    const first = await read<{ entries: Entry[]; next: string }>("viewer", "/v1/ledger?limit=1");
    const [open] = first.entries;
    assert.deepEqual(
      [open?.start, open?.state, open?.contributors, open?.policyId],
      [iso(world.dayStart(1)), "OPEN", 2, null],
    );
    const path = `/v1/ledger?limit=1&cursor=${encodeURIComponent(first.next)}`;
    const second = await read<{ entries: Entry[] }>("viewer", path);
    assert.deepEqual(
      second.entries.map(({ state, contributors }) => [state, contributors]),
      [["REQUESTED", 4]],
    );
    const summary = await read<{ blocks: unknown[]; bills: { windows: number }[] }>(
      "viewer",
      "/v1/ledger/summary",
    );
    assert.equal(summary.blocks.length, 2);
    assert(!JSON.stringify(summary).includes("servicePoint"));
    const none = await read<{ entries: Entry[] }>("viewer", "/v1/ledger?code=R1_EXCLUDED");
    assert.deepEqual(none.entries, []);
    const file = await send("GET", "/v1/ledger?format=csv&limit=1", "viewer");
    const [head, ...lines] = (await file.text()).trimEnd().split("\r\n");
    assert.equal(head?.split(",").length, LEDGER_COLUMNS.length);
    assert.deepEqual(
      lines.map((line) => line.split(",")[5]),
      ["OPEN", "REQUESTED"],
    );
    const nonsense = await send("GET", "/v1/ledger?cursor=nonsense", "viewer");
    assert.equal(nonsense.status, 400);
  });

  test("completeness: contributors of members, intervals covered, in basis points", async () => {
    interface Day {
      readonly members: number;
      readonly contributors: number;
      readonly slotsExpected: number;
      readonly slotsCovered: number;
      readonly coveredBasisPoints: number;
    }
    const { days } = await read<{ days: Day[] }>("viewer", "/v1/completeness");
    assert.deepEqual(
      days.map((day) => [day.contributors, day.members, day.slotsCovered, day.coveredBasisPoints]),
      [
        [2, 4, 48, 5000],
        [4, 4, 96, 10_000],
      ],
    );
  });
});

describe("privacy", () => {
  test("the policy beside its floors, and one that is announced", async () => {
    const { world } = fixture;
    const { epoch, view } = world.mdmsFeed.current();
    const looser = { ...unsafePolicy({ name: "looser", contributorsMin: 1 }) };
    world.mdmsFeed.set(epoch, { ...view, policyNotice: { policy: looser, inForceFrom: 2e9 } });
    const answer = await read<{
      readonly floors: readonly { field: string; floor: number }[];
      readonly notice: { policyId: string; inForceFrom: string; changes: string[] };
    }>("viewer", "/v1/privacy/policy");
    world.mdmsFeed.set(epoch, view);
    assert.deepEqual(answer.floors[0]?.floor, 20);
    assert(answer.floors.some(({ field }) => field === "dominanceMaxBasisPoints"));
    assert.equal(answer.notice.policyId, "UNSAFE-looser");
    assert(answer.notice.changes.length > 0);
    assert(defaultPolicy().contributorsMin === 100);
  });

  test("the residual and the attack report are what others wrote down, or a word on how to", async () => {
    const path = "/v1/privacy/residual?cohort=north";
    const none = await send("GET", path, "privacy-officer");
    const problem = (await none.json()) as { code: string; title: string };
    assert.deepEqual([none.status, problem.code], [404, "MDMS_NO_REPORT"]);
    assert.match(problem.title, /audit residual north/);
    const residual = { cohort: "north", direction: "import", windows: [] };
    const file = (name: string, text: string): Promise<void> =>
      writeFile(join(reports, name), text);
    await file("residual-import-north.json", JSON.stringify({ ...residual, cohort: "south" }));
    assert.equal((await send("GET", path, "privacy-officer")).status, 404, "of another cohort");
    await file("residual-import-north.json", JSON.stringify(residual));
    const read1 = await read<{ writtenAt: string; cohort: string }>("privacy-officer", path);
    assert.equal(read1.cohort, "north");
    for (const name of ["../north", "north%00", "south"]) {
      const asked = await send("GET", `/v1/privacy/residual?cohort=${name}`, "privacy-officer");
      assert.equal([400, 404].includes(asked.status), true, name);
    }
    const attack = "/v1/privacy/attack-report";
    assert.equal((await send("GET", attack, "privacy-officer")).status, 404);
    await file("attack-report.md", "# Privacy evaluation\n");
    await file("attack-report.json", "{ cut off");
    const report = await read<{ report: string; record: null }>("privacy-officer", attack);
    assert.deepEqual([report.report, report.record], ["# Privacy evaluation\n", null]);
  });
});

test("an alarm is seen to by somebody, until it comes again", async () => {
  interface Alarm {
    readonly digest: string;
    readonly code: string;
    readonly acknowledgedBy: string | null;
  }
  const { store, clock } = fixture;
  const now = Math.floor(clock.nowMs() / 1000);
  const raised = { digest: new Uint8Array(32).fill(5), code: "MDMS_CONFLICT", subject: "bill" };
  await raiseAlarm(store, raised, now);
  const named = { digest: "05".repeat(32), code: raised.code };
  const open = async (): Promise<(string | null)[]> => {
    const { alarms } = await read<{ alarms: Alarm[] }>("viewer", "/v1/alarms");
    return alarms.filter(({ digest }) => digest === named.digest).map((one) => one.acknowledgedBy);
  };
  assert.deepEqual(await open(), [null]);
  const path = "/v1/alarms/acknowledge";
  assert.equal((await send("POST", path, "viewer", named)).status, 403);
  assert.equal((await send("POST", path, "operator", named)).status, 200);
  assert.equal((await send("POST", path, "privacy-officer", named)).status, 200);
  assert.deepEqual(await open(), ["operator"], "the first is kept");
  const unknown = { ...named, code: "MDMS_POLICY" };
  assert.equal((await send("POST", path, "operator", unknown)).status, 404);
  await raiseAlarm(store, raised, now + 60);
  assert.deepEqual(await open(), [null]);
  const entries = await readAudit(store, {
    before: undefined,
    limit: 50,
    action: "alarm.acknowledge",
  });
  assert.equal(entries.length, 4);
});
