/**
 * The cost of a billing window (docs/protocol.md §6.6, §8.3 R9): the COST contributions of the frames
 * at its borders, and whether the prices of the window allow to ask for their difference. Ciphertexts
 * and public prices alone.
 */
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
import type { Sql } from "@smarter-metering/runtime";
import { costFactsOf, TariffError } from "@smarter-metering/tariff";
import type { RegistryContext } from "./registry-context.ts";

/** The state of a window's cost that its request asks for. */
export const COST_ASKED = "ASKED";

/** A fuse lets that much more than its rating pass for long. */
const FUSE_TOLERANCE = 1.25;

/**
 * The COST contributions that were made with `borders`, encoded, in the same order; undefined while one
 * is missing, or contradicted.
 */
export async function costsOf(
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

/** Why the cost between two borders is not asked for: the codes of R9; none when it may be. */
export function costRefusals(
  point: ServicePoint,
  [from, to]: readonly [Uint8Array, Uint8Array],
  { view, policy, calendars, prices }: RegistryContext,
): readonly string[] {
  const { header } = decodeContribution(to);
  const bank = toHex(header.registerBank);
  const span = {
    fromSeconds: instantOf(decodeContribution(from).header),
    toSeconds: instantOf(header),
  };
  try {
    const facts = costFactsOf(prices.get(bank) ?? [], span, {
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
