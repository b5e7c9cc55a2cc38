/**
 * A billing window in which meters were exchanged (docs/protocol.md §7.3): between its two borders,
 * the last registers of each meter and the first of the one after it, which stand at the instant of
 * the exchange. Still ciphertexts.
 */
import {
  decodeContribution,
  equalBytes,
  fromHex,
  installedAt,
  servedUntil,
  type Contribution,
  type ServicePoint,
} from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";

/** Of one window, encoded. */
export interface Borders {
  readonly earlier: Uint8Array;
  readonly later: Uint8Array;
  readonly isSealed: boolean;
}

/**
 * From one border of a window to the other, encoded, two for each meter; undefined while one is
 * missing. One that is contradicted becomes no border, but in a window that is sealed it stays one.
 */
export async function meterChain(
  sql: Sql,
  point: ServicePoint,
  { earlier, later, isSealed }: Borders,
): Promise<readonly Uint8Array[] | undefined> {
  const [first, last] = [decodeContribution(earlier), decodeContribution(later)];
  if (isSameMeter(first, last)) return isSameSource(first, last) ? [earlier, later] : undefined;
  const rows = await sql.query<{ encoded: Uint8Array }>(
    `select encoded from contribution
      where service_point = $1 and stream = 'BILL' and instant = any($2::int8[])
       and ($3 or not excluded)`,
    [point.network, exchangesOf(point), isSealed],
  );
  const borders = new Map<string, Uint8Array>();
  for (const { encoded } of rows) {
    const { header } = decodeContribution(encoded);
    borders.set(nameOf(header.meterId, header.count === 0), encoded);
  }
  const chain: Uint8Array[] = [earlier];
  let parts = 1;
  for (let meterId = first.header.meterId; !equalBytes(meterId, last.header.meterId);) {
    const next = successorOf(point, meterId);
    if (next === undefined || parts++ > point.meters.length) return undefined;
    const ends = borders.get(nameOf(meterId, false));
    const begins = borders.get(nameOf(next, true));
    if (ends === undefined || begins === undefined) return undefined;
    // One that was exchanged at the window's very border counts nothing in it.
    if (equalBytes(ends, earlier)) chain.splice(0, 1, begins);
    else chain.push(ends, begins);
    meterId = next;
  }
  chain.push(later);
  const isWhole = chain.every((encoded) => isSameSource(decodeContribution(encoded), first));
  return isWhole ? chain : undefined;
}

const nameOf = (meterId: Uint8Array, isInstallation: boolean): string =>
  `${Buffer.from(meterId).toString("hex")} ${isInstallation ? "begins" : "ends"}`;

/** Where one meter ended and the next began. */
export const exchangesOf = (point: ServicePoint): number[] =>
  point.meters.flatMap(({ meterId }) => servedUntil(point, meterId) ?? []);

function successorOf(point: ServicePoint, meterId: Uint8Array): Uint8Array | undefined {
  const until = servedUntil(point, Buffer.from(meterId).toString("hex"));
  if (until === undefined) return undefined;
  const next = point.meters.find((meter) => installedAt(point, meter.meterId) === until);
  return next && fromHex(next.meterId, 16);
}

const isSameMeter = ({ header: a }: Contribution, { header: b }: Contribution): boolean =>
  equalBytes(a.meterId, b.meterId);

/** Of one register bank and one Paillier key: only such registers can be added. */
const isSameSource = ({ header: a }: Contribution, { header: b }: Contribution): boolean =>
  equalBytes(a.registerBank, b.registerBank) && equalBytes(a.paillierKeyId, b.paillierKeyId);
