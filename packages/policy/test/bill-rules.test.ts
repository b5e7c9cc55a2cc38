// The rules for bills: tables in which most rows are refused, and laws.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { addLocalDays, dayStartOf, windowsUpTo } from "@smarter-metering/tariff";
import {
  billRules,
  defaultPolicy,
  FINAL_WINDOW_DAYS_MIN,
  judgeBill,
  nextContractWindow,
  parsePolicy,
  type BillFacts,
  type BillWindowFacts,
  type Refusal,
  type ReleasePolicy,
} from "../src/index.ts";

const policy = defaultPolicy();
const codes = (refusals: readonly Refusal[]): string[] => refusals.map(({ code }) => code);

const zone = "Europe/Paris";
const day = (date: string): number => dayStartOf(date, zone);
const hour = 3600;
const november: BillWindowFacts = {
  fromGridSeconds: day("2026-10-29"),
  toGridSeconds: day("2026-12-01"),
  fromBorderSeconds: day("2026-10-28") + 15 * hour,
  toBorderSeconds: day("2026-12-01") + 5 * hour,
};
const december: BillWindowFacts = {
  fromGridSeconds: day("2026-12-01"),
  toGridSeconds: day("2027-01-01"),
  fromBorderSeconds: november.toBorderSeconds,
  toBorderSeconds: day("2027-01-01"),
};
const february: BillWindowFacts = {
  fromGridSeconds: day("2027-02-01"),
  toGridSeconds: day("2027-03-01"),
  fromBorderSeconds: day("2027-02-01") + hour,
  toBorderSeconds: day("2027-03-01"),
};
const bill: BillFacts = {
  ...december,
  servicePoint: "service-point-pseudonym",
  zone,
  contractStartSeconds: day("2026-10-28") + 12 * hour,
  contractEndSeconds: null,
  contractBeforeEndSeconds: null,
  fromIsInstallation: false,
  recordedWindows: [november],
  registerCount: 3,
  complete: true,
  nowSeconds: day("2027-04-01"),
};
/** From the first of December to the end of the contract. */
const ending = (date: string): BillFacts => ({
  ...bill,
  toGridSeconds: day(date),
  toBorderSeconds: day(date),
  contractEndSeconds: day(date),
});
/** The same, where another contract of the meter ended before. */
const before = (other: string, date: string): BillFacts => ({
  ...ending(date),
  contractBeforeEndSeconds: day(other),
});
const first: BillFacts = { ...bill, ...november, fromIsInstallation: true, recordedWindows: [] };

test("judgeBill accepts", () => {
  const january = {
    fromGridSeconds: december.toGridSeconds,
    toGridSeconds: february.fromGridSeconds,
    fromBorderSeconds: december.toBorderSeconds,
    toBorderSeconds: february.fromBorderSeconds,
  };
  const rows: [string, BillFacts][] = [
    ["the second window", bill],
    ["the first, from the installation", first],
    ["eight registers", { ...bill, registerCount: 8 }],
    [
      "two months",
      { ...bill, toGridSeconds: day("2027-02-01"), toBorderSeconds: day("2027-02-01") },
    ],
    ["28 days of February", { ...bill, ...february }],
    ["a gap, both borders shared", { ...bill, ...january, recordedWindows: [december, february] }],
    ["border at the cutoff", { ...bill, toBorderSeconds: december.toGridSeconds + 259_200 }],
    ["as soon as complete", { ...bill, nowSeconds: december.toBorderSeconds }],
    ["incomplete after the cutoff", { ...bill, complete: false }],
    ["nothing recorded", { ...bill, recordedWindows: [] }],
    ["seven days to the contract's end", ending("2026-12-08")],
    ["more than a month to it", ending("2027-01-05")],
    ["a short end 90 days after another", before("2026-09-15", "2026-12-14")],
    ["a whole month, however soon after another", before("2026-12-01", "2027-01-01")],
  ];
  for (const [name, facts] of rows) assert.deepEqual(judgeBill(facts, policy), [], name);
});

