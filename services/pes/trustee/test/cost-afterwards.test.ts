/**
 * Bills with a cost by prices that were known only afterwards (docs/protocol.md §6.6, §8.2, §8.3 R9): every hour's ciphertext, at its price,
 * makes one number. What is opened, and what a dishonest aggregator or signer of prices would ask for instead.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, test } from "node:test";
import {
  fromHex,
  indexNetworkView,
  signDocument,
  toHex,
  type Contribution,
  type NetworkView,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { costAmountE16, dayStartOf, type DynamicPrices } from "@smarter-metering/tariff";
import {
  afterwardsTerms,
  dayAheadPrices,
  dayAheadTariff,
} from "../../../../test/support/day-ahead.ts";
import { contentOf, decrypted, folder, start, type Answer } from "./harness.ts";
import { EPOCH, makeScene, weightedProduct, type BillChanges, type Scene } from "./requests.ts";
import { combinedBill } from "./share-holders.ts";
import { defined, scene as stage } from "./stage.ts";

const span = {
  startSeconds: dayStartOf("2025-01-31", "Europe/Zurich"),
  endSeconds: dayStartOf("2025-04-01", "Europe/Zurich"),
};
const balancing = dayAheadPrices(span, afterwardsTerms);
const priced = { tariff: dayAheadTariff(afterwardsTerms), prices: [balancing] };
const scene = await makeScene(undefined, priced);
const { world } = scene;
after(async () => {
  await scene.close();
  await stage.close();
  await rm(folder, { recursive: true });
});

const EPOCH_HASH = fromHex(EPOCH.toString(16).padStart(64, "0"));
const FEBRUARY = [0, 28] as const;
const DAYS = Array.from({ length: 28 }, (_, day) => day);

/** The border that a window begins at, which was installed then. */
const bordersOf = ({ borders }: Scene): Contribution[] => [
  defined(borders.get(-1)),
  defined(borders.get(27)),
];
const steps = (day: number, of = scene): Contribution => defined(of.steps.get(day));
const allSteps = (of = scene): Contribution[] => DAYS.map((day) => steps(day, of));

const { priceStepMicro, floorMicroPerKilowattHour: floor } = afterwardsTerms;
/** What each hour of February counts with. */
const weights = ({ pricesMicroPerKilowattHour }: DynamicPrices): number[] => {
  const first = (world.dayStart(0) - span.startSeconds) / 3600;
  const own = pricesMicroPerKilowattHour.slice(first, first + 24 * DAYS.length);
  return own.map((price) => (price - floor) / priceStepMicro);
};

interface Asked {
  readonly of?: Scene;
  readonly borders?: readonly Contribution[];
  readonly contributions?: readonly Contribution[];
  /** Of each hour; by the prices when left out. */
  readonly by?: readonly number[];
  readonly changes?: BillChanges;
}

function costRequest({
  of = scene,
  borders = bordersOf(of),
  contributions = allSteps(of),
  by = weights(balancing),
  changes = {},
}: Asked = {}): Promise<SignedRequest> {
  const costProduct = weightedProduct(of.world, contributions, by);
  return of.billRequest([...borders, ...contributions], FEBRUARY, { costProduct, ...changes });
}

async function viewOf(prices: readonly DynamicPrices[], of = scene): Promise<NetworkView> {
  const signed = prices.map((each) => signDocument("smarter-metering/prices", each, of.world.root));
  return indexNetworkView({ ...of.document, prices: await Promise.all(signed) });
}

/** What a fresh trustee answers. */
async function answerTo(request: SignedRequest, view = scene.view): Promise<Answer> {
  const { trustee, bus, ask } = await start({ view });
  await bus.log.note(EPOCH_HASH, bus.nowSeconds);
  const answer = await ask(request);
  await trustee.close();
  return answer;
}

const codesOf = async (asked: Asked, view?: NetworkView): Promise<readonly string[]> =>
  (await answerTo(await costRequest(asked), view)).codes;

const costBy = (by: readonly number[], of = scene): bigint =>
  DAYS.flatMap((day) => of.hoursOf(day)).reduce(
    (sum, energy, hour) => sum + BigInt(energy) * BigInt(by[hour] ?? 0),
    0n,
  );

