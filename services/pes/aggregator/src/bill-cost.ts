/**
 * The cost of a billing window (docs/protocol.md §6.6, §8.3 R9): the COST contributions of the frames
 * at its borders, or the STEPS between them where prices are known afterwards, and whether the prices
 * of the window allow to ask for what they make. Ciphertexts and public prices alone.
 */
import assert from "node:assert/strict";
import { fuseWatts, judgeCost } from "@smarter-metering/policy";
import {
  costClassSize,
  decodeContribution,
  encodeContributionHeader,
  equalBytes,
  instantOf,
  placeInBlock,
  toHex,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { busLimits, type Sql } from "@smarter-metering/runtime";
import {
  arePricesKnown,
  costFactsOf,
  countedPrices,
  stepSecondsOf,
  TariffError,
  type DynamicPrices,
  type PricedSpan,
} from "@smarter-metering/tariff";
import { areStepsThere, loadSteps } from "./bill-steps.ts";
import type { RegistryContext } from "./registry-context.ts";

/** The state of a window's cost that its request asks for. */
export const COST_ASKED = "ASKED";

/** What a request's cost may hold: the bus carries the head, the terms and the borders beside it. */
const COST_BYTES_MAX = busLimits.bodyBytes - 32_768;

/** A fuse lets that much more than its rating pass for long. */
const FUSE_TOLERANCE = 1.25;

/** What a cost is made of: COST borders, or steps and the weight of each. Nothing: none is asked for. */
export interface CostParts {
  readonly costs: readonly Uint8Array[];
  readonly weights?: readonly number[];
}

/** Of a window between two borders: its prices, and the steps that are contributed one by one, if any. */
interface CostWindow {
  readonly span: PricedSpan;
  readonly bank: string;
  readonly stepSeconds: number | undefined;
  readonly prices: readonly DynamicPrices[];
}

function costWindow(
  borders: readonly Uint8Array[],
  { calendars, prices }: RegistryContext,
): CostWindow {
  const [first] = borders;
  assert(first !== undefined, "a window has two borders");
  const bank = toHex(decodeContribution(first).header.registerBank);
  const calendar = calendars.get(bank);
  return {
    span: spanOf(borders),
    bank,
    stepSeconds: calendar && stepSecondsOf(calendar),
    prices: prices.get(bank) ?? [],
  };
}

/** Whether a window can ask for its cost now, as far as it follows from what was contributed and published. */
export async function isCostThere(
  sql: Sql,
  point: ServicePoint,
  borders: readonly Uint8Array[],
  registry: RegistryContext,
): Promise<boolean> {
  const { span, stepSeconds, prices } = costWindow(borders, registry);
  if (stepSeconds === undefined) return (await costsOf(sql, point, borders)) !== undefined;
  return arePricesKnown(prices, span) && areStepsThere(sql, point, span, stepSeconds);
}

/** What a window asks for as its cost, or the codes that keep it back. */
export async function costPartsOf(
  sql: Sql,
  point: ServicePoint,
  borders: readonly Uint8Array[],
  registry: RegistryContext,
): Promise<CostParts | { readonly codes: readonly string[] }> {
  const window = costWindow(borders, registry);
  const { span, stepSeconds, prices } = window;
  const codes = costRefusals(point, window, registry);
  if (stepSeconds === undefined) {
    const costs = await costsOf(sql, point, borders);
    if (costs === undefined) return { codes: ["COST_MISSING"] };
    return codes.length > 0 ? { codes } : { costs };
  }
  if (!(await areStepsThere(sql, point, span, stepSeconds))) return { codes: ["COST_MISSING"] };
  if (codes.length > 0) return { codes };
  const costs = await loadSteps(sql, point, span);
  const bytes = costs.reduce((sum, { length }) => sum + length, 0);
  if (bytes > COST_BYTES_MAX) return { codes: ["COST_TOO_LARGE"] };
  return { costs, weights: countedPrices(prices, span) };
}

/** Behind the borders of a request that asks for a cost: what is there of it. */
export async function loadCosts(
  sql: Sql,
  point: ServicePoint,
  borders: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  if (point.stepSeconds === undefined) return (await costsOf(sql, point, borders)) ?? [];
  return loadSteps(sql, point, spanOf(borders));
}

/** From the first border to the last. */
function spanOf(borders: readonly Uint8Array[]): PricedSpan {
  const [from, to] = [borders[0], borders.at(-1)].map(
    (encoded) => encoded && instantOf(decodeContribution(encoded).header),
  );
  assert(from !== undefined && to !== undefined, "a window has two borders");
  return { fromSeconds: from, toSeconds: to };
}

/**
 * The COST contributions that were made with `borders`, encoded, in the same order; undefined while one
 * is missing, or contradicted.
 */
async function costsOf(
  sql: Sql,
  point: ServicePoint,
  borders: readonly Uint8Array[],
): Promise<readonly Uint8Array[] | undefined> {
  const wanted = borders.map((encoded) => {
    const { header } = decodeContribution(encoded);
    return { header, headerBytes: encodeContributionHeader({ ...header, stream: "COST" }) };
  });
  const rows = await sql.query<{ encoded: Uint8Array }>(
    `select c.encoded from contribution c
      join unnest($2::int8[], $3::int4[]) as b(block, first_slot)
       on c.block = b.block and c.first_slot = b.first_slot
      where c.service_point = $1 and c.stream = 'COST' and not c.excluded`,
    [
      point.network,
      wanted.map(({ header }) => header.blockStart),
      wanted.map(({ header }) => placeInBlock(header)),
    ],
  );
  const found = rows.map(({ encoded }) => {
    return { encoded, headerBytes: decodeContribution(encoded).headerBytes };
  });
  const costs = wanted.flatMap(({ headerBytes }) => {
    const match = found.find((cost) => equalBytes(cost.headerBytes, headerBytes));
    return match === undefined ? [] : [match.encoded];
  });
  return costs.length === borders.length ? costs : undefined;
}

/**
 * Refused windows that asked for a cost are sealed again, to be billed without it: a cost that may not
 * be shown keeps nobody's bill back. Returns the digests of the others.
 */
export async function askWithoutCost(
  sql: Sql,
  refused: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  const rows = await sql.query<{ digest: Uint8Array }>(
    `with asked as (
       select service_point, from_grid, digest, codes from bill_window
        where digest = any($1::bytea[]) and state = 'SUPPRESSED' and cost = $2)
     update bill_window w set state = 'SEALED', digest = null, request = null, entry = null,
       codes = '', cost = a.codes
      from asked a where w.service_point = a.service_point and w.from_grid = a.from_grid
      returning a.digest`,
    [refused, COST_ASKED],
  );
  const again = new Set(rows.map(({ digest }) => toHex(digest)));
  return refused.filter((digest) => !again.has(toHex(digest)));
}

/** Why the cost of a window is not asked for: the codes of R9; none when it may be. */
function costRefusals(
  point: ServicePoint,
  { span, bank, prices }: CostWindow,
  { view, policy, calendars }: RegistryContext,
): readonly string[] {
  try {
    const facts = costFactsOf(prices, span, {
      // The epoch is on its way into the log, in front of the request.
      isLogged: true,
      classSize: costClassSize(view, { prices: point.prices ?? "", ...span }),
      bandCount: calendars.get(bank)?.bands.length ?? 0,
      powerMaxWatts: fuseWatts(point.fuse) * FUSE_TOLERANCE,
    });
    return judgeCost(facts, policy).map(({ code }) => code);
  } catch (error) {
    if (error instanceof TariffError) return [error.code];
    throw error;
  }
}
