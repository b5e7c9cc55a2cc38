/**
 * Bills with a cost (docs/protocol.md §6.6, §8.3 R9): what is opened, and the prices and requests with which a cost register would write
 * single readings into a bill (design of the attacks: 2^(20t); 30000 with one 30001; one price off a common residue).
 */
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  agreementOf,
  fromHex,
  indexNetworkView,
  signDocument,
  toHex,
  type Contribution,
  type NetworkView,
  type NetworkViewDocument,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { wrapCost, type DynamicPrices } from "@smarter-metering/tariff";
import { dayAheadPrices, dayAheadTariff } from "../../../../test/support/day-ahead.ts";
import { dayStartOf } from "@smarter-metering/tariff";
import { contentOf, decrypted, folder, start, type Answer } from "./harness.ts";
import { EPOCH, makeScene } from "./requests.ts";
import { combinedBill } from "./share-holders.ts";
import { defined, scene as stage } from "./stage.ts";

const span = {
  startSeconds: dayStartOf("2025-01-31", "Europe/Zurich"),
  endSeconds: dayStartOf("2025-06-01", "Europe/Zurich"),
};
const market = dayAheadPrices(span);
const priced = { tariff: dayAheadTariff(), prices: [market] };
const scene = await makeScene(undefined, priced);
const { world } = scene;
after(async () => {
  await scene.close();
  await stage.close();
  await rm(folder, { recursive: true });
});

/** All that a ledger's records say: names and times, whether there was a cost, and the answer, sealed to the MDMS. */
const LEDGER_KEYS = [
  "answer",
  "claim",
  "digest",
  "fromBorderSeconds",
  "fromGridSeconds",
  "hasCost",
  "index",
  "kind",
  "reasons",
  "registerBank",
  "sequence",
  "servicePoint",
  "toBorderSeconds",
  "toGridSeconds",
];

const EPOCH_HASH = fromHex(EPOCH.toString(16).padStart(64, "0"));
const border = (day: number): Contribution => defined(scene.borders.get(day));
const cost = (day: number): Contribution => defined(scene.costs.get(day));
const FEBRUARY = [0, 28] as const;
const withCost = (): Promise<SignedRequest> =>
  scene.billRequest([border(-1), border(27), cost(-1), cost(27)], FEBRUARY);
const withoutCost = (): Promise<SignedRequest> =>
  scene.billRequest([border(-1), border(27)], FEBRUARY);

const counted = (day: number): bigint => defined(defined(scene.registers.get(day))[2]);

async function viewOf(
  prices: readonly DynamicPrices[],
  change: Partial<NetworkViewDocument> = {},
): Promise<NetworkView> {
  const signed = prices.map((each) => signDocument("smarter-metering/prices", each, world.root));
  return indexNetworkView({ ...scene.document, prices: await Promise.all(signed), ...change });
}

interface Setting {
  readonly view?: NetworkView;
  readonly isLogged?: boolean;
}

/** What a fresh trustee answers to each, one after the other. */
async function answers(
  requests: readonly SignedRequest[],
  { view = scene.view, isLogged = true }: Setting = {},
): Promise<Answer[]> {
  const { trustee, bus, ask } = await start({ view });
  if (isLogged) await bus.log.note(EPOCH_HASH, bus.nowSeconds);
  const given: Answer[] = [];
  for (const request of requests) given.push(await ask(request));
  await trustee.close();
  return given;
}

const codesOf = async (request: SignedRequest, setting?: Setting): Promise<readonly string[]> =>
  (await answers([request], setting))[0]?.codes ?? [];

test("a cost is opened beside its energy: two differences of registers, and nothing else", async () => {
  const request = await withCost();
  const before = decrypted.length;
  const [answer] = await answers([request]);
  const content = await contentOf(answer?.release);
  assert(content.kind === "BILL" && request.terms.kind === "BILL");
  assert.equal(content.cost, String(wrapCost(counted(27) - counted(-1))));
  assert.notEqual(content.cost, "0");
  const { product, costProduct } = request.terms;
  assert.deepEqual(decrypted.slice(before), [toHex(product), toHex(costProduct)]);
  const energies = content.registers_mWh.map(BigInt);
  assert(defined(energies[0]) > 0n && energies.slice(2).every((register) => register === 0n));
});

