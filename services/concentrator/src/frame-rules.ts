/**
 * What a frame's header must satisfy under the registry, before its signature is looked at
 * (docs/protocol.md §2.8, §2.9). Pure; run by the concentrator, which never sees inside a frame.
 */
import {
  installedAt,
  toHex,
  type FrameHeader,
  type NetworkView,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { refused, type Refusal } from "./verdict.ts";

/** Instants beyond this are refused before any calendar is asked: the year 2243. */
const INSTANT_SECONDS_MAX = 2 ** 33;

export interface FrameRules {
  readonly view: NetworkView;
  readonly nowSeconds: number;
  /** How far a frame may end ahead of this clock. */
  readonly futureToleranceSeconds: number;
}

/**
 * The meter's signing key (hex), or why the frame is refused: foreign, profile, grid, future, in
 * this order.
 */
export function checkHeader(
  header: FrameHeader,
  rules: FrameRules,
): { readonly signingKey: string } | Refusal {
  const network = toHex(header.networkPseudonym);
  const meterId = toHex(header.meterId);
  const point = rules.view.servicePoint(network);
  const from = header.blockStart + header.firstSlot * header.intervalSeconds;
  const end = from + header.count * header.intervalSeconds;
  // Both ends: a frame belongs to one meter and one contract, never to two tenants.
  const meter = rules.view.meterAt(network, meterId, from);
  if (
    point === undefined ||
    meter === undefined ||
    rules.view.meterAt(network, meterId, end)?.signingKey !== meter.signingKey ||
    from < point.contractStart ||
    (point.contractEnd !== null && end > point.contractEnd)
  ) {
    return refused("FRAME_FOREIGN", "no such meter at this service point at that time");
  }
  if (header.profile !== point.profile) {
    return refused("FRAME_PROFILE", `this service point is registered as ${point.profile}`);
  }
  if (!fitsGrid(header, point, installedAt(point, meterId))) {
    return refused("FRAME_OFF_GRID", "block, slots or interval are not the registered ones");
  }
  if (end > rules.nowSeconds + rules.futureToleranceSeconds) {
    return refused("FRAME_FUTURE", "the frame ends in the future; check the meter's clock");
  }
  return meter;
}

function fitsGrid(
  header: FrameHeader,
  { zone, intervalSeconds }: Pick<ServicePoint, "zone" | "intervalSeconds">,
  installed: number | undefined,
): boolean {
  const { blockStart, firstSlot, count } = header;
  if (blockStart > INSTANT_SECONDS_MAX || header.intervalSeconds !== intervalSeconds) return false;
  if (localDayStart(blockStart, zone) !== blockStart) return false;
  const slots = (addLocalDays(blockStart, 1, zone) - blockStart) / intervalSeconds;
  if (firstSlot + count > slots) return false;
  if (count > 0) return true;
  // An instant has one name: midnight is the end of a block, never the start of one.
  const instant = blockStart + firstSlot * intervalSeconds;
  return header.kind === "BLOCK" && firstSlot > 0 && instant === installed;
}
