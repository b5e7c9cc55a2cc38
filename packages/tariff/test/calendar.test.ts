// Calendars with seasons, holidays and special days: vectors, what is refused, and the document read
// minute by minute at Intl's wall clock as the slow reference.

import assert from "node:assert/strict";
import { test } from "node:test";
import { registerBankOf, toHex } from "@smarter-metering/protocol";
import * as fc from "fast-check";
import {
  addLocalDays,
  addLocalMonths,
  bandAt,
  bandsOf,
  dayStartOf,
  describeTariff,
  parseCalendar,
  parseTariff,
  secondsOfBands,
  type Calendar,
} from "../src/index.ts";

const workdays = [1, 2, 3, 4, 5];
const summer = { name: "summer", from: "04-01", to: "09-30" };
const winter = { name: "winter", from: "11-01", to: "02-29" };
const full = {
  id: "full",
  bands: ["peak", "day", "night"],
  rules: [
    { weekdays: workdays, from: "07:00", to: "20:00", band: "day", seasons: ["summer"] },
    { weekdays: workdays, from: "06:00", to: "08:00", band: "peak", seasons: ["winter"] },
    { weekdays: workdays, from: "08:00", to: "22:00", band: "day", seasons: ["winter"] },
    { weekdays: [6], from: "09:00", to: "12:00", band: "day", holidays: true },
  ],
  defaultBand: "night",
  seasons: [summer, winter],
  holidays: { dates: ["2026-04-03", "12-25"] },
  specialDays: [{ date: "2026-12-24", rules: [{ from: "00:00", to: "24:00", band: "peak" }] }],
};

test("a calendar without what came later keeps its bank", async () => {
  // Hashes of the version that knew weekdays alone; keys in another order are the same calendar.
  const highLow = {
    id: "high-low",
    bands: ["high", "low"],
    rules: [{ weekdays: [1, 2, 3, 4, 5, 6], from: "07:00", to: "21:00", band: "high" }],
    defaultBand: "low",
  };
  const shuffled = {
    defaultBand: "low",
    bands: ["high", "low"],
    id: "workdays",
    rules: [{ to: "20:00", from: "07:00", band: "high", weekdays: workdays }],
  };
  const flat = { id: "flat", bands: ["all"], rules: [], defaultBand: "all" };
  const rows: [string, object][] = [
    ["0e77a16a2fd63888", highLow],
    ["274ab177b9dfcf1b", shuffled],
    ["d6075d05b7d4f5be", flat],
  ];
  for (const [bank, calendar] of rows) {
    assert.equal(toHex(await registerBankOf(parseCalendar(calendar))), bank);
  }
  assert.deepEqual(parseCalendar(JSON.parse(JSON.stringify(full))), full);
  const banks = [
    full,
    { ...full, specialDays: undefined },
    { ...full, holidays: { dates: ["12-25"] } },
  ];
  const hashes = await Promise.all(banks.map((each) => registerBankOf(parseCalendar(each))));
  assert.equal(new Set(hashes.map(toHex)).size, 3, "what a calendar says names its bank");
});

/** Until the 15th and from the 16th on, by turns with the days on which prices may change. */
const halves = {
  id: "halves",
  bands: ["high-1", "low-1", "high-2", "low-2"],
  rules: [
    {
      weekdays: workdays,
      from: "00:00",
      to: "07:00",
      band: "low-1",
      monthDays: { from: 1, to: 15 },
    },
    {
      weekdays: workdays,
      from: "07:00",
      to: "24:00",
      band: "high-1",
      monthDays: { from: 1, to: 15 },
    },
    {
      weekdays: [6, 7],
      from: "00:00",
      to: "24:00",
      band: "low-1",
      monthDays: { from: 1, to: 15 },
      holidays: true,
    },
    {
      weekdays: workdays,
      from: "07:00",
      to: "24:00",
      band: "high-2",
      monthDays: { from: 16, to: 31 },
    },
  ],
  defaultBand: "low-2",
  holidays: { dates: ["05-01", "12-25"] },
};