test("what a trustee keeps of a cost: that there was one", async () => {
  const { trustee, bus, ask, ledger } = await start({ view: scene.view });
  await bus.log.note(EPOCH_HASH, bus.nowSeconds);
  const request = await withCost();
  const content = await contentOf((await ask(request)).release);
  await trustee.close();
  const text = await readFile(join(ledger, "releases.journal"), "latin1");
  const keys = new Set([...text.matchAll(/"([A-Za-z_]+)":/g)].map(([, key = ""]) => key));
  assert.deepEqual([...keys].toSorted(), LEDGER_KEYS);
  assert(content.kind === "BILL" && content.cost !== undefined);
  for (const number of [content.cost, ...content.registers_mWh.filter((one) => one !== "0")]) {
    assert(!text.includes(number));
  }
});

test("without a cost the same window is billed by energy alone, and once", async () => {
  const [refused, bill] = await answers([await withCost(), await withoutCost()], {
    isLogged: false,
  });
  assert.deepEqual(refused?.codes, ["R9_COST_NOT_LOGGED"]);
  const [, again] = await answers([await withoutCost(), await withCost()]);
  const content = await contentOf(bill?.release);
  assert(content.kind === "BILL" && content.cost === undefined);
  assert(again?.codes.includes("R8_OVERLAP"), String(again?.codes));
});

test("prices that write readings into a cost are refused, each with its code", async () => {
  const hours = market.pricesMicroPerKilowattHour.length;
  const priceBy = (price: (hour: number) => number): DynamicPrices => ({
    ...market,
    priceStepMicro: 1000,
    floorMicroPerKilowattHour: market.floorMicroPerKilowattHour,
    pricesMicroPerKilowattHour: Array.from(
      { length: hours },
      (_, hour) => market.floorMicroPerKilowattHour + 1000 * price(hour),
    ),
  });
  const wanted = 24 * 3 + 5;
  const table: readonly (readonly [string, DynamicPrices, readonly string[]])[] = [
    [
      "2^(20t): no document has such prices",
      priceBy((hour) => (hour >= 24 && hour < 27 ? 2 ** (20 * (hour - 24)) : 0)),
      ["TARIFF_PRICES_MISSING"],
    ],
    [
      "2^(6t)",
      priceBy((hour) => (hour >= 24 && hour < 28 ? 2 ** (6 * (hour - 24)) : 0)),
      ["R9_COST_LEVERAGE", "R9_COST_RESIDUE"],
    ],
    [
      "30000 with one 30001",
      priceBy((hour) => (hour === wanted ? 30_001 : 30_000)),
      ["R9_VALUE_TOO_LARGE", "R9_COST_LEVERAGE", "R9_COST_RESIDUE"],
    ],
    [
      "one price off a common residue",
      priceBy((hour) => 64 * (hour % 40) + (hour === wanted ? 1 : 0)),
      ["R9_COST_RESIDUE"],
    ],
    [
      "one dear hour",
      priceBy((hour) => (hour === wanted ? 900 : 100)),
      ["R9_COST_LEVERAGE", "R9_COST_RESIDUE"],
    ],
  ];
  for (const [name, prices, codes] of table) {
    assert.deepEqual(
      await codesOf(await withCost(), { view: await viewOf([prices]) }),
      codes,
      name,
    );
  }
  assert.deepEqual(await codesOf(await withCost(), { view: await viewOf([market]) }), []);
});

