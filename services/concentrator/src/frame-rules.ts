/**
 * What a frame's header must satisfy under the registry, before its signature is looked at
 * (docs/protocol.md §2.8, §2.9). Pure; run by the concentrator, which never sees inside a frame.
 */
import { toHex, type FrameHeader, type NetworkView } from "@smarter-metering/protocol";
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
  const registered = point.meters.find((entry) => entry.meterId === meterId);
  const installedAt = Math.max(point.contractStart, registered?.from ?? 0);
  if (!fitsGrid(header, point.zone, point.intervalSeconds, installedAt)) {
    return refused("FRAME_OFF_GRID", "block, slots or interval are not the registered ones");
  }
  if (end > rules.nowSeconds + rules.futureToleranceSeconds) {
    return refused("FRAME_FUTURE", "the frame ends in the future; check the meter's clock");
  }
  return meter;
}

function fitsGrid(
  header: FrameHeader,
  zone: string,
  intervalSeconds: number,
  installedAt: number,
): boolean {
  const { blockStart, firstSlot, count } = header;
  if (blockStart > INSTANT_SECONDS_MAX || header.intervalSeconds !== intervalSeconds) return false;
  if (localDayStart(blockStart, zone) !== blockStart) return false;
  const blockEnd = addLocalDays(blockStart, 1, zone);
  const slots = (blockEnd - blockStart) / intervalSeconds;
  if (count > 0) return firstSlot + count <= slots;
  return header.kind === "BLOCK" && firstSlot === slots && blockEnd === installedAt;
}