const day31 = {
  weekdays: [7],
  from: "07:00",
  to: "08:00",
  band: "high-1",
  monthDays: { from: 31, to: 31 },
};

test("days of the month: the band at an instant, in banks of their own", async () => {
  const calendar = parseCalendar(halves);
  assert.deepEqual(calendar, halves);
  const zone = "Europe/Zurich";
  const rows: [string, string][] = [
    ["2026-04-01T00:00", "low-1"],
    ["2026-04-01T07:00", "high-1"],
    ["2026-04-15T23:59", "high-1"],
    ["2026-04-16T00:00", "low-2"],
    ["2026-04-16T07:00", "high-2"],
    ["2026-04-30T23:59", "high-2"],
    ["2026-04-11T12:00", "low-1"], // a Saturday
    ["2026-04-18T12:00", "low-2"],
    ["2026-05-01T12:00", "low-1"], // holidays
    ["2026-12-25T12:00", "low-2"],
    ["2026-03-31T12:00", "high-2"],
    ["2027-02-26T12:00", "high-2"],
  ];
  for (const [wall, band] of rows) {
    const [date = "", time = ""] = wall.split("T");
    const minutes = Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
    const instant = dayStartOf(date, zone) + minutes * 60;
    assert.equal(calendar.bands[bandAt(calendar, instant, zone)], band, wall);
  }
  const last = parseCalendar({ ...halves, rules: [...halves.rules.slice(2), day31] });
  const sundays = ["2026-05-30", "2026-05-31", "2026-06-07"].map((date) =>
    secondsOfBands(
      last,
      { fromSeconds: dayStartOf(date, zone), toSeconds: dayStartOf(date, zone) + 86_400 },
      zone,
    ).at(0),
  );
  assert.deepEqual(sundays, [0, 3600, 0], "an hour of the 31st");
  const rule = (monthDays: unknown, change: object = {}): unknown => ({
    id: "any",
    bands: ["a", "b"],
    rules: [
      { weekdays: workdays, from: "07:00", to: "20:00", band: "b", monthDays, ...change },
      { weekdays: [1], from: "19:00", to: "21:00", band: "a", monthDays: { from: 10, to: 20 } },
    ],
    defaultBand: "a",
  });
  const accepted: [string, unknown][] = [
    ["days before", rule({ from: 1, to: 9 })],
    ["days after", rule({ from: 21, to: 31 })],
    ["one day", rule({ from: 31, to: 31 })],
    ["other hours", rule({ from: 10, to: 20 }, { to: "19:00" })],
    ["other weekdays", rule({ from: 15, to: 15 }, { weekdays: [2] })],
    ["all days, other hours", rule(undefined, { to: "19:00" })],
    ["all days by number", rule({ from: 1, to: 31 }, { to: "19:00" })],
  ];
  const banks = new Set<string>();
  for (const [name, value] of accepted) {
    const parsed = parseCalendar(JSON.parse(JSON.stringify(value)));
    assert.deepEqual(parsed, JSON.parse(JSON.stringify(value)), name);
    banks.add(toHex(await registerBankOf(parsed)));
  }
  assert.equal(banks.size, accepted.length, "days of the month name a bank");
  const path = "calendar.rules[0].monthDays";
  const refused: [string, string, unknown][] = [
    ["TARIFF_OUT_OF_RANGE", path, rule({ from: 10, to: 9 })],
    ["TARIFF_OUT_OF_RANGE", `${path}.from`, rule({ from: 0, to: 9 })],
    ["TARIFF_OUT_OF_RANGE", `${path}.to`, rule({ from: 1, to: 32 })],
    ["TARIFF_MALFORMED", `${path}.to`, rule({ from: 1, to: 1.5 })],
    ["TARIFF_MALFORMED", `${path}.from`, rule({ from: "1", to: 2 })],
    ["TARIFF_MALFORMED", path, rule({ from: 1 })],
    ["TARIFF_UNKNOWN_KEY", path, rule({ from: 1, to: 2, month: 3 })],
    ["TARIFF_MALFORMED", path, rule([1, 2])],
    ["TARIFF_MALFORMED", path, rule(null)],
    ["TARIFF_RULES_OVERLAP", "calendar.rules[1]", rule({ from: 20, to: 31 })],
    ["TARIFF_RULES_OVERLAP", "calendar.rules[1]", rule({ from: 1, to: 10 })],
    ["TARIFF_RULES_OVERLAP", "calendar.rules[1]", rule({ from: 15, to: 15 })],
    ["TARIFF_RULES_OVERLAP", "calendar.rules[1]", rule(undefined)],
  ];
  for (const [code, at, value] of refused) {
    const document: unknown = JSON.parse(JSON.stringify(value));
    assert.throws(() => parseCalendar(document), { code, path: at }, `${code} ${at}`);
  }
  assert.throws(() => parseCalendar(rule({ from: 1, to: 10 })), {
    message: /at some of these hours on Monday, days 10 to 10 of the month$/,
  });
});

