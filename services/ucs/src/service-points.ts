/** The registry's view as the UCS asks it (docs/protocol.md §9.1): which meter may speak for which service point, under which contract. */
import { fromHex, toHex, type UcsView } from "@smarter-metering/protocol";

export interface KnownServicePoint {
  readonly contractStart: number;
  /** Epoch seconds; null while the contract runs. */
  readonly contractEnd: number | null;
  /** Raw Ed25519 keys by meter id, hex. */
  readonly meters: ReadonlyMap<string, Uint8Array>;
}

/** By network pseudonym, hex. */
export type ServicePoints = ReadonlyMap<string, KnownServicePoint>;

const indexed = new WeakMap<UcsView, ServicePoints>();

/** The view's index, made once for each view. */
export function servicePointsOf(view: UcsView): ServicePoints {
  const known = indexed.get(view);
  if (known !== undefined) return known;
  const points: ServicePoints = new Map(
    view.servicePoints.map(({ network, contractStart, contractEnd, meters }) => [
      network,
      {
        contractStart,
        contractEnd,
        meters: new Map(meters.map((meter) => [meter.meterId, fromHex(meter.signingKey)])),
      },
    ]),
  );
  indexed.set(view, points);
  return points;
}

/** What a message says of itself. */
export interface Names {
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
}

export interface Sender {
  /** Hex. */
  readonly servicePoint: string;
  readonly meter: string;
  readonly meterKey: Uint8Array;
  readonly contractStart: number;
}

/** Undefined when this registry epoch does not know the pair of service point and meter. */
export function senderOf(points: ServicePoints, names: Names): Sender | undefined {
  const servicePoint = toHex(names.networkPseudonym);
  const meter = toHex(names.meterId);
  const point = points.get(servicePoint);
  const meterKey = point?.meters.get(meter);
  if (point === undefined || meterKey === undefined) return undefined;
  return { servicePoint, meter, meterKey, contractStart: point.contractStart };
}
