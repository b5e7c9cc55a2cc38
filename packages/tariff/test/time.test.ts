// Zones and billing windows: vectors, laws, and Intl asked directly as the slow reference.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  addLocalDays,
  addLocalMonths,
  assertZone,
  dayStartOf,
  gridInstantAtOrAfter,
  gridInstants,
  localDate,
  localDayStart,
  localDaysBetween,
  localMonthStart,
  localParts,
  nextWindow,
  windowsUpTo,
  zoneOffsetSeconds,
  type BillGrid,
} from "../src/index.ts";

/** Santiago and Beirut skip midnight; Lord Howe moves by half an hour; Kathmandu is +05:45. */
const zones = [
  "Europe/Paris",
  "Australia/Lord_Howe",
  "America/Santiago",
  "Asia/Beirut",
  "Asia/Kathmandu",
  "UTC",
] as const;
const anyZone = fc.constantFrom(...zones);
const utc = (iso: string): number => Date.parse(`${iso}Z`) / 1000;
const anyInstant = fc.integer({ min: utc("2001-01-01T00:00"), max: utc("2037-12-01T00:00") });

const dates = new Map(
  zones.map((timeZone) => [timeZone, new Intl.DateTimeFormat("en-CA", { timeZone })]),
);
const dateByIntl = (seconds: number, zone: (typeof zones)[number]): string | undefined =>
  dates.get(zone)?.format(seconds * 1000);