test("seasons, holidays, special days: the band at an instant", () => {
  const calendar = parseCalendar(full);
  const countAs = { dates: ["2026-04-03"], countAs: 7 };
  const sundayRule = { weekdays: [7], from: "10:00", to: "11:00", band: "peak" };
  const rules = [...full.rules.slice(0, 3), sundayRule];
  const sundays = parseCalendar({ ...full, rules, holidays: countAs });
  const rows: [string, Calendar, string, string][] = [
    ["a Friday of summer", calendar, "2026-04-10T07:00", "day"],
    ["before it", calendar, "2026-04-10T06:59", "night"],
    ["the last day before summer", calendar, "2026-03-31T12:00", "night"],
    ["the first of summer", calendar, "2026-04-01T12:00", "day"],
    ["the last of summer", calendar, "2026-09-30T19:59", "day"],
    ["after summer", calendar, "2026-10-01T12:00", "night"],
    ["the first of winter that is a workday", calendar, "2026-11-02T06:00", "peak"],
    ["winter passes New Year", calendar, "2027-01-04T07:59", "peak"],
    ["29 February", calendar, "2028-02-29T07:00", "peak"],
    ["28 February of a year without", calendar, "2027-02-26T07:00", "peak"],
    ["1 March", calendar, "2027-03-01T07:00", "night"],
    ["Good Friday is a holiday", calendar, "2026-04-03T13:00", "night"],
    ["with rules of its own", calendar, "2026-04-03T11:59", "day"],
    ["a Saturday", calendar, "2026-04-04T11:59", "day"],
    ["Christmas, every year", calendar, "2031-12-25T07:00", "night"],
    ["Christmas morning", calendar, "2031-12-25T09:00", "day"],
    ["a special day", calendar, "2026-12-24T03:00", "peak"],
    ["to its end", calendar, "2026-12-24T23:59", "peak"],
    ["and no other year", calendar, "2027-12-24T03:00", "night"],
    ["a holiday that counts as a Sunday", sundays, "2026-04-03T10:59", "peak"],
    ["and not as a Friday", sundays, "2026-04-03T12:00", "night"],
    ["a Sunday", sundays, "2026-04-05T10:00", "peak"],
  ];
  for (const [name, rules, wall, band] of rows) {
    const [date = "", time = ""] = wall.split("T");
    const minutes = Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
    // None of these days changes clocks after midnight.
    const instant = dayStartOf(date, "Europe/Zurich") + minutes * 60;
    assert.equal(rules.bands[bandAt(rules, instant, "Europe/Zurich")], band, `${name}: ${wall}`);
  }
});

