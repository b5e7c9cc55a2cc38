/** A household's import by the bands of its tariff (docs/protocol.md §6). Pure; runs at the customer. */
import { bandsOf, type Calendar } from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";
import { runsIn, type ReadingSeries } from "./reading-series.ts";

/**
 * Import of the readings that begin in a span, mWh, in the order of the calendar's bands; exact below 2^53. Throws ZONE_UNKNOWN, and
 * TARIFF_BOUNDARY_INSIDE_INTERVAL where a band changes inside a reading.
 */
export function bandEnergies(
  series: ReadingSeries,
  span: Span,
  calendar: Calendar,
  zone: string,
): number[] {
  const energies = calendar.bands.map(() => 0);
  for (const { startSeconds, intervalSeconds, importMilliwattHours } of runsIn(series, span)) {
    const { length } = importMilliwattHours;
    const bands = bandsOf(calendar, startSeconds, intervalSeconds, length, zone);
    for (let index = 0; index < length; index++) {
      const band = bands[index] ?? 0;
      energies[band] = (energies[band] ?? 0) + (importMilliwattHours[index] ?? 0);
    }
  }
  return energies;
}