test("judgeBill refuses", () => {
  const to = (date: string) => ({ toGridSeconds: day(date), toBorderSeconds: day(date) });
  const from = (date: string) => ({ fromGridSeconds: day(date), fromBorderSeconds: day(date) });
  // 2 February to 1 March: 27 days.
  const shortFirst: BillFacts = {
    ...first,
    ...february,
    ...from("2027-02-02"),
    contractStartSeconds: day("2027-02-02"),
  };
  const noon = { toGridSeconds: december.toGridSeconds + 1, toBorderSeconds: day("2027-01-02") };
  const rows: [string, BillFacts, string[]][] = [
    ["nine registers", { ...bill, registerCount: 9 }, ["SHAPE_TOO_MANY_REGISTERS"]],
    ["to a mid-month day", { ...bill, ...to("2027-01-15") }, ["R8_OFF_GRID"]],
    ["a second past midnight", { ...bill, ...noon }, ["R8_OFF_GRID"]],
    ["another zone's midnights", { ...bill, zone: "Asia/Kathmandu" }, ["R8_OFF_GRID"]],
    ["first window of 27 days", shortFirst, ["R8_WINDOW_TOO_SHORT"]],
    ["a day", { ...bill, ...to("2026-12-02") }, ["R8_OFF_GRID", "R8_WINDOW_TOO_SHORT"]],
    ["the same again", { ...bill, recordedWindows: [november, december] }, ["R8_OVERLAP"]],
    [
      "one month more",
      { ...bill, recordedWindows: [december], ...to("2027-02-01") },
      ["R8_OVERLAP"],
    ],
    [
      "around an earlier one",
      { ...bill, ...to("2027-04-01"), recordedWindows: [november, february] },
      ["R8_OVERLAP"],
    ],
    [
      "from another border",
      { ...bill, fromBorderSeconds: november.toBorderSeconds + hour },
      ["R8_BORDER_NOT_SHARED"],
    ],
    [
      "from an earlier border",
      { ...bill, fromBorderSeconds: november.toBorderSeconds - hour },
      ["R8_OVERLAP", "R8_BORDER_NOT_SHARED"],
    ],
    [
      "to another border",
      { ...bill, ...to("2027-02-01"), recordedWindows: [november, february] },
      ["R8_BORDER_NOT_SHARED"],
    ],
    [
      "border a second late",
      { ...bill, toBorderSeconds: december.toGridSeconds + 259_201 },
      ["R8_BORDER_OUTSIDE_CUTOFF"],
    ],
    [
      "border before its instant",
      { ...bill, toBorderSeconds: december.toGridSeconds - 1 },
      ["R8_BORDER_OUTSIDE_CUTOFF"],
    ],
    [
      "installation before the contract",
      { ...first, fromBorderSeconds: first.contractStartSeconds - 1 },
      ["R8_BORDER_OUTSIDE_CUTOFF"],
    ],
    [
      "first window from any contribution",
      { ...first, fromIsInstallation: false, fromBorderSeconds: first.fromGridSeconds },
      ["R8_INSTALLATION_BORDER"],
    ],
    ["six days to the contract's end", ending("2026-12-07"), ["R8_WINDOW_TOO_SHORT"]],
    [
      "short, but not to the contract's end",
      { ...ending("2026-12-15"), ...to("2026-12-14") },
      ["R8_OFF_GRID", "R8_WINDOW_TOO_SHORT"],
    ],
    [
      "after the contract's end",
      { ...bill, contractEndSeconds: day("2026-12-31") },
      ["R8_OFF_GRID"],
    ],
    [
      "a short end 89 days after another",
      before("2026-09-15", "2026-12-13"),
      ["R8_MOVE_OUTS_TOO_CLOSE"],
    ],
    ["installation later on", { ...bill, fromIsInstallation: true }, ["R8_INSTALLATION_BORDER"]],
    [
      "before the contract",
      { ...bill, ...from("2026-10-01"), ...to("2026-11-01"), recordedWindows: [] },
      ["R8_OFF_GRID"],
    ],
    [
      "before its last border",
      { ...bill, nowSeconds: december.toBorderSeconds - 1 },
      ["TIMING_BEFORE_CUTOFF"],
    ],
    [
      "incomplete before the cutoff",
      { ...bill, complete: false, nowSeconds: december.toGridSeconds + 259_199 },
      ["TIMING_BEFORE_CUTOFF"],
    ],
  ];
  for (const [name, facts, expected] of rows) {
    const refusals = judgeBill(facts, policy);
    assert.deepEqual(codes(refusals), expected, name);
    assert.ok(refusals.every(({ reason }) => !reason.includes("pseudonym")));
  }
  const misshapen: Partial<BillFacts>[] = [
    { toGridSeconds: december.fromGridSeconds },
    { toBorderSeconds: december.fromBorderSeconds },
    { fromBorderSeconds: Number.NaN },
    { registerCount: 0 },
    { registerCount: 1.5 },
    { contractStartSeconds: -1 },
    { nowSeconds: Number.NaN },
    { recordedWindows: [{ ...november, toBorderSeconds: Number.NaN }] },
    { recordedWindows: [{ ...november, toGridSeconds: 1 }] },
  ];
  for (const change of misshapen) {
    const refused = codes(judgeBill({ ...bill, ...change }, policy));
    assert.deepEqual(refused, ["SHAPE_INCONSISTENT"], JSON.stringify(change));
  }
  assert.throws(() => judgeBill({ ...bill, zone: "Mars/Base" }, policy), { code: "ZONE_UNKNOWN" });
});

