/** Prices at the registry (docs/protocol.md §9.5): whose they are, that they follow one another, who is shown them, and who can count by them. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  parseMdmsView,
  parseNetworkView,
  parseUcsView,
  signDocument,
  toHex,
  verifyDocument,
  type DocumentType,
  type NetworkViewDocument,
  wholeView,
} from "@smarter-metering/protocol";
import {
  dayStartOf,
  parseDynamicPrices,
  type CostTerms,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import {
  afterwardsTerms,
  dayAheadPrices,
  dayAheadTariff,
  dayAheadTerms,
} from "../../../test/support/day-ahead.ts";
import { worldTariff } from "../../../test/support/world.ts";
import { loadState, type RegistryState } from "../src/index.ts";
import { checkSuccession } from "../src/issue.ts";
import { withPrices } from "../src/price-list.ts";
import { PRICE_DOCUMENTS_MAX } from "../src/state.ts";
import {
  day,
  newPoint,
  NOW,
  pointsOf,
  post,
  start,
  START,
  stateWith,
  strike,
  tariffJws,
  terms,
  world,
  type Running,
} from "./stage.ts";

after(strike);

const TYPE = "smarter-metering/prices";
const HOUR = 3600;
const hourly: CostTerms = { ...dayAheadTerms, prices: "market" };
const quarterly: CostTerms = { ...dayAheadTerms, prices: "quarters", stepSeconds: 900 };

const tariffBy = (name: string, cost: CostTerms, change: Partial<Tariff> = {}): Tariff => ({
  ...dayAheadTariff(cost),
  tariff: name,
  ...change,
});

const signedBy = (
  role: "tariff-signer" | "aggregator",
  document: unknown,
  type: DocumentType = TYPE,
): Promise<string> => signDocument(type, document, world.parties[role].signer);

const pricesFrom = (startSeconds: number, count: number, cost = hourly): DynamicPrices =>
  dayAheadPrices({ startSeconds, endSeconds: startSeconds + count * cost.stepSeconds }, cost);

/** Six households as ever, and three that are billed by the hour. */
async function marketState(): Promise<RegistryState> {
  const points = [...pointsOf("north", 6), ...pointsOf("north", 3, 6).map(byTheHour)];
  const tariffs = [worldTariff, tariffBy("hours", hourly), tariffBy("quarters", quarterly)];
  const signed = await Promise.all(tariffs.map(tariffJws));
  return stateWith([terms("north")], points, { tariffs: signed });
}

const byTheHour = <T extends object>(point: T): T & { tariff: string } => ({
  ...point,
  tariff: "hours",
});

const network = async ({ registry }: Running): Promise<NetworkViewDocument> =>
  parseNetworkView(await wholeView(registry.transport(), "network", registry.status().epoch))
    .document;

/** What the views show, as the root has signed it. */
async function shown(running: Running): Promise<DynamicPrices[]> {
  const { prices = [] } = await network(running);
  const { registry } = running;
  const mdms = parseMdmsView(
    await wholeView(registry.transport(), "mdms", registry.status().epoch),
  );
  assert.deepEqual(mdms.prices ?? [], prices, "the MDMS sees the same");
  const documents = prices.map((jws) => verifyDocument(TYPE, jws, world.root.publicKey));
  return (await Promise.all(documents)).map(parseDynamicPrices);
}

test("prices follow one another in epochs, signed by the root, to meters, trustees and the MDMS", async () => {
  const run = await start(await marketState());
  const { registry, folder } = run;
  const points = (await network(run)).servicePoints;
  const byPrices = points.map(({ prices }) => prices ?? "none").toSorted();
  assert.deepEqual(byPrices, [
    ...Array<string>(3).fill("market"),
    ...Array<string>(6).fill("none"),
  ]);
  assert(!("prices" in (await network(run))), "nothing is shown before there is anything");

  const first = pricesFrom(day(-40), 40 * 24);
  const next = pricesFrom(day(0), 24);
  const quarters = pricesFrom(day(0), 96, quarterly);
  await registry.publishPrices(await signedBy("tariff-signer", first));
  await registry.publishPrices(await signedBy("tariff-signer", quarters));
  await registry.publishPrices(await signedBy("tariff-signer", next));
  assert.deepEqual(await shown(run), [first, next, quarters], "by series and time");
  assert.equal(registry.status().epoch, 3);
  await registry.publishPrices(await signedBy("tariff-signer", next));
  const { kind, ...rest } = first;
  await registry.publishPrices(await signedBy("tariff-signer", { ...rest, kind }));
  assert.equal(registry.status().epoch, 3, "the same again, however it is written");
  const ucs = await wholeView(registry.transport(), "ucs", 3);
  assert(!ucs.includes("market") && parseUcsView(ucs).servicePoints.length === 9);

  // What is lost between state and file is made again, bit for bit.
  const view = await wholeView(registry.transport(), "network", 3);
  await registry.close();
  await rm(join(folder, "epochs", "000003.jws"));
  const again = await start(undefined, folder);
  assert.equal(await wholeView(again.registry.transport(), "network", 3), view);
  await again.registry.close();
});