test("parseCalendar refuses, with code and path", () => {
  const change = (changes: object): unknown => ({ ...full, ...changes });
  const rule = { weekdays: [1], from: "07:00", to: "08:00", band: "day" };
  const rows: [string, string, unknown][] = [
    ["TARIFF_UNKNOWN_KEY", "calendar", change({ zones: [] })],
    ["TARIFF_OUT_OF_RANGE", "calendar.seasons", change({ seasons: [] })],
    [
      "TARIFF_MALFORMED",
      "calendar.seasons[0].from",
      change({ seasons: [{ ...summer, from: "4-1" }] }),
    ],
    ["DATE_INVALID", "calendar.seasons[0].to", change({ seasons: [{ ...summer, to: "09-31" }] })],
    ["DATE_INVALID", "calendar.seasons[0].to", change({ seasons: [{ ...summer, to: "02-30" }] })],
    [
      "TARIFF_DUPLICATE",
      "calendar.seasons",
      change({ seasons: [summer, { ...winter, name: "summer" }] }),
    ],
    [
      "TARIFF_SEASONS_OVERLAP",
      "calendar.seasons[1]",
      change({ seasons: [summer, { ...winter, from: "09-30" }] }),
    ],
    [
      "TARIFF_SEASONS_OVERLAP",
      "calendar.seasons[1]",
      change({
        seasons: [
          { ...winter, name: "summer" },
          { name: "winter", from: "02-29", to: "03-01" },
        ],
      }),
    ],
    [
      "TARIFF_SEASONS_OVERLAP",
      "calendar.seasons[1]",
      change({ seasons: [summer, { name: "winter", from: "01-01", to: "12-31" }] }),
    ],
    ["TARIFF_SEASON_UNKNOWN", "calendar.rules[1].seasons", change({ seasons: [summer] })],
    [
      "TARIFF_SEASON_UNKNOWN",
      "calendar.rules[0].seasons",
      { id: "a", bands: ["a"], rules: [{ ...rule, band: "a", seasons: ["b"] }], defaultBand: "a" },
    ],
    [
      "TARIFF_OUT_OF_RANGE",
      "calendar.rules[0].seasons",
      change({ rules: [{ ...rule, seasons: [] }] }),
    ],
    [
      "TARIFF_DUPLICATE",
      "calendar.rules[0].seasons",
      change({ rules: [{ ...rule, seasons: ["summer", "summer"] }] }),
    ],
    [
      "TARIFF_MALFORMED",
      "calendar.rules[0].holidays",
      change({ rules: [{ ...rule, holidays: false }] }),
    ],
    [
      "TARIFF_OUT_OF_RANGE",
      "calendar.rules[0].weekdays",
      change({ rules: [{ ...rule, weekdays: [] }] }),
    ],
    [
      "TARIFF_MALFORMED",
      "calendar.rules[3].holidays",
      change({ holidays: { dates: ["01-01"], countAs: 7 } }),
    ],
    [
      "TARIFF_MALFORMED",
      "calendar.rules[0].holidays",
      { id: "a", bands: ["a"], rules: [{ ...rule, band: "a", holidays: true }], defaultBand: "a" },
    ],
    ["TARIFF_MALFORMED", "calendar.holidays", change({ holidays: [] })],
    ["TARIFF_OUT_OF_RANGE", "calendar.holidays.dates", change({ holidays: { dates: [] } })],
    [
      "DATE_INVALID",
      "calendar.holidays.dates[1]",
      change({ holidays: { dates: ["01-01", "2027-02-29"] } }),
    ],
    [
      "TARIFF_DUPLICATE",
      "calendar.holidays.dates",
      change({ holidays: { dates: ["01-01", "01-01"] } }),
    ],
    [
      "TARIFF_OUT_OF_RANGE",
      "calendar.holidays.countAs",
      change({ holidays: { dates: ["01-01"], countAs: 8 } }),
    ],
    [
      "DATE_INVALID",
      "calendar.specialDays[0].date",
      change({ specialDays: [{ date: "12-24", rules: [] }] }),
    ],
    [
      "TARIFF_DUPLICATE",
      "calendar.specialDays",
      change({ specialDays: [full.specialDays[0], full.specialDays[0]] }),
    ],
    [
      "TARIFF_UNKNOWN_KEY",
      "calendar.specialDays[0].rules[0]",
      change({ specialDays: [{ date: "2026-12-24", rules: [rule] }] }),
    ],
    [
      "TARIFF_BAND_UNKNOWN",
      "calendar.specialDays[0].rules[0].band",
      change({
        specialDays: [{ date: "2026-12-24", rules: [{ from: "00:00", to: "24:00", band: "x" }] }],
      }),
    ],
    [
      "TARIFF_RULES_OVERLAP",
      "calendar.specialDays[0].rules[1]",
      change({
        specialDays: [
          {
            date: "2026-12-24",
            rules: [
              { from: "05:00", to: "07:00", band: "day" },
              { from: "03:00", to: "06:00", band: "peak" },
            ],
          },
        ],
      }),
    ],
    ["TARIFF_RULES_OVERLAP", "calendar.rules[4]", change({ rules: [...full.rules, rule] })],
    [
      "TARIFF_RULES_OVERLAP",
      "calendar.rules[4]",
      change({
        rules: [
          ...full.rules,
          { ...rule, weekdays: [], holidays: true, from: "11:59", to: "13:00" },
        ],
      }),
    ],
  ];
  for (const [code, path, value] of rows) {
    assert.throws(
      () => parseCalendar(value),
      { name: "TariffError", code, path },
      `${code} ${path}`,
    );
  }
  const apart = { ...rule, weekdays: workdays, from: "20:00", to: "21:00", seasons: ["summer"] };
  assert.ok(
    parseCalendar(change({ rules: [...full.rules, apart] })),
    "in winter it is taken, in summer free",
  );
});