test("a cost is Σ price · energy of every hour, exactly, negative prices too; nothing else is opened", async () => {
  for (const profile of ["pes-encrypts", "meter-encrypts"] as const) {
    const own =
      profile === "pes-encrypts" ? scene : await makeScene(undefined, { ...priced, profile });
    const request = await costRequest({ of: own });
    const before = decrypted.length;
    const { release } = await answerTo(request, own.view);
    const content = await contentOf(release);
    assert(content.kind === "BILL" && request.terms.kind === "BILL", profile);
    const cost = costBy(weights(balancing));
    assert.equal(content.cost, String(cost));
    const { product, costProduct } = request.terms;
    assert.deepEqual(decrypted.slice(before), [toHex(product), toHex(costProduct)]);

    const prices = weights(balancing).map((weight) => weight * priceStepMicro + floor);
    assert(prices.some((price) => price < 0));
    const total = BigInt(defined(content.registers_mWh[0]));
    const e16 = costAmountE16(afterwardsTerms, { cost, totalMilliwattHours: total });
    const money = DAYS.flatMap((day) => own.hoursOf(day)).reduce(
      (sum, energy, hour) => sum + BigInt(energy) * BigInt(defined(prices[hour])),
      0n,
    );
    assert.equal(e16, money * 10n ** 4n);
    if (own !== scene) await own.close();
  }
});

test("weights that are not the registered prices, and steps that are not the window's, are refused", async () => {
  const honest = weights(balancing);
  const heavier = (hour: number, weight: number): number[] => honest.with(hour, weight);
  const all = allSteps();
  const day = steps(3);
  const forged = (change: object, values = scene.hoursOf(3)): Promise<Contribution> =>
    scene.forge({ ...day.header, ...change }, values.map(BigInt));
  const withDay3 = (own: Contribution): Contribution[] => all.with(3, own);
  const to = defined(bordersOf(scene)[1]);
  const bitmap = day.header.bitmap.with(1, 0b1111_1110);
  const half = await forged(
    { count: 12, bitmap: new Uint8Array([255, 15]) },
    scene.hoursOf(3).slice(0, 12),
  );
  const other = world.households[1];
  assert(other !== undefined);
  const rows: readonly (readonly [string, Asked, string])[] = [
    ["one hour at 2^20 times its price", { by: heavier(77, 2 ** 20) }, "REQUEST_WRONG_PRODUCT"],
    [
      "2^(20t)",
      { by: honest.map((_, hour) => (hour < 2 ? 2 ** (20 * hour) : 0)) },
      "REQUEST_WRONG_PRODUCT",
    ],
    [
      "one hour alone",
      { by: honest.map((_, hour) => (hour === 77 ? 1 : 0)) },
      "REQUEST_WRONG_PRODUCT",
    ],
    ["an hour left out", { by: heavier(77, 0) }, "REQUEST_WRONG_PRODUCT"],
    ["a day left out", { contributions: all.toSpliced(3, 1) }, "REQUEST_WRONG_BLOCK"],
    ["the last day left out", { contributions: all.slice(0, -1) }, "REQUEST_WRONG_BLOCK"],
    ["a day more", { contributions: [...all, steps(28)] }, "REQUEST_BORDERS_DIFFER"],
    ["a day twice", { contributions: withDay3(steps(2)) }, "REQUEST_WRONG_BLOCK"],
    ["a day of another window", { contributions: withDay3(steps(28)) }, "REQUEST_WRONG_BLOCK"],
    ["hours twice", { contributions: all.toSpliced(3, 0, half) }, "REQUEST_WRONG_BLOCK"],
    ["half a day", { contributions: withDay3(half) }, "REQUEST_WRONG_BLOCK"],
    ["out of order", { contributions: all.with(3, steps(4)).with(4, day) }, "REQUEST_WRONG_BLOCK"],
    [
      "an hour without readings",
      { contributions: withDay3(await forged({ bitmap })) },
      "REQUEST_WRONG_MEMBERS",
    ],
    [
      "an hour too few",
      { contributions: withDay3(await forged({}, scene.hoursOf(3).slice(1))) },
      "REQUEST_WRONG_PACKING",
    ],
    [
      "quarters",
      { contributions: withDay3(await forged({ intervalSeconds: 900 })) },
      "REQUEST_WRONG_BLOCK",
    ],
    [
      "another bank",
      { contributions: withDay3(await forged({ registerBank: new Uint8Array(8) })) },
      "REQUEST_BORDERS_DIFFER",
    ],
    [
      "another meter",
      { contributions: withDay3(await forged({ meterId: new Uint8Array(16) })) },
      "REQUEST_BORDERS_DIFFER",
    ],
    [
      "another household",
      { contributions: withDay3(await forged({ networkPseudonym: fromHex(other.network) })) },
      "REQUEST_FOREIGN_CONTRIBUTION",
    ],
    [
      "of a meter's own profile",
      { contributions: withDay3(await forged({ profile: "meter-encrypts" })) },
      "REQUEST_MIXED_PROFILES",
    ],
    [
      "signed by a meter",
      {
        contributions: withDay3(
          await scene.forge(day.header, scene.hoursOf(3).map(BigInt), other.meter),
        ),
      },
      "REQUEST_BAD_SIGNATURE",
    ],
    [
      "loads in the place of steps",
      { contributions: withDay3(defined(scene.load.get(3)?.[0])) },
      "REQUEST_WRONG_STREAM",
    ],
    [
      "no steps",
      { contributions: [], changes: { costProduct: to.ciphertext } },
      "REQUEST_MALFORMED",
    ],
    ["a border among the steps", { contributions: withDay3(to) }, "REQUEST_WRONG_STREAM"],
  ];
  const before = decrypted.length;
  for (const [name, asked, code] of rows) assert.deepEqual(await codesOf(asked), [code], name);
  assert.equal(decrypted.length, before, "nothing was opened");
});

