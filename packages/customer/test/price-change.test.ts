/** Prices that change inside a window (docs/protocol.md §11): the MDMS's own statement, re-computed by the customer from readings and registers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareStatement, type Reading } from "@smarter-metering/customer";
import type { BillRelease, Statement } from "@smarter-metering/protocol";
import { dayStartOf, parseTariff, type Tariff } from "@smarter-metering/tariff";
import { makeStatement, readRegisters } from "../../../services/mdms/src/make-statement.ts";
import { differenceOf, priceFollows } from "../src/price-check.ts";
import { totalsOf } from "../src/recompute.ts";

const zone = "Europe/Luxembourg";
const everyDay = [1, 2, 3, 4, 5, 6, 7];
const until15 = { from: 1, to: 15 };
const version = {
  version: 1,
  validFrom: "2018-01-01",
  feedInMicroPerKilowattHour: 80_000,
  standingChargeMicroPerDay: 120_000,
  taxBasisPoints: 800,
};
const fullPrices = { day: 251_003, night: 150_007, "late-day": 299_999, "late-night": 170_001 };
const tiers = {
  thresholdDays: 30,
  steps: [
    { upTo_mWh: 300_000_000, priceMicroPerKilowattHour: 10_000 },
    { priceMicroPerKilowattHour: 25_000 },
  ],
};
const tariffOf = (validFrom: string): Tariff =>
  parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "halves",
    currency: "EUR",
    minorDigits: 2,
    calendar: {
      id: "halves",
      bands: ["day", "night", "late-day", "late-night"],
      rules: [
        { weekdays: everyDay, from: "00:00", to: "06:00", band: "night", monthDays: until15 },
        { weekdays: everyDay, from: "06:00", to: "22:00", band: "day", monthDays: until15 },
        { weekdays: everyDay, from: "22:00", to: "24:00", band: "night", monthDays: until15 },
        {
          weekdays: everyDay,
          from: "06:00",
          to: "22:00",
          band: "late-day",
          monthDays: { from: 16, to: 31 },
        },
      ],
      defaultBand: "late-night",
    },
    versions: [
      { ...version, pricesMicroPerKilowattHour: fullPrices, tiers, minimumChargeMicroPerDay: 1 },
      {
        ...version,
        version: 2,
        validFrom,
        pricesMicroPerKilowattHour: { ...fullPrices, "late-day": 350_000, "late-night": 130_000 },
        standingChargeMicroPerDay: 0,
        standingChargeMicroPerMonth: 4_100_000,
        tiers,
        taxes: [{ name: "Levy", microPerKilowattHour: 20_500 }],
        credits: [{ name: "Welcome", microPerBill: 5_000_000 }],
      },
    ],
  });
/** October, with its day of 25 hours. */
const [from, to] = [dayStartOf("2018-10-01", zone), dayStartOf("2018-11-01", zone)];
const readings: Reading[] = Array.from({ length: (to - from) / 900 }, (_, index) => ({
  startSeconds: from + 900 * index,
  intervalSeconds: 900,
  importMilliwattHours: 90_000 + ((index * 7919) % 100_003),
  exportMilliwattHours: index % 5,
  quality: "valid",
}));

/** Slow, and by the clock on the wall: what each register of the meter counted. */
function registersByClock(): string[] {
  const clock = new Intl.DateTimeFormat("en", {
    timeZone: zone,
    day: "numeric",
    hour: "2-digit",
    hourCycle: "h23",
  });
  const sums = [0n, 0n, 0n, 0n, 0n];
  for (const { startSeconds, importMilliwattHours, exportMilliwattHours } of readings) {
    const parts = clock.formatToParts(1000 * startSeconds);
    const [day, hour] = ["day", "hour"].map((type) =>
      Number(parts.find((part) => part.type === type)?.value),
    );
    const isDay = (hour ?? 0) >= 6 && (hour ?? 0) < 22;
    const band = ((day ?? 0) > 15 ? 2 : 0) + (isDay ? 0 : 1);
    sums[band] = (sums[band] ?? 0n) + BigInt(importMilliwattHours);
    sums[4] = (sums[4] ?? 0n) + BigInt(exportMilliwattHours);
  }
  return [...sums.map(String), "0", "0", "0"];
}

function statementBy(tariff: Tariff): Statement {
  const release = {
    fromGrid: from,
    toGrid: to,
    registers_mWh: registersByClock(),
    registerBank: "00",
    requestDigest: "55".repeat(32),
  } as unknown as BillRelease;
  const registered = { tariff, registerBank: "00" };
  const registers = readRegisters(release, registered);
  assert.ok(registers);
  const point = { servicePoint: "77".repeat(16), zone, tariff: tariff.tariff };
  return makeStatement(
    release,
    point as Parameters<typeof makeStatement>[1],
    registered,
    registers,
  );
}

const changing = tariffOf("2018-10-16");
const statement = statementBy(changing);

test("a statement over a change of prices: difference 0, from readings and from registers", () => {
  const comparison = compareStatement(statement, readings, changing);
  assert.equal(comparison.explanation, "exact");
  assert.equal(comparison.amountDifferenceMinor, 0n);
  assert.deepEqual(
    comparison.own.parts.map(({ fromDate, version: priced, days }) => [fromDate, priced, days]),
    [
      ["2018-10-01", 1, 15],
      ["2018-10-16", 2, 16],
    ],
  );
  assert.equal(statement.tariffVersion, 1);
  assert.ok(statement.lines.some(({ text }) => text === "Energy, late-day (from 2018-10-16)"));
  assert.ok(priceFollows(statement, changing));
  const own = totalsOf(statement, readings, changing);
  assert.equal(differenceOf(own, statement, changing), 0n);
});

test("what is priced by other days, or altered in a line, does not follow", () => {
  const others = [tariffOf("2018-11-01"), tariffOf("2018-10-15"), tariffOf("2018-10-17")];
  const [onTheNext, ...delayed] = others.map(statementBy);
  for (const each of delayed) assert.deepEqual(each, onTheNext, "with the next window");
  assert.ok(onTheNext);
  assert.notEqual(onTheNext.amount, statement.amount);
  // An MDMS that left the change to the next window, and one that made it in this one, without cause.
  assert.equal(
    compareStatement(onTheNext, readings, changing).explanation,
    "statement-inconsistent",
  );
  for (const tariff of others) {
    assert.equal(
      compareStatement(statement, readings, tariff).explanation,
      "statement-inconsistent",
    );
    assert.ok(!priceFollows(statement, tariff));
    assert.ok(priceFollows(onTheNext, tariff));
  }
  for (const index of statement.lines.keys()) {
    const lines = statement.lines.map((line, at) =>
      at === index ? { ...line, amountE16: String(BigInt(line.amountE16) + 1n) } : line,
    );
    assert.ok(!priceFollows({ ...statement, lines }, changing), `line ${index}`);
  }
  const missing = readings.slice(1);
  assert.equal(compareStatement(statement, missing, changing).explanation, "readings-missing");
});