test("describeTariff: a calendar in words", () => {
  const tariff = parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "seasons",
    currency: "CHF",
    minorDigits: 2,
    calendar: full,
    versions: [
      {
        version: 1,
        validFrom: "2026-01-01",
        pricesMicroPerKilowattHour: { peak: 400_000, day: 300_000, night: 200_000 },
        feedInMicroPerKilowattHour: 0,
        standingChargeMicroPerDay: 0,
        taxBasisPoints: 0,
      },
    ],
  });
  assert.deepEqual(describeTariff(tariff).slice(1, -1), [
    "Season summer: every year, 04-01 to 09-30.",
    "Season winter: every year, 11-01 to 02-29.",
    "Holidays have rules of their own: 2026-04-03, 12-25.",
    "Band day: in summer, Mon, Tue, Wed, Thu, Fri from 07:00 to 20:00, local time.",
    "Band peak: in winter, Mon, Tue, Wed, Thu, Fri from 06:00 to 08:00, local time.",
    "Band day: in winter, Mon, Tue, Wed, Thu, Fri from 08:00 to 22:00, local time.",
    "Band day: Sat, holidays from 09:00 to 12:00, local time.",
    "Band night: at all other times.",
    "On 2026-12-24 instead: band peak from 00:00 to 24:00, else band night.",
  ]);
});

test("describeTariff: days of the month in words", () => {
  const prices = Object.fromEntries(halves.bands.map((band) => [band, 1]));
  const tariff = parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "halves",
    currency: "CHF",
    minorDigits: 2,
    calendar: { ...halves, rules: [...halves.rules.slice(2), day31] },
    versions: [
      {
        version: 1,
        validFrom: "2026-01-01",
        pricesMicroPerKilowattHour: prices,
        feedInMicroPerKilowattHour: 0,
        standingChargeMicroPerDay: 0,
        taxBasisPoints: 0,
      },
    ],
  });
  assert.deepEqual(describeTariff(tariff).slice(2, -1), [
    "Band low-1: on days 1 to 15 of the month, Sat, Sun, holidays from 00:00 to 24:00, local time.",
    "Band high-2: on days 16 to 31 of the month, Mon, Tue, Wed, Thu, Fri from 07:00 to 24:00, local time.",
    "Band high-1: on day 31 of the month, Sun from 07:00 to 08:00, local time.",
    "Band low-2: at all other times.",
  ]);
});

const zones = ["Europe/Zurich", "America/New_York", "Australia/Lord_Howe"] as const;
const clocks = new Map(
  zones.map((timeZone) => [
    timeZone,
    new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      weekday: "short",
    }),
  ]),
);

