/** The stage of the trustee's tests: one scene for all of them, and short names for what is on it. */
import assert from "node:assert/strict";
import { named } from "../../../../test/support/world.ts";
import {
  indexNetworkView,
  toHex,
  type Contribution,
  type ContributionHeader,
  type NetworkView,
  type NetworkViewDocument,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { makeScene } from "./requests.ts";

export const scene = await makeScene();

export function load(day: number, ...households: number[]): Contribution[] {
  const all = scene.load.get(day) ?? [];
  return households.map((index) => defined(all[index]));
}

export const border = (day: number): Contribution => defined(scene.borders.get(day));

export function defined<T>(value: T | undefined): T {
  assert(value !== undefined);
  return value;
}

export const ALL = [0, 1, 2, 3, 4, 5, 6] as const;
export const SIX = [0, 1, 2, 3, 4, 5] as const;
export const february = (): Promise<SignedRequest> =>
  scene.billRequest([border(-1), border(27)], [0, 28]);

/** A LOAD contribution like household 0's of day 1, with another header. */
export const forged = (changes: Partial<ContributionHeader>, values = 24): Promise<Contribution> =>
  scene.forge(
    { ...defined(load(1, 0)[0]).header, ...changes },
    Array.from({ length: values }, () => 5n),
  );

export const bitmap = (count: number, ...missing: number[]): Uint8Array => {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (let slot = 0; slot < count; slot++) {
    if (!missing.includes(slot)) bits[slot >> 3] = (bits[slot >> 3] ?? 0) | (1 << (slot & 7));
  }
  return bits;
};

/** A view with one service point changed. */
export const viewWith = (
  change: (
    point: NetworkViewDocument["servicePoints"][number],
  ) => Partial<NetworkViewDocument["servicePoints"][number]>,
): NetworkView => {
  const [first] = scene.world.households;
  const servicePoints = scene.document.servicePoints.map((point) =>
    point.network === first?.network ? { ...point, ...change(point) } : point,
  );
  return indexNetworkView({ ...scene.document, servicePoints });
};

/** An opener that lies: one household with more in an hour than seven can have. */
export async function corruptRequest(): Promise<SignedRequest> {
  const huge = await scene.forge(defined(load(1, 0)[0]).header, [1n << 20n]);
  return scene.loadRequest([huge, ...load(1, 1, 2, 3, 4, 5, 6)]);
}

/** Household 0's meter was exchanged on day 12 at 10 h. */
const EXCHANGE = { day: 12, slot: 10 };
const exchangedAt = (): number => scene.world.dayStart(EXCHANGE.day) + 3600 * EXCHANGE.slot;
const newMeterId = named("exchanged meter", 16);

export const exchangedView = (): NetworkView =>
  viewWith(({ meters: [old] }) => ({
    meters: [
      { ...defined(old), to: exchangedAt() },
      { meterId: toHex(newMeterId), signingKey: "00".repeat(32), from: exchangedAt(), to: null },
    ],
  }));

/** The registers at both sides of the exchange and at the end of February; `changes` is one lie. */
export async function exchangeBorders(changes: {
  readonly ends?: Partial<ContributionHeader>;
  readonly begins?: Partial<ContributionHeader>;
}): Promise<[from: Contribution, ends: Contribution, begins: Contribution, to: Contribution]> {
  const { header } = border(27);
  const blockStart = scene.world.dayStart(EXCHANGE.day);
  const meterId = newMeterId;
  const ends = { ...header, blockStart, firstSlot: 0, count: EXCHANGE.slot, ...changes.ends };
  const begins = {
    ...header,
    meterId,
    blockStart,
    firstSlot: EXCHANGE.slot,
    count: 0,
    ...changes.begins,
  };
  return [
    border(-1),
    await scene.forge(ends, EXCHANGE_REGISTERS.ends),
    await scene.forge(begins, EXCHANGE_REGISTERS.begins),
    await scene.forge({ ...header, meterId }, EXCHANGE_REGISTERS.to),
  ];
}

/** mWh by register; a meter need not start at 0. */
export const EXCHANGE_REGISTERS = {
  ends: [90_000_000n, 50_000_000n],
  begins: [7n, 1_000n],
  to: [40_000_007n, 30_001_000n],
};