test("law: the planned windows are granted one after the other, none of them twice", () => {
  const earliest = day("2026-06-01");
  const zones = ["Europe/Paris", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut"];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(undefined, 28, 30, 45),
      fc.integer({ min: earliest, max: earliest + 400 * 86_400 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 259_200 })),
      (zone, days, contractStartSeconds, delays) => {
        const grid = days === undefined ? policy.billGrid : { unit: "day" as const, days };
        const by = parsePolicy({ ...policy, billGrid: grid });
        const untilSeconds = addLocalDays(contractStartSeconds, 250, zone);
        const contract = { grid, zone, contractStartSeconds, windowDaysMin: 28, untilSeconds };
        const recordedWindows: BillWindowFacts[] = [];
        let fromBorderSeconds = contractStartSeconds;
        for (const { fromSeconds, toSeconds } of windowsUpTo(contract)) {
          const window: BillWindowFacts = {
            fromGridSeconds: fromSeconds,
            toGridSeconds: toSeconds,
            fromBorderSeconds,
            toBorderSeconds: toSeconds + (delays.next().value ?? 0),
          };
          const facts: BillFacts = {
            ...bill,
            ...window,
            zone,
            contractStartSeconds,
            recordedWindows: [...recordedWindows],
            fromIsInstallation: recordedWindows.length === 0,
          };
          const now = { nowSeconds: window.toBorderSeconds };
          assert.deepEqual(judgeBill({ ...facts, ...now }, by), []);
          recordedWindows.push(window);
          const again = { ...facts, ...now, recordedWindows };
          assert.deepEqual(codes(judgeBill(again, by)), ["R8_OVERLAP"]);
          fromBorderSeconds = window.toBorderSeconds;
        }
        assert.ok(recordedWindows.length >= 4);
      },
    ),
    { numRuns: 60 },
  );
});

test("law: more recorded windows, less time or fewer days never make a bill releasable", () => {
  const instants = [0, 1, 2, 3, 4].map((month) => dayStartOf(`2027-0${month + 1}-01`, zone));
  const index = fc.nat(3);
  const anyWindow = fc.tuple(index, index, fc.nat(7200)).map(([a, b, late]): BillWindowFacts => {
    const [fromGrid = 0, toGrid = 0] = [instants[Math.min(a, b)], instants[Math.max(a, b) + 1]];
    return {
      fromGridSeconds: fromGrid,
      toGridSeconds: toGrid,
      fromBorderSeconds: fromGrid + (late % 2),
      toBorderSeconds: toGrid + (late % 3),
    };
  });
  const outcomes = new Set<boolean>();
  fc.assert(
    fc.property(
      anyWindow,
      fc.array(anyWindow, { maxLength: 2 }),
      anyWindow,
      fc.nat(9),
      (w, before, more, d) => {
        const facts = { ...bill, ...w, recordedWindows: before, nowSeconds: w.toBorderSeconds };
        const refusedNow = codes(judgeBill(facts, policy));
        outcomes.add(refusedNow.length === 0);
        const harder: [BillFacts, ReleasePolicy][] = [
          [{ ...facts, recordedWindows: [...before, more] }, policy],
          [{ ...facts, nowSeconds: facts.nowSeconds - d }, policy],
          [{ ...facts, complete: false }, policy],
          [facts, parsePolicy({ ...policy, billWindowDaysMin: 28 + d })],
        ];
        for (const [changed, by] of harder) {
          const refused = new Set(codes(judgeBill(changed, by)));
          for (const code of refusedNow) assert.ok(refused.has(code), code);
        }
      },
    ),
    { numRuns: 200 },
  );
  assert.equal(outcomes.size, 2, "some were released, some refused");
  assert.equal(new Set(billRules.map(({ code }) => code)).size, billRules.length);
});

test("windows of a contract that ends: no day unbilled, none twice, each granted", () => {
  const start = day("2026-06-01");
  fc.assert(
    fc.property(
      fc.integer({ min: FINAL_WINDOW_DAYS_MIN, max: 200 }),
      fc.constantFrom(28, 40),
      (days, windowDaysMin) => {
        const contract = {
          grid: policy.billGrid,
          zone,
          contractStartSeconds: start,
          contractEndSeconds: addLocalDays(start, days, zone),
        };
        const windows: BillWindowFacts[] = [];
        for (let after = 0; ;) {
          const window = nextContractWindow({ ...contract, windowDaysMin, afterSeconds: after });
          if (window === undefined) break;
          const { fromSeconds, toSeconds } = window;
          const facts: BillFacts = {
            ...bill,
            ...contract,
            fromGridSeconds: fromSeconds,
            fromBorderSeconds: fromSeconds,
            toGridSeconds: toSeconds,
            toBorderSeconds: toSeconds,
            fromIsInstallation: after === 0,
            recordedWindows: windows,
          };
          assert.deepEqual(judgeBill(facts, { ...policy, billWindowDaysMin: windowDaysMin }), []);
          assert.equal(fromSeconds, windows.at(-1)?.toGridSeconds ?? start);
          windows.push(facts);
          after = toSeconds;
        }
        assert.equal(windows.at(-1)?.toGridSeconds, contract.contractEndSeconds);
      },
    ),
  );
});