test("prices: all of them, of the epoch that the request names, and none that write readings into a cost", async () => {
  const until = { ...span, endSeconds: world.dayStart(28) - 3600 };
  const tooFew = await viewOf([dayAheadPrices(until, afterwardsTerms)]);
  assert.deepEqual(await codesOf({}, tooFew), ["TARIFF_PRICES_MISSING"]);
  const { known: _, ...before } = balancing;
  const counted = await viewOf([before]);
  assert.deepEqual(await codesOf({}, counted), ["TARIFF_PRICES_MISSING"], "another series' terms");
  // Of the 29th day on: the epoch after has others, and the request names the one before.
  const dearer = balancing.pricesMicroPerKilowattHour.map((price) => price + priceStepMicro);
  const later = await viewOf([{ ...balancing, pricesMicroPerKilowattHour: dearer }]);
  assert.deepEqual(await codesOf({}, later), ["REQUEST_WRONG_PRODUCT"]);
  const first = (world.dayStart(0) - span.startSeconds) / 3600;
  const priceBy = (price: (hour: number) => number): DynamicPrices => ({
    ...balancing,
    pricesMicroPerKilowattHour: balancing.pricesMicroPerKilowattHour.map(
      (_price, hour) => floor + priceStepMicro * price(hour - first),
    ),
  });
  const table: readonly (readonly [string, DynamicPrices, readonly string[]])[] = [
    [
      "2^(20t)",
      priceBy((hour) => (hour >= 0 && hour < 3 ? 2 ** (20 * hour) : 1)),
      ["TARIFF_PRICES_MISSING"],
    ],
    ["at the floor", priceBy((hour) => hour % 7), ["TARIFF_PRICES_MISSING"]],
    [
      "2^(6t)",
      priceBy((hour) => (hour >= 0 && hour < 4 ? 2 ** (6 * hour) : 1)),
      ["R9_COST_LEVERAGE", "R9_COST_RESIDUE"],
    ],
    [
      "30000 with one 30001",
      priceBy((hour) => (hour === 77 ? 30_001 : 30_000)),
      ["R9_VALUE_TOO_LARGE", "R9_COST_LEVERAGE", "R9_COST_RESIDUE"],
    ],
  ];
  for (const [name, prices, codes] of table) {
    const asked = { by: weights(prices) };
    assert.deepEqual(await codesOf(asked, await viewOf([prices])), codes, name);
  }
});

test("energies that pass 48 bits at their prices are no cost: the window is spent, and nothing is said", async () => {
  const day = steps(3);
  const values = scene
    .hoursOf(3)
    .map(BigInt)
    .with(5, 1n << 47n);
  const contributions = allSteps().with(3, await scene.forge(day.header, values));
  const { release, codes } = await answerTo(await costRequest({ contributions }));
  assert.equal(release, undefined);
  assert.deepEqual(codes, ["RELEASE_CORRUPT"]);
});

test("holders of shares open both, with one proof", async () => {
  const shared = await makeScene({ threshold: 2, trustees: 3 }, priced);
  const request = await costRequest({ of: shared });
  const { release } = await combinedBill(shared, request, EPOCH_HASH);
  assert.equal(release.cost, String(costBy(weights(balancing))));
  await shared.close();
});
