/** Prices that change inside a window (docs/protocol.md §11): the statement, and the note where they were published late. Pure: no store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BillRelease } from "@smarter-metering/protocol";
import { dayStartOf, parseTariff, type Tariff } from "@smarter-metering/tariff";
import type { CheckedCorrection } from "../src/correction.ts";
import { billOf, isBilledAs, makeCreditNote } from "../src/make-credit-note.ts";
import { makeStatement, readRegisters } from "../src/make-statement.ts";
import type { MdmsServicePoint } from "../src/registry-context.ts";
import type { StatementRecord } from "../src/statement-query.ts";

const zone = "Europe/Zurich";
const first = {
  version: 1,
  validFrom: "2026-01-01",
  pricesMicroPerKilowattHour: { early: 200_000, late: 200_000 },
  feedInMicroPerKilowattHour: 80_000,
  standingChargeMicroPerDay: 100_000,
  taxBasisPoints: 1000,
};
const dearer = { pricesMicroPerKilowattHour: { early: 250_000, late: 250_000 } };
const tariffOf = (...changes: object[]): Tariff =>
  parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "halves",
    currency: "CHF",
    minorDigits: 2,
    calendar: {
      id: "halves",
      bands: ["early", "late"],
      rules: [
        {
          weekdays: [1, 2, 3, 4, 5, 6, 7],
          from: "00:00",
          to: "24:00",
          band: "early",
          monthDays: { from: 1, to: 15 },
        },
      ],
      defaultBand: "late",
    },
    versions: [first, ...changes.map((change) => ({ ...first, version: 2, ...change }))],
  });

const [from, to] = [dayStartOf("2026-07-01", zone), dayStartOf("2026-08-01", zone)];
const release = {
  fromGrid: from,
  toGrid: to,
  registers_mWh: ["100000001", "50000000", "7000000", "0", "0", "0", "0", "0"],
  registerBank: "00",
  requestDigest: "11",
} as unknown as BillRelease;
const point = { servicePoint: "22", zone, tariff: "halves" } as MdmsServicePoint;

function statementBy(tariff: Tariff) {
  const registered = { tariff, registerBank: "00" };
  const registers = readRegisters(release, registered);
  assert.ok(registers);
  return makeStatement(release, point, registered, registers);
}

/** As the store gives a statement back. */
function recordBy(tariff: Tariff): StatementRecord {
  const { lines, amount } = statementBy(tariff);
  return {
    servicePoint: "22",
    fromSeconds: from,
    toSeconds: to,
    fromBorder: from,
    toBorder: to,
    zone,
    registers: [
      { band: "early", energyMilliwattHours: 100_000_001n },
      { band: "late", energyMilliwattHours: 50_000_000n },
    ],
    energyMilliwattHours: 150_000_001n,
    exportMilliwattHours: 7_000_000n,
    cost: undefined,
    tariff: "halves",
    tariffVersion: 1,
    lines,
    amount,
    currency: "CHF",
    estimated: false,
    requestDigest: "11",
    notes: [],
  };
}

const correctionOf = (tariff: Tariff): CheckedCorrection => ({
  document: {
    kind: "smarter-metering/tariff-correction",
    number: 1,
    reason: "Late.",
    from: "2026-07-01",
    until: "2026-08-01",
  },
  tariff,
  published: tariffOf(),
  jws: "",
  digest: new Uint8Array(32),
});

test("a statement over a change on the 16th: each register at the prices of its days", () => {
  const statement = statementBy(tariffOf({ ...dearer, validFrom: "2026-07-16" }));
  assert.deepEqual(
    statement.lines.map(({ text, quantity, price, amountE16 }) => [
      text,
      quantity,
      price,
      amountE16,
    ]),
    [
      ["Energy, early (from 2026-07-01)", "100.000001 kWh", "0.20 CHF/kWh", "200000002000000000"],
      ["Standing charge (from 2026-07-01)", "15 days", "0.10 CHF/day", "15000000000000000"],
      ["Feed-in, credited (from 2026-07-01)", "7.000000 kWh", "0.08 CHF/kWh", "-5600000000000000"],
      ["Tax on energy and standing charge (from 2026-07-01)", "", "10.00 %", "21500000200000000"],
      ["Energy, late (from 2026-07-16)", "50.000000 kWh", "0.25 CHF/kWh", "125000000000000000"],
      ["Standing charge (from 2026-07-16)", "16 days", "0.10 CHF/day", "16000000000000000"],
      ["Tax on energy and standing charge (from 2026-07-16)", "", "10.00 %", "14100000000000000"],
    ],
  );
  assert.equal(statement.amount, "38.60");
  assert.deepEqual(statement.registers_mWh, { early: "100000001", late: "50000000" });
  assert.deepEqual([statement.tariffVersion, statement.energy_mWh], [1, "150000001"]);
  // A day later a band holds on both sides: the old prices, to the window's end.
  const delayed = statementBy(tariffOf({ ...dearer, validFrom: "2026-07-17" }));
  assert.deepEqual(delayed, statementBy(tariffOf()));
  assert.deepEqual(delayed.lines[1]?.text, "Energy, late");
});

test("a change that was published late: a note of the registers as they were released", () => {
  const record = recordBy(tariffOf());
  const issued = billOf(record, tariffOf());
  assert.ok(isBilledAs(record, issued));
  const due = tariffOf({ ...dearer, validFrom: "2026-07-16" });
  const follows = { issued, follows: new Uint8Array(32) };
  const note = makeCreditNote(record, follows, correctionOf(due));
  // 50 kWh · 0.05, and a tenth of it.
  assert.deepEqual([note?.amount, note?.corrected], ["2.75", statementBy(due).amount]);
  assert.deepEqual(
    [note?.tariffVersion, note?.lines[0]?.price],
    [1, "0.25 CHF/kWh instead of 0.20 CHF/kWh"],
  );
  assert.ok(isBilledAs(recordBy(due), billOf(recordBy(due), due)));
  assert.ok(!isBilledAs(recordBy(due), issued));
  const inside = tariffOf({ ...dearer, validFrom: "2026-07-10" });
  assert.equal(makeCreditNote(record, follows, correctionOf(inside)), undefined, "not to be told");
});