test("local days: lengths and starts", () => {
  const rows = [
    ["Europe/Paris", "2026-03-29", "2026-03-28T23:00", 23],
    ["Europe/Paris", "2026-10-25", "2026-10-24T22:00", 25],
    ["Europe/Paris", "2026-07-01", "2026-06-30T22:00", 24],
    ["Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5],
    ["Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", 23.5],
    ["America/Santiago", "2026-09-06", "2026-09-06T04:00", 23], // begins at 01:00
    ["America/Santiago", "2026-04-04", "2026-04-04T03:00", 25],
    ["Asia/Beirut", "2026-03-29", "2026-03-28T22:00", 23], // begins at 01:00
    ["Asia/Beirut", "2026-10-24", "2026-10-23T21:00", 25], // 23:00 to 24:00 twice
    ["America/Havana", "2026-11-01", "2026-11-01T04:00", 25], // midnight twice
    ["America/St_Johns", "2010-11-07", "2010-11-07T02:30", 25], // back over midnight at 00:01
    ["Pacific/Apia", "2011-12-29", "2011-12-29T10:00", 24],
    ["Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0], // never was
    ["Africa/Monrovia", "1971-06-01", "1971-06-01T00:44:30", 24], // offset of seconds
    ["America/New_York", "1970-01-02", "1970-01-02T05:00", 24],
  ] as const;
  for (const [zone, date, start, hours] of rows) {
    const name = `${zone} ${date}`;
    assert.equal(dayStartOf(date, zone), utc(start), name);
    const following = new Date((utc(`${date}T00:00`) + 86_400) * 1000).toISOString().slice(0, 10);
    assert.equal((dayStartOf(following, zone) - utc(start)) / 3600, hours, name);
    if (hours > 0) assert.equal(addLocalDays(utc(start), 1, zone) - utc(start), hours * 3600, name);
  }
});

test("a day that has begun goes on when clocks fall back over its midnight", () => {
  const zone = "America/St_Johns"; // 00:01 became 23:01 of the day before
  const start = utc("2010-11-07T02:30");
  assert.equal(localParts(start + 120, zone).day, 6, "the wall shows the 6th again");
  assert.equal(localDate(start + 120, zone), "2010-11-07");
  assert.equal(localDayStart(start + 120, zone), start);
  assert.equal(localDayStart(start - 1, zone), start - 86_400);
});

test("zoneOffsetSeconds changes at the second of the transition", () => {
  const change = utc("2026-03-29T01:00");
  assert.equal(zoneOffsetSeconds(change - 1, "Europe/Paris"), 3600);
  assert.equal(zoneOffsetSeconds(change, "Europe/Paris"), 7200);
  assert.equal(zoneOffsetSeconds(utc("2026-07-01T00:00"), "Australia/Lord_Howe"), 37_800);
  assert.deepEqual(localParts(change, "Europe/Paris"), {
    year: 2026,
    month: 3,
    day: 29,
    hour: 3,
    minute: 0,
    second: 0,
    weekday: 7,
  });
  assert.equal(localParts(utc("2026-03-30T12:00"), "UTC").weekday, 1);
});

test("zones and dates that are refused", () => {
  for (const zone of ["", "Mars/Olympus", "+02:00", "Europe/Paris ", "CEST-Summer", "../UTC"]) {
    assert.throws(() => assertZone(zone), { code: "ZONE_UNKNOWN" }, zone);
    assert.throws(() => localDayStart(0, zone), { code: "ZONE_UNKNOWN" }, zone);
  }
  const wrong = [
    "2026-02-29",
    "2026-2-1",
    "2026-13-01",
    "1969-12-31",
    "26-01-01",
    "",
    "2026-01-01T",
  ];
  for (const date of wrong) {
    assert.throws(() => dayStartOf(date, "UTC"), { code: "DATE_INVALID" }, date);
  }
  for (const instant of [-1, 0.5, Number.NaN, 1e12]) {
    assert.throws(() => localDate(instant, "UTC"), /assertion failed/);
  }
});

test("law: a local day is what Intl shows as one date", () => {
  fc.assert(
    fc.property(anyInstant, anyZone, (instant, zone) => {
      const start = localDayStart(instant, zone);
      const end = addLocalDays(start, 1, zone);
      const date = dateByIntl(instant, zone);
      assert.ok(start <= instant && instant < end);
      assert.equal(dateByIntl(start, zone), date);
      assert.equal(dateByIntl(end - 1, zone), date);
      assert.notEqual(dateByIntl(start - 1, zone), date);
      assert.notEqual(dateByIntl(end, zone), date);
      assert.equal(localDate(instant, zone), date);
      assert.equal(dayStartOf(localDate(instant, zone), zone), start);
      assert.equal(localDayStart(end - 1, zone), start);
    }),
    { numRuns: 400 },
  );
});

test("law: local days and months add up", () => {
  const count = fc.integer({ min: -400, max: 400 });
  fc.assert(
    fc.property(anyInstant, anyZone, count, count, (instant, zone, a, b) => {
      const start = localDayStart(instant, zone);
      const there = addLocalDays(start, a, zone);
      assert.equal(addLocalDays(there, b, zone), addLocalDays(start, a + b, zone));
      assert.equal(localDaysBetween(start, there, zone), a);
      const month = localMonthStart(instant, zone);
      assert.equal(localParts(month, zone).day, 1);
      const later = addLocalMonths(month, Math.abs(a) % 24, zone);
      assert.equal(addLocalMonths(later, -(Math.abs(a) % 24), zone), month);
      assert.equal(localMonthStart(later, zone), later);
    }),
    { numRuns: 200 },
  );
});

test("billing windows: the first one is long enough, the others follow", () => {
  const month = { unit: "month" } as const;
  const show = (
    grid: BillGrid,
    start: string,
    until: string,
    windowDaysMin = 28,
    zone: string = "Europe/Paris",
  ): string[] =>
    windowsUpTo({
      grid,
      zone,
      windowDaysMin,
      contractStartSeconds: utc(start),
      untilSeconds: dayStartOf(until, zone),
    }).map((w) => `${localDate(w.fromSeconds, zone)}/${localDate(w.toSeconds, zone)}`);

  const late = ["2026-10-29/2026-12-01", "2026-12-01/2027-01-01", "2027-01-01/2027-02-01"];
  assert.deepEqual(show(month, "2026-10-28T23:00", "2027-02-01"), late);
  assert.deepEqual(show(month, "2026-10-28T09:00", "2027-02-01"), late); // not a midnight: the next
  assert.deepEqual(show(month, "2026-10-28T23:00", "2026-11-30"), []);
  assert.deepEqual(show(month, "2026-10-28T23:00", "2026-12-01"), late.slice(0, 1));
  assert.deepEqual(show(month, "2026-01-31T23:00", "2026-04-01"), [
    "2026-02-01/2026-03-01",
    "2026-03-01/2026-04-01",
  ]);
  assert.deepEqual(show(month, "2026-01-31T23:00", "2026-04-01", 29), ["2026-02-01/2026-04-01"]);
  const weeks = { unit: "day", days: 7 } as const;
  assert.deepEqual(show(weeks, "2026-03-01T23:00", "2026-04-30"), [
    "2026-03-02/2026-03-30",
    "2026-03-30/2026-04-27",
  ]);
  const weekly = show(weeks, "2026-03-01T23:00", "2026-04-06", 1);
  assert.deepEqual(weekly.slice(-1), ["2026-03-30/2026-04-06"]);
  assert.equal(weekly.length, 5);
  const santiago = show(month, "2026-08-01T04:00", "2026-10-01", 28, "America/Santiago");
  assert.deepEqual(santiago, ["2026-08-01/2026-09-01", "2026-09-01/2026-10-01"]);
});

const anyGrid: fc.Arbitrary<BillGrid> = fc.oneof(
  fc.constant<BillGrid>({ unit: "month" }),
  fc.integer({ min: 1, max: 95 }).map((days): BillGrid => ({ unit: "day", days })),
);

test("law: windows tile time from the first midnight, on grid instants, long enough", () => {
  fc.assert(
    fc.property(
      fc.record({
        grid: anyGrid,
        zone: anyZone,
        contractStartSeconds: fc.integer({
          min: utc("2020-01-01T00:00"),
          max: utc("2026-01-01T00:00"),
        }),
        windowDaysMin: fc.integer({ min: 1, max: 62 }),
      }),
      (contract) => {
        const { zone, contractStartSeconds, windowDaysMin } = contract;
        const untilSeconds = contractStartSeconds + 400 * 86_400;
        const windows = windowsUpTo({ ...contract, untilSeconds });
        let border = gridInstantAtOrAfter(contract, 0);
        assert.ok(border >= contractStartSeconds && border - contractStartSeconds < 90_000);
        for (const { fromSeconds, toSeconds } of windows) {
          assert.equal(fromSeconds, border);
          assert.ok(localDaysBetween(fromSeconds, toSeconds, zone) >= windowDaysMin);
          assert.equal(localDayStart(toSeconds, zone), toSeconds);
          const inside = gridInstants({ ...contract, fromSeconds: fromSeconds + 1, toSeconds });
          const enough = addLocalDays(fromSeconds, windowDaysMin, zone);
          assert.ok(
            inside.every((instant) => instant < enough),
            "ends at the first instant",
          );
          assert.deepEqual(
            nextWindow({ ...contract, afterSeconds: fromSeconds }).toSeconds,
            toSeconds,
          );
          border = toSeconds;
        }
        assert.ok(nextWindow({ ...contract, afterSeconds: border }).toSeconds > untilSeconds);
      },
    ),
    { numRuns: 60 },
  );
});
