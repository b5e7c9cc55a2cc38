/** The page's own code without a browser: a day as slots, and the whole way from sign-up to the day's total. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPortalClient, createVault, type Reading } from "@smarter-metering/customer";
import { fromHex, primitives, recipientFromSpki } from "@smarter-metering/protocol";
import { addLocalDays, dayStartOf } from "@smarter-metering/tariff";
import { daySeries, kilowattHours } from "../web/src/day-series.ts";
import { clockTime } from "../web/src/day-view.ts";
import { Household, lastInstant, metersAt } from "../web/src/household.ts";
import { answerNewest, envelopeFor, offerOf, openPortal, publishSealed } from "./portal.ts";

const zone = "Europe/Zurich";
const reading = (startSeconds: number, parts: Partial<Reading> = {}): Reading => ({
  startSeconds,
  intervalSeconds: 900,
  importMilliwattHours: 1_000,
  exportMilliwattHours: 0,
  quality: "valid",
  ...parts,
});
function daySpan(date: string): { from: number; to: number } {
  const from = dayStartOf(date, zone);
  return { from, to: addLocalDays(from, 1, zone) };
}

for (const [date, slots] of [
  ["2025-03-30", 92],
  ["2025-06-01", 96],
  ["2025-10-26", 100],
] as const) {
  test(`${date} has ${slots} quarters`, () => {
    const { from, to } = daySpan(date);
    const readings = Array.from({ length: 120 }, (_, index) => reading(from + (index - 10) * 900));
    const series = daySeries(readings, from, to);
    assert.equal(series.slots.length, slots);
    assert.equal(series.gaps, 0);
    assert.equal(series.importMilliwattHours, slots * 1_000, "readings of other days do not count");
    assert.equal(series.slots.at(-1)?.startSeconds, to - 900);
    assert.equal(clockTime(from, zone), "00:00");
    assert.equal(clockTime(to - 900, zone), "23:45");
  });
}

test("gaps stay gaps, whether nothing came or the meter said so", () => {
  const { from, to } = daySpan("2025-06-01");
  const series = daySeries(
    [
      reading(from, { importMilliwattHours: 0 }),
      reading(from + 1800, { quality: "missing", importMilliwattHours: 5 }),
      reading(from + 2700, { quality: "estimated", exportMilliwattHours: 7 }),
    ],
    from,
    to,
  );
  assert.deepEqual(
    series.slots.slice(0, 4).map((slot) => slot.importMilliwattHours),
    [0, undefined, undefined, 1_000],
  );
  assert.equal(series.gaps, 94);
  assert.equal(series.importMilliwattHours, 1_000);
  assert.equal(series.exportMilliwattHours, 7);
  assert.equal(daySeries([], from, to).gaps, 96);
});

test("minute readings give minute slots", () => {
  const { from, to } = daySpan("2025-06-01");
  const minutes = [0, 1, 5].map((index) => reading(from + 60 * index, { intervalSeconds: 60 }));
  const series = daySeries(minutes, from, to);
  assert.equal(series.slots.length, 1440);
  assert.equal(series.gaps, 1437);
});

test("energy is shown in kilowatt-hours", () => {
  assert.equal(kilowattHours(12_345_000), "12.345");
  assert.equal(kilowattHours(0), "0.000");
});

test("what is no frame has no instant", () => {
  assert.equal(lastInstant(new Uint8Array(10)), undefined);
});

test("from sign-up to the day's total, as the page does it", async () => {
  const portal = await openPortal();
  const [house] = portal.world.households;
  assert(house !== undefined);
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const client = createPortalClient({
    fetch: async (input, init) => portal.ucs.http.request(input, init),
    origin: "http://localhost",
    session: "bearer",
    random,
  });
  const [login, password] = ["anna", "a long enough password"];
  const made = await createVault({ login, password, random });
  const { recoveryKey } = made;
  const entered = await client.signUp(made);
  assert.equal(entered.servicePoint, null);
  await assert.rejects(client.login(login, "another password"), { code: "CUSTOMER_UNLOCK_FAILED" });

  await offerOf(portal, house, "journey");
  const enrolment = {
    code: house.enrolmentCode,
    networkPseudonym: fromHex(house.network),
    attempts: 2,
  };
  const killed = { ...enrolment, wait: () => Promise.reject(new Error("killed")) };
  await assert.rejects(client.enrol(entered, killed), /killed/);
  const wait = () => answerNewest(portal, house);
  const pins = await client.enrol(entered, { ...enrolment, wait });
  await envelopeFor(portal, house, await recipientFromSpki(entered.vault.spki));
  const from = portal.world.dayStart(0);
  const values = Array.from({ length: 96 }, (_, slot) => 1_000 * slot);
  const early = await house.frames.next(
    { kind: "LIVE", blockStart: from, firstSlot: 95 },
    { importMilliwattHours: [95_000] },
  );
  await publishSealed(portal, early);
  const { recipientSecret } = entered.vault;
  const meters = metersAt(house.network, pins);
  const household = new Household(client, { recipientSecret, meters });
  const total = async (): Promise<number> => {
    const span = await household.load(from, portal.world.dayStart(1));
    const { readings } = await household.open(span);
    return daySeries(readings, span.from, span.to).importMilliwattHours;
  };
  assert.equal(await total(), 95_000);
  await publishSealed(
    portal,
    await house.frames.next({ blockStart: from }, { importMilliwattHours: values }),
  );
  assert.equal(await total(), 1_000 * 48 * 95);
  assert.equal(await household.newestInstant(), portal.world.dayStart(1) - 1);
  await client.logout();
  await assert.rejects(total(), { code: "CUSTOMER_PORTAL_REFUSED" });

  // Another device, and the password forgotten: the account brings its meter along.
  await client.recover(login, recoveryKey, "another long password");
  const later = await client.login(login, "another long password");
  assert.equal(later.servicePoint, house.network);
  assert.deepEqual(later.pinnedMeters, pins);
  await client.logout();
  await portal.close();
});
