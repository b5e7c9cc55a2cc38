/**
 * When a meter serves a service point (docs/protocol.md §2.9, §6.3): from its installation, which the first frame states, to the end that
 * the registry has for it. Public data only.
 */
import { toHex } from "./bytes.ts";
import { instantOf, type ContributionHeader } from "./contribution.ts";
import type { ServicePoint } from "./network-view.ts";

type Served = Pick<ServicePoint, "contractStart" | "meters">;

/** Epoch seconds: the contract's start for its first meter, the exchange for a later one. Undefined for a foreign meter. */
export function installedAt(
  { contractStart, meters }: Served,
  meterId: string,
): number | undefined {
  const meter = meters.find((entry) => entry.meterId === meterId);
  return meter && Math.max(contractStart, meter.from);
}

/** Epoch seconds: when it is taken away. Undefined for one that stays, and for a foreign meter. */
export const servedUntil = ({ meters }: Served, meterId: string): number | undefined =>
  meters.find((entry) => entry.meterId === meterId)?.to ?? undefined;

/**
 * Whether a BILL contribution stands where §6.3 has one: without readings at its meter's installation, else at the end of its local day,
 * `blockEnd`, or at the end of its meter's service.
 */
export function isBorder(
  point: Served,
  header: Pick<
    ContributionHeader,
    "meterId" | "blockStart" | "firstSlot" | "count" | "intervalSeconds"
  >,
  blockEnd: number,
): boolean {
  const meterId = toHex(header.meterId);
  const instant = instantOf(header);
  const installed = installedAt(point, meterId);
  if (installed === undefined || instant > blockEnd) return false;
  if (header.count === 0) return instant === installed && instant > header.blockStart;
  return instant > installed && (instant === blockEnd || instant === servedUntil(point, meterId));
}

/**
 * Under which place of its block a BLOCK frame, or what it contributes, is known (§2.7): its first slot. An installation holds no slot, and
 * stands beside the frame that begins where it does: a place of its own, below 0.
 */
export const placeInBlock = ({
  firstSlot,
  count,
}: {
  readonly firstSlot: number;
  readonly count: number;
}): number => (count === 0 ? -1 - firstSlot : firstSlot);
