/** A feeder meter's CSV file as days for the API: `time,Wh`, the start of each interval in ISO 8601 with its offset; a head is allowed. */
import { localDayStart } from "@smarter-metering/tariff";
import { isoText } from "./iso-day.ts";

export interface FeederDay {
  readonly start: string;
  /** null: no reading. */
  readonly energy_Wh: readonly (number | null)[];
}

/** Rows in the order of time, by local day; whether a day is whole and on the grid is the server's to say. */
export function feederDays(
  text: string,
  zone: string,
): { readonly days: readonly FeederDay[] } | { readonly badLine: number } {
  const days = new Map<number, (number | null)[]>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const [time = "", energy = ""] = line.split(/[,;]/).map((cell) => cell.trim());
    const seconds = Date.parse(time) / 1000;
    const isDated =
      /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(time) && !Number.isNaN(seconds);
    if (!isDated && index === 0) continue;
    if (!isDated || !/^(-?\d+)?$/.test(energy)) return { badLine: index + 1 };
    const day = localDayStart(seconds, zone);
    const values = days.get(day) ?? [];
    values.push(energy === "" ? null : Number(energy));
    days.set(day, values);
  }
  return {
    days: [...days]
      .toSorted(([a], [b]) => a - b)
      .map(([start, energy]) => ({ start: isoText(start), energy_Wh: energy })),
  };
}
