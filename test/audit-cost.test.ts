/** `audit replay` of a bill whose prices were known only afterwards (docs/protocol.md §6.6, §8.2): its cost is made again from every hour. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  decodeContribution,
  indexNetworkView,
  type BillRequest,
  type Contribution,
} from "@smarter-metering/protocol";
import { countedPrices, dayStartOf } from "@smarter-metering/tariff";
import { rebuildTerms } from "../cli/src/audit/rebuild-terms.ts";
import { makeScene, weightedProduct } from "../services/pes/trustee/test/requests.ts";
import { afterwardsTerms, dayAheadPrices, dayAheadTariff } from "./support/day-ahead.ts";

const prices = dayAheadPrices(
  {
    startSeconds: dayStartOf("2025-01-31", "Europe/Zurich"),
    endSeconds: dayStartOf("2025-03-02", "Europe/Zurich"),
  },
  afterwardsTerms,
);
const scene = await makeScene(undefined, {
  tariff: dayAheadTariff(afterwardsTerms),
  prices: [prices],
});
const { world } = scene;
after(() => scene.close());

test("steps at the registered prices make the logged terms, and no others do", async () => {
  const borders = [-1, 27].flatMap((day) => scene.borders.get(day) ?? []);
  const steps = Array.from({ length: 28 }, (_, day) => scene.steps.get(day)).flatMap(
    (own) => own ?? [],
  );
  const span = { fromSeconds: world.dayStart(0), toSeconds: world.dayStart(28) };
  const costProduct = weightedProduct(world, steps, countedPrices([prices], span));
  const request = await scene.billRequest([...borders, ...steps], [0, 28], { costProduct });
  const logged = request.terms as BillRequest;
  const contributions = request.contributions.map(decodeContribution);
  const rebuilt = (own: readonly Contribution[], view = scene.view) =>
    rebuildTerms(logged, own, view, world.engine);
  assert.deepEqual(await rebuilt(contributions), logged);

  const dearer = prices.pricesMicroPerKilowattHour.map((price) => price + 1000);
  const priced = await makeScene(undefined, {
    tariff: dayAheadTariff(afterwardsTerms),
    prices: [{ ...prices, pricesMicroPerKilowattHour: dearer }],
  });
  const { document } = priced;
  await priced.close();
  const other = await rebuilt(contributions, indexNetworkView(document));
  assert.notDeepEqual(other, logged);
  assert.deepEqual({ ...other, costProduct }, logged);

  const rows: readonly (readonly [string, readonly Contribution[], string])[] = [
    ["a day is missing", contributions.toSpliced(10, 1), "members"],
    ["a day twice", contributions.toSpliced(10, 0, ...contributions.slice(10, 11)), "members"],
    ["out of order", [...borders, ...steps.toReversed()], "members"],
    ["a border too few", contributions.slice(1), "members"],
  ];
  for (const [name, own, link] of rows) await assert.rejects(rebuilt(own), { link }, name);
  const { prices: _, ...unpriced } = scene.document;
  await assert.rejects(rebuilt(contributions, indexNetworkView(unpriced)), {
    link: "product",
    code: "TARIFF_PRICES_MISSING",
  });
});