test("what else the rule asks: all prices of the window, many who have them, the terms of the calendar", async () => {
  const request = await withCost();
  const codes = (view: NetworkView): Promise<readonly string[]> => codesOf(request, { view });
  const until = { ...span, endSeconds: world.dayStart(28) - 3600 };
  assert.deepEqual(await codes(await viewOf([dayAheadPrices(until)])), ["TARIFF_PRICES_MISSING"]);
  assert.deepEqual(await codes(await viewOf([])), ["TARIFF_PRICES_MISSING"]);
  const coarser = { ...market, floorMicroPerKilowattHour: -600_000 };
  assert.deepEqual(await codes(await viewOf([coarser])), ["TARIFF_PRICES_MISSING"]);
  const network = toHex(border(27).header.networkPseudonym);
  const others = scene.document.servicePoints.filter((point) => point.network !== network);
  const some = others.map(({ prices, ...point }, index) => ({
    ...point,
    ...(index < 3 && { prices }),
  }));
  const own = scene.document.servicePoints.filter((point) => point.network === network);
  const few = await viewOf([market], { servicePoints: [...own, ...some] });
  assert.deepEqual(await codes(few), ["R9_COST_CLASS_TOO_SMALL"]);
  const unpriced = scene.document.servicePoints.map(({ prices: _, ...point }) => point);
  const none = await viewOf([market], { servicePoints: unpriced });
  assert.deepEqual(await codes(none), ["REQUEST_WRONG_STREAM"]);
});

test("a cost that is not of its border's frame, or not its difference, is refused", async () => {
  const bill = [border(-1), border(27)];
  const { n2 } = world.paillier.publicKey;
  const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
  const honest = await withCost();
  assert(honest.terms.kind === "BILL");
  const squared = (numberOf(honest.terms.costProduct) ** 2n % n2)
    .toString(16)
    .padStart(honest.terms.costProduct.length * 2, "0");
  const foreign = await scene.forge({ ...cost(27).header, frameHash: new Uint8Array(32) }, [
    10n ** 9n,
  ]);
  const meters = await scene.forge(cost(27).header, [10n ** 9n], world.households[0]?.meter);
  const rows: readonly (readonly [string, SignedRequest, readonly string[]])[] = [
    [
      "of another day",
      await scene.billRequest([...bill, cost(-1), cost(28)], FEBRUARY),
      ["REQUEST_BORDERS_DIFFER"],
    ],
    [
      "of another frame",
      await scene.billRequest([...bill, cost(-1), foreign], FEBRUARY),
      ["REQUEST_BORDERS_DIFFER"],
    ],
    [
      "signed by a meter",
      await scene.billRequest([...bill, cost(-1), meters], FEBRUARY),
      ["REQUEST_BAD_SIGNATURE"],
    ],
    [
      "one is missing",
      await scene.billRequest([...bill, cost(27)], FEBRUARY),
      ["REQUEST_MALFORMED"],
    ],
    [
      "weighted otherwise",
      await scene.billRequest([...bill, cost(-1), cost(27)], FEBRUARY, {
        costProduct: fromHex(squared),
      }),
      ["REQUEST_WRONG_PRODUCT"],
    ],
    [
      "energy in the cost's place",
      await scene.billRequest(bill, FEBRUARY, { costProduct: honest.terms.product }),
      ["REQUEST_MALFORMED"],
    ],
  ];
  for (const [name, request, codes] of rows) assert.deepEqual(await codesOf(request), codes, name);
});

test("holders of shares open both, with one proof", async () => {
  const shared = await makeScene({ threshold: 2, trustees: 3 }, priced);
  const [at, to] = [-1, 27].map((day) => ({
    border: defined(shared.borders.get(day)),
    cost: defined(shared.costs.get(day)),
  }));
  assert(at !== undefined && to !== undefined);
  const request = await shared.billRequest([at.border, to.border, at.cost, to.cost], FEBRUARY);
  const { contents, release } = await combinedBill(shared, request, EPOCH_HASH);
  const [first, second] = contents;
  assert(first !== undefined && second !== undefined);
  assert.deepEqual(await agreementOf(first), await agreementOf(second));
  const other = { ...first, costProduct: first.product };
  assert.notDeepEqual(await agreementOf(other), await agreementOf(first));
  assert.equal(release.cost, String(wrapCost(counted(27) - counted(-1))));
  assert.equal(shared.world.networkDocument.verificationKey === undefined, false);
  await shared.close();
});
