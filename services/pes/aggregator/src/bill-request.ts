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
import { COST_ASKED, costRefusals, costsOf } from "./bill-cost.ts";
import { meterChain } from "./meter-chain.ts";
import type { RegistryContext } from "./registry-context.ts";

/** A sealed window with the contributions at its borders, two for each of its meters. */
export interface SealedWindow {
  readonly servicePoint: string;
  readonly fromGrid: number;
  readonly toGrid: number;
  readonly borders: readonly Uint8Array[];
  /** Of the same frames, where the cost is asked for. */
  readonly costs: readonly Uint8Array[];
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
): Promise<Pick<SealedWindow, "costs" | "cost">> {
  const [from, to] = [chain[0], chain.at(-1)];
  if (point.prices === undefined || from === undefined || to === undefined) {
    return { costs: [], cost: "" };
  }
  if (before !== "" && before !== COST_ASKED) return { costs: [], cost: before };
  const costs = await costsOf(sql, point, chain);
  if (costs === undefined) return { costs: [], cost: "COST_MISSING" };
  const codes = costRefusals(point, [from, to], registry);
  return codes.length > 0 ? { costs: [], cost: codes.join(",") } : { costs, cost: COST_ASKED };
}

/** Π Enc(b) · (Π Enc(a))⁻¹ (§6.1) of each: what the registers counted between the borders. */
export async function makeBillRequests(
  windows: readonly SealedWindow[],
  registry: RegistryContext,
  engine: Engine,
): Promise<ReleaseRequest[]> {
  const chains = windows.flatMap(({ borders, costs }) =>
    costs.length > 0 ? [borders, costs] : [borders],
  );
  const quotients = (await quotientsOf(chains, registry, engine)).values();
  const next = (): Uint8Array => {
    const quotient = quotients.next();
    assert(quotient.done !== true, "one for each chain");
    return quotient.value;
  };
  return windows.map(({ borders, costs, ...window }) => {
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
        product: next(),
        costProduct: costs.length > 0 ? next() : new Uint8Array(0),
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
