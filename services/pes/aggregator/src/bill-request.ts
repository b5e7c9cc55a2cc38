/**
 * The request for a sealed BILL window (docs/protocol.md §7.3, §8.1): the quotient of its two
 * borders, or of the two of each of its meters. Ciphertexts alone.
 */
import assert from "node:assert/strict";
import type { Engine } from "@smarter-metering/paillier";
import {
  concatBytes,
  decodeContribution,
  fromHex,
  instantOf,
  type Contribution,
  type ReleaseRequest,
  type ServicePoint,
} from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";
import { COST_ASKED, costPartsOf } from "./bill-cost.ts";
import { weightedProducts } from "./bill-steps.ts";
import { meterChain } from "./meter-chain.ts";
import type { RegistryContext } from "./registry-context.ts";

/** A sealed window with the contributions at its borders, two for each of its meters. */
export interface SealedWindow {
  readonly servicePoint: string;
  readonly fromGrid: number;
  readonly toGrid: number;
  readonly borders: readonly Uint8Array[];
  /** Where the cost is asked for: of the same frames, or the steps between them and the weight of each. */
  readonly costs: readonly Uint8Array[];
  readonly weights?: readonly number[];
  /** ASKED, or the codes that keep it back; nothing where the service point has none. */
  readonly cost: string;
}

/** Sealed windows whose request is still to be made. */
export async function loadSealedWindows(
  sql: Sql,
  registry: RegistryContext,
  limit: number,
): Promise<SealedWindow[]> {
  const rows = await sql.query<{
    service_point: string;
    from_grid: bigint;
    to_grid: bigint;
    earlier: Uint8Array;
    later: Uint8Array;
    cost: string;
  }>(
    `select w.service_point, w.from_grid, w.to_grid, w.cost, a.encoded as earlier, b.encoded as later
      from bill_window w
      join contribution a on a.service_point = w.service_point and a.stream = 'BILL'
       and a.block = w.from_block and a.first_slot = w.from_slot
      join contribution b on b.service_point = w.service_point and b.stream = 'BILL'
       and b.block = w.to_block and b.first_slot = w.to_slot
      where w.state = 'SEALED' and w.request is null
      order by w.to_grid, w.service_point limit $1`,
    [limit],
  );
  const windows = rows.map(async ({ service_point: servicePoint, earlier, later, ...row }) => {
    const point = registry.view.servicePoint(servicePoint);
    const chain = point && (await meterChain(sql, point, { earlier, later, isSealed: true }));
    // Sealed when all of it was there, and the ledger forgets nothing.
    assert(point !== undefined && chain !== undefined, "the borders of a sealed window");
    const grid = { fromGrid: Number(row.from_grid), toGrid: Number(row.to_grid) };
    const cost = await costOf(sql, point, chain, { registry, before: row.cost });
    return { servicePoint, ...grid, borders: chain, ...cost };
  });
  return Promise.all(windows);
}

/** What is asked of a window's cost beside its energy; it is not asked for again once a trustee has refused it. */
async function costOf(
  sql: Sql,
  point: ServicePoint,
  chain: readonly Uint8Array[],
  { registry, before }: { readonly registry: RegistryContext; readonly before: string },
): Promise<Pick<SealedWindow, "costs" | "weights" | "cost">> {
  if (point.prices === undefined) return { costs: [], cost: "" };
  if (before !== "" && before !== COST_ASKED) return { costs: [], cost: before };
  const parts = await costPartsOf(sql, point, chain, registry);
  if ("codes" in parts) return { costs: [], cost: parts.codes.join(",") };
  return { ...parts, cost: COST_ASKED };
}

/**
 * Π Enc(b) · (Π Enc(a))⁻¹ (§6.1) of each: what the registers counted between the borders; and of
 * steps the product that counts each with its price.
 */
export async function makeBillRequests(
  windows: readonly SealedWindow[],
  registry: RegistryContext,
  engine: Engine,
): Promise<ReleaseRequest[]> {
  const chains = windows.flatMap(({ borders, costs, weights }) =>
    costs.length > 0 && weights === undefined ? [borders, costs] : [borders],
  );
  const stepped = windows.flatMap(({ costs: contributions, weights }) =>
    weights === undefined ? [] : [{ contributions, weights }],
  );
  const quotients = (await quotientsOf(chains, registry, engine)).values();
  const products = (await weightedProducts(stepped, registry, engine)).values();
  const next = (of: Iterator<Uint8Array>): Uint8Array => {
    const result = of.next();
    assert(result.done !== true, "one for each");
    return result.value;
  };
  const costProductOf = ({ costs, weights }: SealedWindow): Uint8Array => {
    if (costs.length === 0) return new Uint8Array(0);
    return next(weights === undefined ? quotients : products);
  };
  return windows.map((window) => {
    const { borders, costs } = window;
    const [from, to] = endsOf(borders.map(decodeContribution));
    return {
      terms: {
        kind: "BILL",
        registryEpoch: registry.epoch,
        networkPseudonym: fromHex(window.servicePoint, 16),
        fromGrid: window.fromGrid,
        toGrid: window.toGrid,
        fromBorder: instantOf(from.header),
        toBorder: instantOf(to.header),
        registerBank: to.header.registerBank,
        paillierKeyId: registry.keyId,
        product: next(quotients),
        costProduct: costProductOf(window),
      },
      contributions: [...borders, ...costs],
    };
  });
}

/** One for each chain of borders, in order; with one call of the engine for all. */
async function quotientsOf(
  chains: readonly (readonly Uint8Array[])[],
  registry: RegistryContext,
  engine: Engine,
): Promise<Uint8Array[]> {
  const borders = chains.map((chain) => chain.map(decodeContribution));
  const productBytes = registry.key.bits / 4;
  /** Those that begin a meter's part of the window, or those that end it, multiplied. */
  const products = async (parity: number): Promise<Uint8Array> => {
    const groups = borders.map((all) => all.filter((_, index) => index % 2 === parity));
    const list = groups.flat().map(({ ciphertext }) => ciphertext);
    // Or every window after it would get another's register.
    assert(
      list.every(({ length }) => length === productBytes),
      "of the registry's key",
    );
    const flat = concatBytes(...list);
    const sizes = groups.map(({ length }) => length);
    const single = sizes.every((size) => size === 1);
    return single ? flat : engine.product(registry.key, flat, sizes);
  };
  const [earlier, later] = await Promise.all([products(0), products(1)]);
  const quotients = await engine.subtract(registry.key, later, earlier);
  return chains.map((_, index) =>
    quotients.slice(index * productBytes, (index + 1) * productBytes),
  );
}

function endsOf(borders: readonly Contribution[]): readonly [Contribution, Contribution] {
  const [from, to] = [borders[0], borders.at(-1)];
  assert(from !== undefined && to !== undefined && borders.length % 2 === 0, "two for each meter");
  return [from, to];
}
