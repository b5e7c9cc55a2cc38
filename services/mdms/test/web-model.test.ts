/** What the operators' pages compute: QR codes, load curves over changes of the clock, drawn calendars, tariffs from forms, files. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  bandAt,
  dayStartOf,
  localParts,
  parseTariff,
  tariffFaults,
  TariffError,
  type Calendar,
} from "@smarter-metering/tariff";
import * as fc from "fast-check";
import { runsOf, weeksOf } from "../web/src/model/calendar-week.ts";
import { csvText } from "../web/src/model/csv-text.ts";
import { sumOf } from "../web/src/model/decimal-sum.ts";
import { feederDays } from "../web/src/model/feeder-file.ts";
import { dayAfter, isoDay } from "../web/src/model/iso-day.ts";
import {
  behindOf,
  curveOf,
  factsOf,
  laidOver,
  neighbour,
  rangeOf,
  SPANS,
  STEPS,
  type Block,
} from "../web/src/model/load-curve.ts";
import {
  errorCorrection,
  formatBits,
  QR_BYTES_MAX,
  qrCode,
  versionBits,
} from "../web/src/model/qr-code.ts";
import { documentOf, draftOf, FIRST_TARIFF, parseDecimal } from "../web/src/model/tariff-draft.ts";

const zone = "Europe/Zurich";
const at = (text: string): number => Date.parse(text) / 1000;

describe("QR code", () => {
  test("Reed-Solomon, format and version bits of the standard's examples", () => {
    const data = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17];
    assert.deepEqual(errorCorrection(data, 10), [196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
    assert.equal(formatBits(0).toString(2), "101010000010010");
    assert.equal(versionBits(7).toString(2).padStart(18, "0"), "000111110010010100");
  });

  test("finders, timing and size of every version; too long is undefined", () => {
    const sizes = new Set<number>();
    for (let length = 1; length <= QR_BYTES_MAX; length++) {
      const code = qrCode("x".repeat(length)) ?? [];
      sizes.add(code.length);
      const finder = (x: number, y: number): string =>
        code
          .slice(y, y + 7)
          .map((row) =>
            row
              .slice(x, x + 7)
              .map(Number)
              .join(""),
          )
          .join(" ");
      const expected = "1111111 1000001 1011101 1011101 1011101 1000001 1111111";
      for (const [x, y] of [
        [0, 0],
        [code.length - 7, 0],
        [0, code.length - 7],
      ] as const) {
        assert.equal(finder(x, y), expected);
      }
      for (let index = 8; index < code.length - 8; index++) {
        assert.equal(code[6]?.[index], index % 2 === 0);
      }
    }
    assert.deepEqual([...sizes], [21, 25, 29, 33, 37, 41, 45, 49, 53, 57]);
    assert.equal(qrCode("x".repeat(QR_BYTES_MAX + 1)), undefined);
  });
});

describe("load curve", () => {
  const blockOf = (date: string, wattHours: (slot: number) => number): Block => {
    const start = dayStartOf(date, zone);
    const slots = (dayStartOf(dayAfter(date), zone) - start) / 900;
    return {
      start: new Date(start * 1000).toISOString(),
      intervalSeconds: 900,
      members: 30,
      energy_Wh: Array.from({ length: slots }, (_, slot) => wattHours(slot)),
      contributorsPerSlot: Array.from({ length: slots }, () => 30),
    };
  };
  const grid = { zone, intervalSeconds: 900 };

  test("spans end where they begin anew, over both changes of the clock", () => {
    const spring = at("2025-03-30T10:00:00Z");
    assert.deepEqual(rangeOf("day", spring, zone), {
      from: at("2025-03-29T23:00:00Z"),
      to: at("2025-03-30T22:00:00Z"),
    });
    assert.deepEqual(rangeOf("week", spring, zone), {
      from: at("2025-03-23T23:00:00Z"),
      to: at("2025-03-30T22:00:00Z"),
    });
    assert.deepEqual(rangeOf("quarter", at("2025-12-31T22:59:59Z"), zone), {
      from: at("2025-09-30T22:00:00Z"),
      to: at("2025-12-31T23:00:00Z"),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...SPANS),
        fc.integer({ min: at("2020-01-01T00:00:00Z"), max: at("2035-01-01T00:00:00Z") }),
        (span, seconds) => {
          const range = rangeOf(span, seconds, zone);
          assert(range.from <= seconds && seconds < range.to);
          assert.equal(neighbour(span, range, zone, 1).from, range.to);
          assert.equal(neighbour(span, range, zone, -1).to, range.from);
        },
      ),
    );
  });

  test("every step has the same energy; days of 23 and 25 hours are whole", () => {
    for (const [date, hours] of [
      ["2025-03-30", 23],
      ["2025-10-26", 25],
      ["2025-06-01", 24],
    ] as const) {
      const range = rangeOf("day", dayStartOf(date, zone), zone);
      const block = blockOf(date, (slot) => 1000 + slot);
      const total = block.energy_Wh.reduce((sum, each) => sum + each, 0) / 1000;
      for (const step of STEPS) {
        const curve = curveOf([block], range, step, grid);
        assert.equal(curve.x.length, { interval: hours * 4, hour: hours, day: 1 }[step]);
        const facts = factsOf(curve, range);
        assert(Math.abs((facts?.energyKilowattHours ?? 0) - total) < 1e-9, `${date} ${step}`);
        assert.equal(facts?.contributorsMin, 30);
      }
    }
  });

  test("a gap is a gap at every step, and never a smaller number", () => {
    const range = rangeOf("week", dayStartOf("2025-06-04", zone), zone);
    const whole = blockOf("2025-06-03", () => 500);
    const holed = {
      ...blockOf("2025-06-05", () => 500),
      contributorsPerSlot: Array.from({ length: 96 }, (_, slot) => (slot === 10 ? 0 : 30)),
    };
    const gaps = (step: (typeof STEPS)[number]): number =>
      curveOf([whole, holed], range, step, grid).y.filter((value) => Number.isNaN(value)).length;
    assert.deepEqual(STEPS.map(gaps), [5 * 96 + 1, 5 * 24 + 1, 6]);
    const facts = factsOf(curveOf([whole, holed], range, "interval", grid), range);
    assert.deepEqual([facts?.peakKilowatts, facts?.loadFactor], [2, 1]);
    assert.equal(factsOf(curveOf([], range, "hour", grid), range), undefined);
  });

  test("the week before lies behind day by day, whatever the clock did between", () => {
    const range = rangeOf("week", dayStartOf("2025-03-31", zone), zone);
    const behind = behindOf("week", range, zone);
    const days = ["24", "25", "26", "27", "28", "29", "30"].map((day) =>
      blockOf(`2025-03-${day}`, (slot) => Number(day) * 1000 + slot),
    );
    const now = curveOf([], range, "interval", grid);
    const earlier = curveOf(days, behind, "interval", grid);
    const laid = laidOver(earlier, now, behind, zone);
    for (const [index, x] of now.x.entries()) {
      const { day, hour, minute } = localParts(x, zone);
      const number = day >= 31 ? 24 : 24 + day;
      const slot = hour * 4 + minute / 15;
      const expected =
        number === 30 && slot >= 92 ? Number.NaN : ((number * 1000 + slot) * 4) / 1000;
      assert.equal(laid[index], expected, String(index));
    }
  });
});

describe("calendar", () => {
  const calendar: Calendar = {
    id: "c",
    bands: ["low", "high", "peak"],
    defaultBand: "low",
    seasons: [{ name: "winter", from: "11-01", to: "03-31" }],
    holidays: { dates: ["12-25"] },
    rules: [
      { weekdays: [1, 2, 3, 4, 5], from: "07:00", to: "17:00", band: "high" },
      { weekdays: [1, 2, 3, 4, 5], from: "17:00", to: "20:00", band: "peak", seasons: ["winter"] },
      { weekdays: [6], from: "08:00", to: "12:00", band: "high", monthDays: { from: 1, to: 15 } },
      { weekdays: [], from: "10:00", to: "12:00", band: "peak", holidays: true },
    ],
  };

  test("law: what is drawn is what meters count by", () => {
    const weeks = weeksOf(calendar);
    assert.equal(weeks.length, 4, "two seasons by two halves of the month");
    fc.assert(
      fc.property(
        fc.integer({ min: at("2025-01-01T00:00:00Z"), max: at("2027-01-01T00:00:00Z") }),
        (seconds) => {
          const date = new Date(seconds * 1000).toISOString();
          const [monthDay, dayOfMonth] = [date.slice(5, 10), Number(date.slice(8, 10))];
          const isWinter = monthDay >= "11-01" || monthDay <= "03-31";
          const week = weeks.find(
            ({ season, monthDays }) =>
              (season === "winter") === isWinter &&
              (monthDays?.from ?? 1) <= dayOfMonth &&
              dayOfMonth <= (monthDays?.to ?? 31),
          );
          const weekday = (new Date(seconds * 1000).getUTCDay() + 6) % 7;
          const day = week?.days[monthDay === "12-25" ? 7 : weekday] ?? [];
          const minute = Math.floor((seconds % 86_400) / 60);
          const run = day.find(
            ({ fromMinute, toMinute }) => fromMinute <= minute && minute < toMinute,
          );
          assert.equal(run?.band, bandAt(calendar, seconds, "UTC"), date);
        },
      ),
    );
    assert.deepEqual(runsOf(calendar, []), [{ band: 0, fromMinute: 0, toMinute: 1440 }]);
  });
});

describe("tariff as a form", () => {
  const base = parseTariff({
    ...FIRST_TARIFF,
    calendar: {
      ...FIRST_TARIFF.calendar,
      bands: ["high", "low"],
      defaultBand: "low",
      holidays: { dates: ["12-25"] },
      rules: [
        { weekdays: [1, 2, 3, 4, 5], from: "07:00", to: "21:00", band: "high", holidays: true },
      ],
    },
    versions: [
      {
        version: 3,
        validFrom: "2025-01-01",
        pricesMicroPerKilowattHour: { high: 285_400, low: 217_100 },
        feedInMicroPerKilowattHour: 96_000,
        standingChargeMicroPerDay: 320_000,
        taxBasisPoints: 810,
        taxes: [{ name: "Levy", microPerKilowattHour: 23_000 }],
      },
    ],
  });

  test("a version as it was drafted keeps everything but number and date", () => {
    const made = documentOf(base, { ...draftOf(base, "version"), validFrom: "2026-01-01" });
    assert("document" in made);
    const next = parseTariff(made.document);
    const [before, after] = next.versions;
    assert.deepEqual(next.versions.slice(0, 1), base.versions);
    assert.deepEqual(after, { ...before, version: 4, validFrom: "2026-01-01" });
  });

  test("a new tariff: other bands and hours, the first version, what the form does not show is kept", () => {
    const draft = draftOf(base, "tariff");
    const [rule] = draft.rules;
    assert(rule !== undefined);
    const made = documentOf(base, {
      ...draft,
      id: "night",
      validFrom: "2026-02-01",
      bands: ["day", "night"],
      defaultBand: "night",
      prices: { day: "0,31", night: "0.2" },
      rules: [{ ...rule, band: "day", weekdays: [1, 2, 3, 4, 5, 6, 7] }],
    });
    assert("document" in made);
    const { tariff, calendar, versions } = parseTariff(made.document);
    assert.deepEqual([tariff, calendar.id, versions.length], ["night", "night", 1]);
    assert.equal(calendar.rules[0]?.holidays, true);
    assert.deepEqual(versions[0]?.pricesMicroPerKilowattHour, { day: 310_000, night: 200_000 });
  });

  test("what is no number names its field; what is no tariff is a fault", () => {
    const draft = { ...draftOf(base, "version"), validFrom: "2026-01-01" };
    for (const [change, field] of [
      [{ prices: { ...draft.prices, low: "" } }, "price.low"],
      [{ feedIn: "-1" }, "feedIn"],
      [{ taxPercent: "8.125" }, "taxPercent"],
      [{ standingPerMonth: "five" }, "standingPerMonth"],
    ] as const) {
      assert.deepEqual(documentOf(base, { ...draft, ...change }), { badField: field });
    }
    const early = documentOf(base, { ...draft, validFrom: "2024-01-01" });
    assert("document" in early);
    assert.deepEqual(
      tariffFaults(early.document).map((fault) => fault.code),
      ["TARIFF_VERSIONS_UNORDERED"],
    );
    assert.throws(() => parseTariff(FIRST_TARIFF), TariffError);
  });

  test("decimals: exact, with point or comma, refused beyond their digits", () => {
    const cases = [
      ["0.2854", 285_400],
      ["1,5", 1_500_000],
      ["12", 12_000_000],
      ["0.1234567", undefined],
      ["", undefined],
      ["1e3", undefined],
      ["-1", undefined],
      ["1.2.3", undefined],
    ] as const;
    for (const [text, micro] of cases) assert.equal(parseDecimal(text, 6), micro, text);
  });
});

describe("files", () => {
  test("a feeder's CSV by local days, with and without a head; a bad line is named", () => {
    const lines = [
      "2025-06-01T00:00:00+02:00,1200",
      "2025-06-01T00:15:00+02:00,",
      "2025-06-02T00:00:00+02:00,-5",
    ];
    const days = [
      { start: "2025-05-31T22:00:00Z", energy_Wh: [1200, null] },
      { start: "2025-06-01T22:00:00Z", energy_Wh: [-5] },
    ];
    assert.deepEqual(feederDays(lines.join("\n"), zone), { days });
    assert.deepEqual(feederDays(["time,Wh", ...lines].join("\r\n"), zone), { days });
    for (const bad of ["2025-06-01T00:30:00,1", "2025-06-01T00:30:00Z,1.5", "x,1"]) {
      assert.deepEqual(feederDays([...lines, bad].join("\n"), zone), { badLine: 4 }, bad);
    }
  });

  test("CSV: quotes, and no formula", () => {
    const rows = [
      ["=1+1", "a,b", -5],
      ['say "x"', null, "-1.5"],
    ];
    assert.equal(
      csvText(["a", "b", "c"], rows),
      `a,b,c\r\n'=1+1,"a,b",-5\r\n"say ""x""",,-1.5\r\n`,
    );
  });

  test("money adds up exactly; days are local; nonsense is no day", () => {
    assert.equal(sumOf(["-5.07", "0.10", "10.00", "-0.03"]), "5.00");
    assert.equal(sumOf([]), "0");
    assert.equal(isoDay("2025-03-31", zone), "2025-03-30T22:00:00Z");
    assert.equal(isoDay("2025-02-30", zone), undefined);
    assert.equal(dayAfter("2024-02-28"), "2024-02-29");
  });
});
