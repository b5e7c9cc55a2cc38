/**
 * Whether a meter can count by prices that change in steps (docs/protocol.md §6.6, §9.5). Asked by the registry before a service point is
 * billed by them: its readings and its bills must end where prices do.
 */
import { zoneOffsetSeconds, type CostTerms } from "@smarter-metering/tariff";

/** A year of looks, so that summer time is among them. */
const LOOKS = 13;
const LOOK_SECONDS = 28 * 86_400;

export interface CostPlace {
  readonly zone: string;
  /** The meter's own. */
  readonly intervalSeconds: number;
}

/** What keeps the meter from counting, in words; looks at the year from `fromSeconds` on. Throws TariffError ZONE_UNKNOWN. */
export function costFault(
  { stepSeconds }: CostTerms,
  { zone, intervalSeconds }: CostPlace,
  fromSeconds: number,
): string | undefined {
  if (stepSeconds % intervalSeconds !== 0) {
    return `prices change every ${stepSeconds} s, inside the meter's intervals of ${intervalSeconds} s`;
  }
  const looks = Array.from({ length: LOOKS }, (_, index) => fromSeconds + index * LOOK_SECONDS);
  if (looks.every((at) => zoneOffsetSeconds(at, zone) % stepSeconds === 0)) return undefined;
  return `prices change every ${stepSeconds} s, and days in ${zone} begin between two of them`;
}