const two = (value: number): string => String(value).padStart(2, "0");

interface Shown {
  readonly date: string;
  readonly time: string;
  readonly weekday: number;
}
const weekdayNames = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const shownAt = new Map<string, Shown>();

/** What Intl shows, asked once for each quarter: clocks change at quarters. */
function shown(seconds: number, zone: (typeof zones)[number]): Shown {
  const quarter = seconds - (seconds % 900);
  const key = `${zone} ${quarter}`;
  let known = shownAt.get(key);
  if (known === undefined) {
    const parts = clocks.get(zone)?.formatToParts(quarter * 1000) ?? [];
    const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? "";
    known = {
      date: `${part("year")}-${part("month")}-${part("day")}`,
      time: `${part("hour")}:${part("minute")}`,
      weekday: weekdayNames.indexOf(part("weekday")) + 1,
    };
    shownAt.set(key, known);
  }
  const minute = Number(known.time.slice(3)) + (seconds % 900) / 60;
  return { ...known, time: `${known.time.slice(0, 3)}${two(minute)}` };
}

/** The season's days counted on from its first, as people would, in a leap year. */
function daysOfSeason({ from, to }: { from: string; to: string }): Set<string> {
  const days = new Set([from]);
  for (let day = Date.parse(`2024-${from}`); !days.has(to); day += 86_400_000) {
    days.add(new Date(day).toISOString().slice(5, 10));
    if (days.size === 366) break;
  }
  return days;
}

/** The band of a minute by the document, read from top to bottom. */
function readerOf(calendar: Calendar): (minute: Shown) => string {
  const seasons = (calendar.seasons ?? []).map(
    (dates) => [dates.name, daysOfSeason(dates)] as const,
  );
  const { dates = [], countAs } = calendar.holidays ?? {};
  return ({ date, time, weekday }) => {
    const holds = ({ from, to }: { from: string; to: string }): boolean =>
      from <= time && time < to;
    const special = calendar.specialDays?.find((day) => day.date === date);
    if (special !== undefined) return special.rules.find(holds)?.band ?? calendar.defaultBand;
    const [season] = seasons.find(([, days]) => days.has(date.slice(5))) ?? [];
    const isHoliday = dates.includes(date) || dates.includes(date.slice(5));
    const rule = calendar.rules.find((each) => {
      const inSeason = each.seasons === undefined || each.seasons.includes(season ?? "");
      const isDay =
        isHoliday && countAs === undefined
          ? each.holidays === true
          : each.weekdays.includes(isHoliday ? (countAs ?? 0) : weekday);
      const { from: firstDay = 1, to: lastDay = 31 } = each.monthDays ?? {};
      const monthDay = Number(date.slice(8));
      return inSeason && isDay && firstDay <= monthDay && monthDay <= lastDay && holds(each);
    });
    return rule?.band ?? calendar.defaultBand;
  };
}

const clock = (quarter: number): string =>
  `${two(Math.floor(quarter / 4))}:${two((quarter % 4) * 15)}`;
const anyHours = fc
  .tuple(fc.integer({ min: 0, max: 95 }), fc.integer({ min: 1, max: 96 }))
  .map(([a, b]) => ({ from: clock(Math.min(a, b - 1)), to: clock(Math.max(a + 1, b)) }));
