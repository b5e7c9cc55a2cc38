/** Feeders against the load of their neighbourhoods (docs/quality.md): the balance, the alarm, and that no household is in either. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Series } from "@smarter-metering/readings";
import * as fc from "fast-check";
import { batchesOf, feederDays } from "../../../cli/src/commands/feeder-days.ts";
import { latestAlarms } from "../src/alarms.ts";
import {
  balanceDay,
  isImbalanced,
  type DayBalance,
  type FeederDay,
} from "../src/feeder-balance.ts";
import { billRelease, loadRelease, startFixture, type Fixture } from "./fixture.ts";

const day = (changes: Partial<FeederDay> = {}): FeederDay => ({
  blockStart: 0,
  intervalSeconds: 21_600,
  members: 100,
  feederWattHours: [1050, 1050, 1050, 1050],
  loadWattHours: [1000, 1000, 1000, 1000],
  contributorsPerSlot: [100, 100, 100, 100],
  ...changes,
});

describe("the balance of a day", () => {
  const cases: readonly {
    readonly name: string;
    readonly day: FeederDay;
    readonly differences: readonly (number | undefined)[];
    readonly judgement: DayBalance["judgement"];
  }[] = [
    { name: "5 % lost", day: day(), differences: [50, 50, 50, 50], judgement: "expected" },
    {
      name: "ten are absent: the load is scaled",
      day: day({
        contributorsPerSlot: [90, 90, 90, 90],
        feederWattHours: [1150, 1150, 1150, 1150],
      }),
      differences: [39, 39, 39, 39],
      judgement: "expected",
    },
    {
      name: "more lost than expected",
      day: day({ feederWattHours: [1100, 1100, 1100, 1100] }),
      differences: [100, 100, 100, 100],
      judgement: "above",
    },
    {
      name: "more measured at the households than at the feeder",
      day: day({ feederWattHours: [970, 970, 970, 970] }),
      differences: [-30, -30, -30, -30],
      judgement: "below",
    },
    {
      name: "one to four absent: not said, and one slot of four is too little to judge",
      day: day({ contributorsPerSlot: [99, 97, 96, 95] }),
      differences: [undefined, undefined, undefined, -3],
      judgement: "not-judged",
    },
    {
      name: "no feeder's reading, nobody in the sum",
      day: day({
        feederWattHours: [null, 1050, 1050, null],
        contributorsPerSlot: [100, 0, 100, 100],
      }),
      differences: [undefined, undefined, 50, undefined],
      judgement: "not-judged",
    },
    {
      name: "half of the day is enough; what flows out counts",
      day: day({
        feederWattHours: [-500, 2500, null, null],
        loadWattHours: [-520, 2420, 0, 0],
      }),
      differences: [20, 80, undefined, undefined],
      judgement: "expected",
    },
    {
      name: "a day on which more flowed out than in has no share",
      day: day({ feederWattHours: [-50, -50, -50, -50], loadWattHours: [-60, -60, -60, -60] }),
      differences: [10, 10, 10, 10],
      judgement: "not-judged",
    },
  ];
  for (const { name, day: given, differences, judgement } of cases) {
    test(name, () => {
      const balance = balanceDay(given, 5);
      assert.deepEqual(
        balance.slots.map((slot) => slot?.differenceWattHours),
        differences,
      );
      assert.equal(balance.judgement, judgement);
    });
  }

  test("law: agrees with a sum slot by slot, and never speaks of 1 to m−1 absent", () => {
    const slot = fc.record({
      feeder: fc.option(fc.integer({ min: -(10 ** 6), max: 10 ** 6 })),
      load: fc.integer({ min: -(10 ** 6), max: 10 ** 6 }),
      contributors: fc.integer({ min: 0, max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(slot, { minLength: 1, maxLength: 20 }), (slots) => {
        const balance = balanceDay(
          day({
            members: 30,
            feederWattHours: slots.map(({ feeder }) => feeder),
            loadWattHours: slots.map(({ load }) => load),
            contributorsPerSlot: slots.map(({ contributors }) => contributors),
          }),
          5,
        );
        let [feederTotal, count] = [0, 0];
        for (const [index, { feeder, load, contributors }] of slots.entries()) {
          const said = balance.slots[index];
          const absent = 30 - contributors;
          if (feeder === null || contributors === 0 || (absent > 0 && absent < 5)) {
            assert.equal(said, undefined);
            continue;
          }
          assert(said !== undefined);
          assert.equal(said.scaledLoadWattHours + said.differenceWattHours, feeder);
          assert(Math.abs(said.scaledLoadWattHours * contributors - load * 30) <= contributors);
          feederTotal += feeder;
          count += 1;
        }
        assert.deepEqual([balance.feederWattHours, balance.balancedSlots], [feederTotal, count]);
      }),
    );
  });
});

test("three judged days on one side make an imbalance, and nothing less", () => {
  const rows: readonly (readonly [judgements: string, imbalanced: boolean])[] = [
    ["", false],
    ["above above", false],
    ["above above above", true],
    ["below below below", true],
    ["above above below", false],
    ["above above expected", false],
    ["above expected above above", false],
    ["expected above above above", true],
    ["above not-judged above not-judged above", true],
    ["above above above expected", false],
    ["not-judged not-judged not-judged", false],
  ];
  for (const [text, imbalanced] of rows) {
    const days = text
      .split(" ")
      .filter((word) => word !== "")
      .map((judgement) => ({ judgement: judgement as DayBalance["judgement"] }));
    assert.equal(isImbalanced(days), imbalanced, text);
  }
});

describe("feeders of a deployment", () => {
  const PASSWORD = "correct horse battery staple";
  let fixture: Fixture;
  let token = "";
  before(async () => {
    fixture = await startFixture({ startDate: "2025-03-28" });
    const { world, mdms } = fixture;
    // Days 0 to 4: the third of them has 92 intervals. Slot j of a release is 1000 + j Wh.
    const days = [0, 1, 2, 3, 4].map((index) =>
      loadRelease(world, index, { request: `day ${index}`, sequence: index }),
    );
    const bill = billRelease(world, 0, [0, 28], { request: "bill", sequence: 9 });
    await fixture.deliver(...(await Promise.all([...days, bill])));
    await mdms.createOperator({ login: "operator", password: PASSWORD, role: "operator" });
    await mdms.createOperator({ login: "viewer", password: PASSWORD, role: "viewer" });
    token = await logIn("operator");
  });
  after(() => fixture.close());

  async function logIn(login: string): Promise<string> {
    const response = await fixture.http.request("/v1/sessions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ login, password: PASSWORD }),
    });
    return ((await response.json()) as { token: string }).token;
  }
  const get = async <T>(path: string): Promise<T> => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fixture.http.request(path, { headers });
    assert.equal(response.status, 200, path);
    return (await response.json()) as T;
  };
  const post = async (path: string, body: unknown, as = token): Promise<Response> =>
    fixture.http.request(path, {
      method: "POST",
      headers: { authorization: `Bearer ${as}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const start = (index: number): string =>
    new Date(1000 * fixture.world.dayStart(index)).toISOString();
  const slotsOf = (index: number): number =>
    (fixture.world.dayStart(index + 1) - fixture.world.dayStart(index)) / 900;
  /** A feeder that measures `factor` times what the households do. */
  const feederDay = (index: number, factor: number) => ({
    start: start(index),
    energy_Wh: Array.from({ length: slotsOf(index) }, (_, slot) =>
      Math.round(factor * (1000 + slot)),
    ),
  });
  const everyText = (value: unknown): string[] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => [key, ...everyText(inner)])
      : [String(value)];

  test("is empty before the first import", async () => {
    assert.deepEqual(await get("/v1/feeders"), { feeders: [] });
    assert.deepEqual(await get("/v1/feeders/north"), { days: [] });
  });

  test("is an operator's to bring in, on the grid, of past days; the rest is refused and stores nothing", async () => {
    const viewer = await logIn("viewer");
    const good = feederDay(0, 1.05);
    assert.equal((await post("/v1/feeders/north", { days: [good] }, viewer)).status, 403);
    const rows: readonly (readonly [path: string, body: unknown, status: number, code: string])[] =
      [
        ["/v1/feeders/south", { days: [good] }, 404, "NOT_FOUND"],
        ["/v1/feeders/%00", { days: [good] }, 400, "BAD_REQUEST"],
        ["/v1/feeders/north", {}, 400, "BAD_REQUEST"],
        ["/v1/feeders/north", { days: [] }, 400, "BAD_REQUEST"],
        ["/v1/feeders/north", { days: [{ ...good, servicePoint: "a" }] }, 400, "BAD_REQUEST"],
        ["/v1/feeders/north", { days: [{ ...good, energy_Wh: [1.5] }] }, 400, "BAD_REQUEST"],
        ["/v1/feeders/north", { days: [{ ...good, energy_Wh: [2 ** 41] }] }, 400, "BAD_REQUEST"],
        ["/v1/feeders/north", { days: [{ ...good, energy_Wh: [1] }] }, 400, "MDMS_FEEDER_OFF_GRID"],
        [
          "/v1/feeders/north",
          { days: [{ ...feederDay(2, 1), energy_Wh: good.energy_Wh }] },
          400,
          "MDMS_FEEDER_OFF_GRID",
        ],
        [
          "/v1/feeders/north",
          { days: [{ start: "2025-03-29T00:00:00Z", energy_Wh: good.energy_Wh.slice(4) }] },
          400,
          "MDMS_FEEDER_OFF_GRID",
        ],
        ["/v1/feeders/north", { days: [good, feederDay(300, 1)] }, 400, "MDMS_FEEDER_OFF_GRID"],
      ];
    for (const [path, body, status, code] of rows) {
      const response = await post(path, body);
      const problem = (await response.json()) as { code: string };
      assert.equal(response.status, status, `${code}: ${JSON.stringify(problem)}`);
      if (code.startsWith("MDMS")) assert.equal(problem.code, code);
    }
    assert.deepEqual(await get("/v1/feeders"), { feeders: [] });
  });

  test("a day of 23 hours is balanced; an import again replaces it", async () => {
    assert.equal(slotsOf(2), 92);
    await post("/v1/feeders/north", { days: [feederDay(2, 2)] });
    const answer = await post("/v1/feeders/north", { days: [feederDay(2, 1.05)] });
    assert.deepEqual(await answer.json(), { days: 1, alarm: null });
    const { days } = await get<{ days: Record<string, unknown>[] }>("/v1/feeders/north");
    const [only, ...others] = days;
    assert.equal(others.length, 0);
    assert.deepEqual([only?.["balancedSlots"], only?.["judgement"]], [92, "expected"]);
    assert.deepEqual((only?.["difference_Wh"] as number[] | undefined)?.[0], 50);
  });

  test("three days of a tenth lost raise FEEDER_IMBALANCE, of the neighbourhood", async () => {
    const lost = (index: number) => feederDay(index, 1.2);
    const two = await post("/v1/feeders/north", { days: [lost(2), lost(3)] });
    assert.deepEqual(await two.json(), { days: 2, alarm: null });
    const third = await post("/v1/feeders/north", { days: [lost(4)] });
    assert.deepEqual(await third.json(), { days: 1, alarm: "FEEDER_IMBALANCE" });
    const alarms = await latestAlarms(fixture.store, 10);
    assert.deepEqual(
      alarms.map(({ code, subject }) => [code, subject]),
      [["FEEDER_IMBALANCE", "feeder/north"]],
    );
    const { feeders } = await get<{ feeders: Record<string, unknown>[] }>("/v1/feeders");
    assert.equal(feeders[0]?.["alarm"], "FEEDER_IMBALANCE");
    const listed = await get<{ alarms: { subject: string }[] }>("/v1/alarms");
    assert.equal(listed.alarms[0]?.subject, "feeder/north");
  });

  test("no household is in what is stored, asked or answered", async () => {
    const names = fixture.world.households.flatMap((one) => [one.mdms, one.network, one.meterId]);
    const answers = [await get("/v1/feeders"), await get("/v1/feeders/north")];
    const words = new Set(answers.flatMap(everyText));
    assert(names.every((name) => !words.has(name)));
    assert.deepEqual(
      [...words].filter((word) => /[a-z]/i.test(word) && !/^\d{4}-/.test(word)).toSorted(),
      [
        "FEEDER_IMBALANCE",
        "above",
        "alarm",
        "balancedSlots",
        "cohort",
        "days",
        "difference_Wh",
        "feederTotal_Wh",
        "feeders",
        "intervalSeconds",
        "judgement",
        "lastDay",
        "lossShare",
        "north",
        "scaledLoadTotal_Wh",
        "scaledLoad_Wh",
        "start",
      ].toSorted(),
    );
    // The balance is the same when every table that knows service points is empty.
    await fixture.store.query("delete from delivery");
    await fixture.store.query("delete from statement_register");
    await fixture.store.query("delete from statement");
    assert.deepEqual([await get("/v1/feeders"), await get("/v1/feeders/north")], answers);
  });

  test("export: a day without its release is not balanced; with it the net counts", async () => {
    const { world } = fixture;
    const members = world.households.length;
    const exported = await loadRelease(world, 3, {
      request: "export",
      sequence: 20,
      stream: "LOAD_EXPORT",
      energy_Wh: Array.from({ length: 96 }, () => 300),
      contributorsPerSlot: Array.from({ length: 96 }, (_, slot) =>
        slot < 4 ? members - 1 : members,
      ),
    });
    await fixture.deliver(exported);
    const { days } = await get<{
      days: { start: string; balancedSlots: number; difference_Wh: (number | null)[] }[];
    }>("/v1/feeders/north");
    assert.deepEqual(
      days.map(({ start: at }) => at),
      [start(3).replace(".000", "")],
    );
    assert.equal(
      days[0]?.balancedSlots,
      92,
      "other members in one sum than in the other: not said",
    );
    assert.deepEqual(days[0]?.difference_Wh.slice(3, 5), [null, 1205 - (1004 - 300)]);
  });
});