test("REGISTRY_PRICES_INVALID: prices of others, of nobody, off the terms, out of turn, or too far ahead", async () => {
  const run = await start(await marketState());
  const { registry } = run;
  await registry.publishPrices(await signedBy("tariff-signer", pricesFrom(day(0), 24)));
  const next = pricesFrom(day(1), 24);
  const tooHigh = 2 ** 31 * 1000 - 500_000;
  const rows: [what: string, jws: string, says: RegExp][] = [
    ["another party's", await signedBy("aggregator", next), /signed by/],
    ["of another type", await signedBy("tariff-signer", next, "smarter-metering/tariff"), /signed/],
    ["no JWS", "prices", /signed by/],
    ...(await rowsOf([
      ["malformed", { ...next, more: 1 }, /unknown key/],
      ["below the floor", { ...next, pricesMicroPerKilowattHour: [-501_000] }, /below the floor/],
      ["of no tariff", { ...next, prices: "unheard" }, /unheard are no registered tariff's/],
      ["another step", { ...next, stepSeconds: 900 }, /than tariff hours/],
      ["another price step", { ...next, priceStepMicro: 100 }, /than tariff hours/],
      ["another floor", { ...next, floorMicroPerKilowattHour: -400_000 }, /than tariff hours/],
      ["another currency", { ...next, currency: "EUR" }, /than tariff hours/],
      ["more steps than R9 judges", { ...next, pricesMicroPerKilowattHour: [0, tooHigh] }, /\[1\]/],
      [
        "a gap",
        pricesFrom(day(1) + HOUR, 1),
        /go on at 2025-02-01T23:00:00Z, not at 2025-02-02T00/,
      ],
      ["an overlap", pricesFrom(day(0) + 23 * HOUR, 24), /go on at/],
      ["rewritten", { ...pricesFrom(day(0), 24), pricesMicroPerKilowattHour: [1000] }, /go on at/],
      ["too far ahead", pricesFrom(day(1), 40 * 24), /2025-03-13T23:00:00Z are more than 40 days/],
    ])),
  ];
  for (const [what, jws, message] of rows) {
    const refused = { code: "REGISTRY_PRICES_INVALID", message };
    await assert.rejects(registry.publishPrices(jws), refused, what);
  }
  assert.equal(registry.status().epoch, 1);
  // Forty days from now, to the hour.
  await registry.publishPrices(await signedBy("tariff-signer", pricesFrom(day(1), 39 * 24 + 10)));
  await registry.close();
});

test("prices that are known afterwards are of the past, and no meter is told of them", async () => {
  const cost = { ...afterwardsTerms, prices: "balancing" };
  const state = await marketState();
  const tariff = await tariffJws(tariffBy("later", cost));
  const run = await start({ ...state, tariffs: [...state.tariffs, tariff] });
  const { registry } = run;
  const { meters } = await registry.admit({
    servicePoints: [{ ...newPoint("north", 50), tariff: "later" }],
  });
  assert.equal(meters.length, 1);
  assert(meters.every(({ prices }) => prices === undefined));
  const point = (await network(run)).servicePoints.find(({ prices }) => prices === "balancing");
  assert.equal(point?.stepSeconds, HOUR);

  const past = pricesFrom(day(-3), 48, cost);
  await registry.publishPrices(await signedBy("tariff-signer", past));
  const hours = Math.floor((NOW - day(-1)) / HOUR);
  const { known: _, ...before } = pricesFrom(day(-1), 24, cost);
  const rows = await rowsOf([
    ["an hour that is not over", pricesFrom(day(-1), hours + 1, cost), /is still to come/],
    ["as if they had been known before", before, /than tariff later/],
    ["rewritten", pricesFrom(day(-2), 24, cost), /go on at/],
    ["a gap", pricesFrom(day(-1) + HOUR, 1, cost), /go on at/],
  ]);
  for (const [what, jws, message] of rows) {
    const refused = { code: "REGISTRY_PRICES_INVALID", message };
    await assert.rejects(registry.publishPrices(jws), refused, what);
  }
  const rest = pricesFrom(day(-1), hours, cost);
  await registry.publishPrices(await signedBy("tariff-signer", rest));
  assert.deepEqual(await shown(run), [past, rest]);
  await registry.close();
});

const rowsOf = (rows: readonly [string, unknown, RegExp][]): Promise<[string, string, RegExp][]> =>
  Promise.all(
    rows.map(async ([what, document, says]) => [
      what,
      await signedBy("tariff-signer", document),
      says,
    ]),
  );

test("prices go to the administrator's address alone, one that is refused with its code", async () => {
  const { registry } = await start(await marketState());
  const jws = await signedBy("tariff-signer", pricesFrom(day(0), 24));
  assert.equal((await post(registry, "/v1/prices", { jws }, "somebody-elses-token")).status, 401);
  assert.equal((await post(registry, "/v1/prices", { jws, more: 1 })).status, 400);
  const refused = await post(registry, "/v1/prices", { jws: "prices" });
  const { code } = (await refused.json()) as { code?: string };
  assert.deepEqual([refused.status, code], [400, "REGISTRY_PRICES_INVALID"]);
  const answer = await post(registry, "/v1/prices", { jws });
  assert.deepEqual([answer.status, await answer.json()], [201, { epoch: 1 }]);
  await registry.close();
});

test("prices are shown for 400 days after their end; then the last is still what the next one follows", async () => {
  const run = await start(await marketState());
  const { registry, clock, folder } = run;
  const first = pricesFrom(START, 24);
  await registry.publishPrices(await signedBy("tariff-signer", first));
  const over = START + 24 * HOUR + 400 * 86_400;
  await clock.advanceTo(1000 * (over - 1));
  await registry.admit({ servicePoints: [newPoint("north", 50)] });
  assert.deepEqual(await shown(run), [first]);
  await clock.advanceTo(1000 * over);
  await registry.admit({ servicePoints: [newPoint("north", 51)] });
  assert.deepEqual(await shown(run), []);
  const elsewhere = await signedBy("tariff-signer", pricesFrom(over - (over % HOUR), 24));
  await assert.rejects(registry.publishPrices(elsewhere), { code: "REGISTRY_PRICES_INVALID" });
  const next = pricesFrom(START + 24 * HOUR, 300 * 24);
  await registry.publishPrices(await signedBy("tariff-signer", next));
  assert.deepEqual(await shown(run), [next]);
  await registry.close();
  const { prices } = await loadState(folder);
  assert.deepEqual(prices, [await signedBy("tariff-signer", next)], "what is over is let go");
});

test("a state that is full of prices takes none more until some are over", async () => {
  const state = await marketState();
  const one = await signedBy("tariff-signer", pricesFrom(START, 24));
  const two = await signedBy("tariff-signer", pricesFrom(START + 24 * HOUR, 24));
  const many = Array<string>(PRICE_DOCUMENTS_MAX - 1).fill(one);
  const full = { ...state, prices: [...many, two] };
  const other = await signedBy("tariff-signer", pricesFrom(START, 96, quarterly));
  const refused = { code: "REGISTRY_PRICES_INVALID", message: /one document too many/ };
  await assert.rejects(withPrices(full, other, NOW), refused);
  assert.equal((await withPrices(full, other, NOW + 401 * 86_400)).prices.at(-1), other);
});

test("no epoch rewrites prices, and a state from before there were any is read", async () => {
  const state = await marketState();
  const [one, two] = ["one", "two"];
  const priced = { ...state, prices: [one] };
  checkSuccession(priced, { ...state, prices: [one, two] });
  for (const prices of [[], [two], [two, one]]) {
    const code = "REGISTRY_REWRITES_PAST";
    assert.throws(() => checkSuccession(priced, { ...state, prices }), { code });
  }
  const { registry, folder } = await start(state);
  await registry.close();
  const { prices: _, ...old } = await loadState(folder);
  await writeFile(join(folder, "state.json"), JSON.stringify(old));
  const again = await start(undefined, folder);
  await again.registry.publishPrices(await signedBy("tariff-signer", pricesFrom(START, 24)));
  assert.equal((await shown(again)).length, 1);
  await again.registry.close();
});

test("a meter whose calendar has a cost is given the root key, and no other is", async () => {
  const { registry } = await start(await marketState());
  const points = [newPoint("north", 0), byTheHour(newPoint("north", 6))];
  const { meters } = await registry.admit({ servicePoints: points });
  const registryRootKey = toHex(world.root.publicKey);
  assert.deepEqual(
    meters.map(({ prices }) => prices),
    [undefined, { registryRootKey }],
  );
  await registry.close();
});

test("who cannot count by the hour is not billed by it: midnights off the hour, intervals over a price", async () => {
  const zones = ["Asia/Kolkata", "Australia/Lord_Howe", "Asia/Tokyo"] as const;
  const homes = zones.map((zone) => terms(zone.replace("/", "-"), { zone }));
  const tariffs = [worldTariff, tariffBy("hours", hourly), tariffBy("quarters", quarterly)];
  const signed = await Promise.all(tariffs.map(tariffJws));
  const { registry } = await start(await stateWith(homes, [], { tariffs: signed }));
  const pointIn = (zone: string, index: number, change: object) =>
    newPoint(zone.replace("/", "-"), index, {
      contractStart: dayStartOf("2025-02-01", zone), // Lord Howe's summer: on the hour.
      ...change,
    });
  const rows: [zone: string, change: object, says: RegExp | undefined][] = [
    ["Asia/Kolkata", { tariff: "hours" }, /days in Asia\/Kolkata begin between two/],
    ["Australia/Lord_Howe", { tariff: "hours" }, /days in Australia\/Lord_Howe begin between/],
    ["Asia/Tokyo", { tariff: "hours" }, undefined],
    ["Asia/Tokyo", { tariff: "hours", intervalSeconds: 3600 }, undefined],
    ["Asia/Kolkata", { tariff: "quarters" }, undefined],
    ["Australia/Lord_Howe", { tariff: "quarters", intervalSeconds: 60 }, undefined],
    ["Asia/Tokyo", { tariff: "quarters", intervalSeconds: 1800 }, /every 900 s, inside the meter/],
    ["Asia/Tokyo", { tariff: "hours", intervalSeconds: 720 }, undefined],
    ["Asia/Tokyo", { tariff: "quarters", intervalSeconds: 720 }, /inside the meter's/],
  ];
  for (const [index, [zone, change, message]] of rows.entries()) {
    const admitted = registry.admit({ servicePoints: [pointIn(zone, index, change)] });
    if (message === undefined) await admitted;
    else await assert.rejects(admitted, { code: "REGISTRY_INVALID_CHANGE", message }, zone);
  }
  await registry.close();
});

test("a tariff whose cost a contract's meter cannot count, or that contradicts another about a series, is refused", async () => {
  const state = await stateWith(
    [terms("far", { zone: "Asia/Kolkata" })],
    [newPoint("far", 0, { contractStart: dayStartOf("2025-02-01", "Asia/Kolkata") })],
  );
  const hours = tariffBy("hours", hourly);
  // As if the zone's rules had changed since it was admitted.
  const servicePoints = state.servicePoints.map(byTheHour);
  const tariffs = [...state.tariffs, await tariffJws(hours)];
  const { registry } = await start({ ...state, servicePoints, tariffs });
  const [version] = hours.versions;
  const later = { ...version, version: 2, validFrom: "2026-01-01" };
  const rows: [unknown, RegExp][] = [
    [{ ...hours, versions: [version, later] }, /days in Asia\/Kolkata begin between/],
    [tariffBy("euro", hourly, { currency: "EUR" }), /another .* currency in tariff hours/],
    [tariffBy("other", { ...quarterly, prices: "market" }), /another step/],
    [tariffBy("fine", { ...hourly, priceStepMicro: 100 }), /price step/],
  ];
  for (const [tariff, message] of rows) {
    const published = registry.publishTariff(await tariffJws(tariff));
    await assert.rejects(published, { code: "REGISTRY_TARIFF_INVALID", message });
  }
  await registry.publishTariff(await tariffJws(tariffBy("twin", hourly)));
  assert.equal(registry.status().epoch, 1);
  await registry.close();
});