const anyBand = fc.constantFrom("a", "b", "c");
const anyRule = fc.record(
  {
    weekdays: fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }),
    hours: anyHours,
    band: anyBand,
    seasons: fc.subarray(["s", "t"], { minLength: 1 }),
    monthDays: fc
      .tuple(fc.integer({ min: 1, max: 31 }), fc.integer({ min: 1, max: 31 }))
      .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) })),
    holidays: fc.constant(true),
  },
  { requiredKeys: ["weekdays", "hours", "band"] },
);
/** Around days on which clocks change, and 29 February. */
const anyDate = fc.constantFrom(
  "2026-03-07",
  "2026-03-08",
  "2026-03-29",
  "2026-04-05",
  "2026-10-04",
  "2026-10-25",
  "2026-11-01",
  "2028-02-28",
  "2028-02-29",
  "2027-12-31",
);
const anyCalendar = fc
  .record({
    rules: fc.array(anyRule, { maxLength: 5 }),
    seasons: fc.tuple(anyDate, anyDate, anyDate, anyDate),
    dates: fc.uniqueArray(anyDate, { minLength: 1, maxLength: 4 }),
    countAs: fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined }),
    special: fc.record({ date: anyDate, hours: anyHours, band: anyBand }),
  })
  .map(({ rules, seasons: ends, dates, countAs, special }): unknown => {
    const [s = "", t = "", u = "", v = ""] = ends.map((date) => date.slice(5)).toSorted();
    const later = { name: "t", from: u, to: v };
    const seasons = s <= t && t < u ? [{ name: "s", from: s, to: t }, later] : [later];
    const names = new Set(seasons.map(({ name }) => name));
    return {
      id: "any",
      bands: ["a", "b", "c"],
      defaultBand: "a",
      rules: rules.map(({ hours, seasons: held, holidays, ...rule }) => ({
        ...rule,
        ...hours,
        ...(held && { seasons: [...new Set(held.map((name) => (names.has(name) ? name : "t")))] }),
        ...(holidays && countAs === undefined && { holidays }),
      })),
      seasons,
      holidays: { dates, ...(countAs && { countAs }) },
      specialDays: [{ date: special.date, rules: [{ ...special.hours, band: special.band }] }],
    };
  });

test("law: bands are the document read minute by minute, over every change of clocks", () => {
  let judged = 0;
  fc.assert(
    fc.property(anyCalendar, fc.constantFrom(...zones), anyDate, (document, zone, date) => {
      let calendar: Calendar;
      try {
        calendar = parseCalendar(document);
      } catch (error) {
        // Rules made at random overlap now and then; then there is no band to compare.
        assert.equal((error as { code?: string }).code, "TARIFF_RULES_OVERLAP");
        return;
      }
      judged += 1;
      const from = addLocalDays(dayStartOf(date, zone), -1, zone);
      const to = addLocalDays(from, 3, zone);
      const minutes = (to - from) / 60;
      const bands = bandsOf(calendar, from, 60, minutes, zone);
      const seconds = [0, 0, 0];
      const bandOf = readerOf(calendar);
      bands.forEach((band, minute) => {
        seconds[band] = (seconds[band] ?? 0) + 60;
        const start = from + minute * 60;
        const expected = bandOf(shown(start, zone));
        // Asserting only what differs: there are half a million minutes.
        if (calendar.bands[band] !== expected) assert.fail(`${start} (${zone}) is ${expected}`);
        if (minute % 15 === 7) assert.equal(bandAt(calendar, start + 59, zone), band);
      });
      assert.deepEqual(
        secondsOfBands(calendar, { fromSeconds: from, toSeconds: to }, zone),
        seconds,
      );
    }),
    { numRuns: 120 },
  );
  assert.ok(judged > 30, `${judged} calendars without overlaps`);
});

test("a year of minutes, and a leap day", () => {
  const calendar = parseCalendar(full);
  for (const zone of zones) {
    const from = dayStartOf("2028-01-01", zone);
    const to = addLocalMonths(from, 12, zone);
    const minutes = (to - from) / 60;
    assert.equal(minutes, 366 * 1440);
    const bands = bandsOf(calendar, from, 60, minutes, zone);
    const counted = [0, 1, 2].map((band) =>
      bands.reduce((sum, each) => sum + (each === band ? 60 : 0), 0),
    );
    assert.deepEqual(counted, secondsOfBands(calendar, { fromSeconds: from, toSeconds: to }, zone));
    // Workdays of winter have two hours of peak: 42 in January and February, 43 in November and
    // December, one of them Christmas, in no other month; the special day is another year's.
    assert.equal((counted[0] ?? 0) / 3600, 2 * (42 + 43 - 1));
  }
});