describe("a feeder's file", () => {
  const midnight = Date.UTC(2025, 2, 28, 23) / 1000;
  const grid = { zone: "Europe/Zurich", intervalSeconds: 900 };
  const series = (count: number, intervalSeconds: number, startSeconds = midnight): Series => ({
    label: "feeder",
    startSeconds,
    intervalSeconds,
    importMilliwattHours: new Float64Array(count).fill(1700),
    exportMilliwattHours: new Float64Array(count),
    quality: new Uint8Array(count),
  });

  test("becomes local days of 96 and 92 intervals whose Wh add up, with gaps as null", () => {
    const minutes = series(1440 + 1380, 60);
    minutes.quality[20] = 1;
    const [first, second, ...others] = feederDays(minutes, grid);
    assert(first !== undefined && second !== undefined && others.length === 0);
    assert.deepEqual([first.start, first.energy_Wh.length], ["2025-03-28T23:00:00Z", 96]);
    assert.deepEqual([second.start, second.energy_Wh.length], ["2025-03-29T23:00:00Z", 92]);
    assert.deepEqual(first.energy_Wh.slice(0, 4), [25, null, 26, 25]);
    const sum = [...first.energy_Wh, ...second.energy_Wh].reduce<number>(
      (total, value) => total + (value ?? 0),
      0,
    );
    assert.equal(sum, Math.floor(((1440 + 1380 - 15) * 1700) / 1000));
  });

  test("is net of what flowed out, below zero too; a part of a day is a part of a day", () => {
    const net = series(4, 900, midnight + 900);
    net.exportMilliwattHours.fill(3200);
    const [day] = feederDays(net, grid);
    assert.deepEqual(day?.energy_Wh.slice(0, 6), [null, -2, -1, -2, -1, null]);
    const silent = series(96 + 92, 900);
    silent.quality.fill(1, 0, 96);
    assert.deepEqual(
      feederDays(silent, grid).map(({ start: at }) => at),
      ["2025-03-29T23:00:00Z"],
      "a day without any reading is none",
    );
  });

  test("that does not fit the grid is refused; many days go in bodies that the MDMS takes", () => {
    for (const [count, seconds, start] of [
      [24, 3600, midnight],
      [24, 420, midnight],
      [24, 900, midnight + 60],
    ] as const) {
      assert.throws(() => feederDays(series(count, seconds, start), grid), {
        code: "FEEDER_OFF_GRID",
      });
    }
    const batches = [...batchesOf(feederDays(series(96 * 30, 900), grid))];
    assert(batches.every((batch) => batch.length <= 8 && JSON.stringify(batch).length < 16_000));
    assert.equal(batches.flat().length, 31);
    assert.deepEqual([...batchesOf([])], []);
  });
});
